package serve

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"time"
)

// preface is what an HTTP/2 client that knows its server sends first (RFC 9113 §3.4).
var preface = []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

const (
	// sniffTimeout is how long a client may take to send the bytes that tell what it speaks.
	sniffTimeout = 5 * time.Second

	// maxAcceptPause is the longest pause after a failed accept: the process may be out of
	// file descriptors for a while.
	maxAcceptPause = time.Second
)

// splitter deals the connections of one listener out to two: those that begin with the
// HTTP/2 preface to h2, all others to h1.
//
// Invariants
//
//  1. Nothing is lost: what was read to decide is read again by whoever gets the connection.
//  2. A connection belongs to one owner: the splitter while it is pending, then the queue,
//     then who accepted it. Close closes what the splitter and the queues own.
//  3. A silent connection holds up nobody, and Close does not wait for it.
type splitter struct {
	l      net.Listener
	h2, h1 *queue

	mu      sync.Mutex
	closed  bool
	pending map[net.Conn]struct{} // sent too little so far
	wg      sync.WaitGroup
}

func newSplitter(l net.Listener) *splitter {
	return &splitter{l: l, h2: newQueue(l.Addr()), h1: newQueue(l.Addr()), pending: map[net.Conn]struct{}{}}
}

// serve accepts until the listener is closed, and returns why it ended; nil after close.
func (s *splitter) serve() error {
	defer s.wg.Wait()
	pause := time.Duration(0)
	for {
		c, err := s.l.Accept()
		switch {
		case err == nil:
			pause = 0
			s.admit(c)
		case s.isClosed():
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			pause = min(max(2*pause, 5*time.Millisecond), maxAcceptPause)
			time.Sleep(pause)
		}
	}
}

// admit starts to look at a new connection.
func (s *splitter) admit(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return
	}
	s.pending[c] = struct{}{}
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		s.deal(c)
	}()
}

// deal finds out what a connection speaks and passes it on.
func (s *splitter) deal(c net.Conn) {
	head, isHTTP2, err := sniff(c)
	s.mu.Lock()
	delete(s.pending, c)
	s.mu.Unlock()
	if err != nil {
		_ = c.Close()
		return
	}
	to := s.h1
	if isHTTP2 {
		to = s.h2
	}
	to.put(&sniffed{Conn: c, head: head})
}

// sniff reads until the bytes differ from the preface, or are all of it.
func sniff(c net.Conn) (head []byte, isHTTP2 bool, err error) {
	if err := c.SetReadDeadline(time.Now().Add(sniffTimeout)); err != nil {
		return nil, false, err
	}
	buf := make([]byte, len(preface))
	n := 0
	for n < len(buf) {
		m, err := c.Read(buf[n:])
		n += m
		if !bytes.HasPrefix(preface, buf[:n]) {
			return buf[:n], false, c.SetReadDeadline(time.Time{})
		}
		if err != nil && n < len(buf) {
			return nil, false, err
		}
	}
	return buf, true, c.SetReadDeadline(time.Time{})
}

func (s *splitter) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// close ends serve. Connections that were accepted from h2 and h1 live on.
func (s *splitter) close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.pending {
		_ = c.Close() // makes its sniff return
	}
	s.mu.Unlock()
	_ = s.l.Close()
	_ = s.h2.Close()
	_ = s.h1.Close()
}

// sniffed is a connection whose first bytes were read already.
type sniffed struct {
	net.Conn
	head []byte
}

func (c *sniffed) Read(b []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(b, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// queue is a net.Listener of connections that something else accepted.
type queue struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newQueue(addr net.Addr) *queue {
	return &queue{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// put hands c to Accept, or closes it if nobody accepts any more.
func (q *queue) put(c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.done:
		_ = c.Close()
	}
}

// Accept implements net.Listener.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// Addr implements net.Listener.
func (q *queue) Addr() net.Addr { return q.addr }
