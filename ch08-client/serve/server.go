package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
)

const (
	// headerTimeout is how long an HTTP client may take to send the head of a request. There
	// is no timeout for whole requests: peers stream.
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute
	// httpDrainTimeout is how long an HTTP request in flight may take when the server stops.
	httpDrainTimeout = 500 * time.Millisecond
)

// Server serves listeners until Stop. Listeners may be added while it runs.
type Server struct {
	lg     *slog.Logger
	grpc   *grpc.Server
	client *http.Server
	peer   *http.Server

	errc chan error // the first failure of a listener
	wg   sync.WaitGroup

	mu           sync.Mutex
	stopping     bool
	listeners    []net.Listener
	closeClients []func()
}

// New returns a Server that answers on client listeners with g and clientHTTP, and on
// peer listeners with peerHTTP. It serves nothing yet. nil logs to slog's default.
func New(lg *slog.Logger, g *grpc.Server, clientHTTP, peerHTTP http.Handler) *Server {
	if lg == nil {
		lg = slog.Default()
	}
	return &Server{
		lg:     lg,
		grpc:   g,
		client: httpServer(lg, clientHTTP),
		peer:   httpServer(lg, peerHTTP),
		errc:   make(chan error, 1),
	}
}

func httpServer(lg *slog.Logger, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(lg.Handler(), slog.LevelDebug),
	}
}

// ServeClients serves gRPC and HTTP on l. It returns at once.
func (s *Server) ServeClients(l net.Listener) {
	split := newSplitter(l)
	s.serve(l, split.close,
		func() error { return s.grpc.Serve(split.h2) },
		func() error { return s.client.Serve(split.h1) },
		split.serve)
}

// ServePeers serves the peers' HTTP on l. It returns at once.
func (s *Server) ServePeers(l net.Listener) {
	s.serve(l, nil, func() error { return s.peer.Serve(l) })
}

// serve runs loops, each in its goroutine, on connections of l. closeClients is what
// StopClients calls first.
func (s *Server) serve(l net.Listener, closeClients func(), loops ...func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		_ = l.Close()
		return
	}
	s.listeners = append(s.listeners, l)
	if closeClients != nil {
		s.closeClients = append(s.closeClients, closeClients)
	}
	s.wg.Add(len(loops))
	for _, loop := range loops {
		go func() {
			defer s.wg.Done()
			s.ended(l, loop())
		}()
	}
}

// ended reports a loop that ended although nobody asked it to.
func (s *Server) ended(l net.Listener, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping || err == nil || errors.Is(err, http.ErrServerClosed) {
		return
	}
	select {
	case s.errc <- fmt.Errorf("serving %s: %w", l.Addr(), err):
	default: // the first failure already ends the server
	}
}

// Err delivers the first failure of a listener that Stop did not cause.
func (s *Server) Err() <-chan error { return s.errc }

// StopClients stops serving clients: no new connections, then calls in flight may
// finish until ctx ends, then the rest is cut off. Watches and other streams do not
// finish by themselves; their server ends them when it stops. HTTP gets less time: its
// requests are short, and a connection on which half a request stands never finishes.
func (s *Server) StopClients(ctx context.Context) {
	s.beginStop()
	graceful := make(chan struct{})
	go func() {
		defer close(graceful)
		s.grpc.GracefulStop()
	}()
	short, cancel := context.WithTimeout(ctx, httpDrainTimeout)
	defer cancel()
	_ = s.client.Shutdown(short) // an error says that time is over; Close is the answer
	_ = s.client.Close()
	select {
	case <-graceful:
	case <-ctx.Done():
		s.grpc.Stop()
		<-graceful
	}
}

// Stop cuts off what is left, peers included, and waits for all goroutines of s.
func (s *Server) Stop() {
	s.beginStop()
	s.grpc.Stop()
	_ = s.client.Close()
	_ = s.peer.Close()
	s.mu.Lock()
	listeners := s.listeners
	s.mu.Unlock()
	for _, l := range listeners {
		_ = l.Close() // most are closed already; what counts is that all are
	}
	s.wg.Wait()
}

// beginStop ends accepting from clients.
func (s *Server) beginStop() {
	s.mu.Lock()
	s.stopping = true
	closers := s.closeClients
	s.mu.Unlock()
	for _, closeListener := range closers {
		closeListener()
	}
}
