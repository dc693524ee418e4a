package raftexample

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

const (
	raftPath        = "/raft"
	queueLength     = 1024 // messages that wait for a slow member; more are dropped
	postTimeout     = 2 * time.Second
	snapshotTimeout = 60 * time.Second
	maxMessageBytes = 1 << 30
)

// HTTPTransport carries a message a POST to address/raft of its member: the simplest
// thing that works. Chapter 4 builds what etcd uses, and why.
//
//	Send ──▶ peer.queue ──▶ one goroutine a member ──▶ POST ──▶ Handler ──▶ Raft.Process
//	    └──▶ MsgSnap: a goroutine of its own, so that heartbeats do not wait behind it
type HTTPTransport struct {
	lg     *slog.Logger
	client *http.Client
	ctx    context.Context // ends with Stop
	cancel context.CancelFunc
	ready  chan struct{} // closed by Start
	raft   Raft          // set BEFORE ready is closed
	tasks  sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	peers   map[uint64]*httpPeer
}

type httpPeer struct {
	id      uint64
	address string
	queue   chan pb.Message
	ctx     context.Context
	cancel  context.CancelFunc
}

var _ Transport = (*HTTPTransport)(nil)

// NewHTTPTransport sends through rt; nil means a new http.Transport.
func NewHTTPTransport(lg *slog.Logger, rt http.RoundTripper) *HTTPTransport {
	if lg == nil {
		lg = slog.Default()
	}
	if rt == nil {
		rt = &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &HTTPTransport{
		lg: lg, client: &http.Client{Transport: rt}, ctx: ctx, cancel: cancel,
		ready: make(chan struct{}), peers: map[uint64]*httpPeer{},
	}
}

// Start lets messages in and out.
func (t *HTTPTransport) Start(r Raft) {
	t.raft = r
	close(t.ready)
}

// SetPeers starts and ends the goroutines of members.
func (t *HTTPTransport) SetPeers(addresses map[uint64]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return
	}
	for id, p := range t.peers {
		if addresses[id] != p.address {
			p.cancel()
			delete(t.peers, id)
		}
	}
	for id, address := range addresses {
		if t.peers[id] == nil {
			p := &httpPeer{id: id, address: address, queue: make(chan pb.Message, queueLength)}
			p.ctx, p.cancel = context.WithCancel(t.ctx)
			t.peers[id] = p
			t.tasks.Go(func() { t.deliver(p) })
		}
	}
}

// Send queues messages; a full queue drops them, and raft sends again what matters.
func (t *HTTPTransport) Send(messages []pb.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range messages {
		p := t.peers[m.To]
		switch {
		case t.stopped:
		case p == nil && m.Type == pb.MsgSnap:
			t.tasks.Go(func() { t.report(m, errors.New("no such member")) })
		case p == nil:
		case m.Type == pb.MsgSnap:
			t.tasks.Go(func() { t.report(m, t.post(p, m, snapshotTimeout)) })
		default:
			select {
			case p.queue <- m:
			default:
			}
		}
	}
}

// deliver sends what is queued for p, one after the other.
func (t *HTTPTransport) deliver(p *httpPeer) {
	select {
	case <-t.ready:
	case <-p.ctx.Done():
		return
	}
	for {
		select {
		case m := <-p.queue:
			t.report(m, t.post(p, m, postTimeout))
		case <-p.ctx.Done():
			return
		}
	}
}

// report tells raft how it went.
func (t *HTTPTransport) report(m pb.Message, err error) {
	if err != nil {
		t.lg.Debug("a message was not delivered", "to", m.To, "type", m.Type, "error", err)
		t.raft.ReportUnreachable(m.To)
	}
	if m.Type == pb.MsgSnap {
		status := raft.SnapshotFinish
		if err != nil {
			status = raft.SnapshotFailure
		}
		t.raft.ReportSnapshot(m.To, status)
	}
}

func (t *HTTPTransport) post(p *httpPeer, m pb.Message, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(p.ctx, timeout)
	defer cancel()
	b := m.AppendTo(make([]byte, 0, m.Size()))
	// bytes.Reader lets net/http send the request again where it knows that the server
	// has not seen it, and only there, because POST is not idempotent (RFC 9110 §9.2.2).
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.address+raftPath, bytes.NewReader(b))
	if err != nil {
		return err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1024)) // also lets the connection be used again
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(text))
	}
	return nil
}

// Handler takes in what other members POST.
func (t *HTTPTransport) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+raftPath, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessageBytes))
		var m pb.Message
		if err == nil {
			err = m.Unmarshal(b)
		}
		if err != nil {
			http.Error(w, fmt.Sprintf("no raft message: %v", err), http.StatusBadRequest)
			return
		}
		select {
		case <-t.ready:
		default:
			http.Error(w, "this member is still starting", http.StatusServiceUnavailable)
			return
		}
		if err := t.raft.Process(r.Context(), m); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// Stop ends all goroutines.
func (t *HTTPTransport) Stop() {
	t.mu.Lock()
	t.stopped = true
	t.mu.Unlock()
	t.cancel()
	t.tasks.Wait()
	t.client.CloseIdleConnections()
}
