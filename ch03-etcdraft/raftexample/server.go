package raftexample

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// Server is a member that can be used from any goroutine: it is a raftNode and the
// goroutine that owns it.
type Server struct {
	tick      time.Duration
	transport Transport
	lg        *slog.Logger

	inbox chan func(*raftNode)
	stop  chan struct{}
	once  sync.Once
	done  chan struct{} // closed when run has returned
	err   error         // why; set BEFORE done is closed
}

// Start starts a member. It needs Stop.
func Start(c Config) (*Server, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	n, err := newRaftNode(c)
	if err != nil {
		return nil, err
	}
	s := &Server{
		tick: c.Tick, transport: c.Transport, lg: c.Logger,
		inbox: make(chan func(*raftNode)), stop: make(chan struct{}), done: make(chan struct{}),
	}
	s.transport.Start(s)
	go s.run(n)
	return s, nil
}

// Stop ends the member and returns when its goroutine and its transport have ended.
func (s *Server) Stop() {
	s.once.Do(func() { close(s.stop) })
	<-s.done
	s.transport.Stop()
}

// Done is closed when the member has ended; Err then says why, nil after Stop.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err returns why the member ended. Call it after Done.
func (s *Server) Err() error { return s.err }

// run owns n.
func (s *Server) run(n *raftNode) {
	defer close(s.done)
	ticker := time.NewTicker(s.tick)
	defer ticker.Stop()
	for {
		if s.err = n.settle(); s.err != nil {
			s.lg.Error("the member stops", "member", n.id, "error", s.err)
			return
		}
		select {
		case input := <-s.inbox:
			input(n)
			s.takeMore(n)
		case <-ticker.C:
			n.tick()
		case <-s.stop:
			return
		}
	}
}

// maxInputs keeps a flood of requests from shutting out ticks.
const maxInputs = 256

// takeMore takes the inputs that wait behind the first, so that one Ready, and so one
// write to the disk, serves them all.
func (s *Server) takeMore(n *raftNode) {
	for range maxInputs {
		select {
		case input := <-s.inbox:
			input(n)
		default:
			return
		}
	}
}

// outcome is what a caller waits for.
type outcome struct {
	Result
	err error
}

// call runs ask in the goroutine of the member and waits for the answer. A caller that
// goes away leaves a channel with room for it behind, so the goroutine never waits.
func (s *Server) call(ctx context.Context, ask func(n *raftNode, answer func(Result, error))) (Result, error) {
	c := make(chan outcome, 1)
	answer := func(r Result, err error) { c <- outcome{Result: r, err: err} }
	input := func(n *raftNode) {
		if n.removed() {
			answer(Result{}, ErrRemoved)
			return
		}
		ask(n, answer)
	}
	if err := s.send(ctx, input); err != nil {
		return Result{}, err
	}
	select {
	case o := <-c:
		return o.Result, o.err
	case <-ctx.Done():
		return Result{}, fmt.Errorf("%w: %w", ErrTimeout, ctx.Err())
	case <-s.done:
		return Result{}, ErrStopped
	}
}

func (s *Server) send(ctx context.Context, input func(*raftNode)) error {
	select {
	case s.inbox <- input:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrNotTaken, ctx.Err())
	case <-s.done:
		return ErrStopped
	}
}

// Get returns the value of key, not older than the moment of the call.
func (s *Server) Get(ctx context.Context, key string) (Result, error) {
	return s.call(ctx, func(n *raftNode, answer func(Result, error)) { n.read(key, answer) })
}

// Put stores val under key and returns what stood there before. ErrNotTaken means that
// nothing was stored; after any other error it may have been, or may yet be.
func (s *Server) Put(ctx context.Context, key, val string) (Result, error) {
	return s.propose(ctx, kv{Key: []byte(key), Val: []byte(val)})
}

// CompareAndSwap stores val under key if old stands there; a key that was never written
// has the empty value. Errors are as for Put; a value that is another is no error.
func (s *Server) CompareAndSwap(ctx context.Context, key, old, val string) (Result, error) {
	return s.propose(ctx, kv{Key: []byte(key), Val: []byte(val), If: true, Old: []byte(old)})
}

func (s *Server) propose(ctx context.Context, c kv) (Result, error) {
	return s.call(ctx, func(n *raftNode, answer func(Result, error)) { n.propose(c, answer) })
}

// AddMember makes id a member that listens at address, or moves it there. A learner gets
// all entries and has no vote; AddMember without learner promotes it.
func (s *Server) AddMember(ctx context.Context, id uint64, address string, learner bool) error {
	cc := pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: id, Context: []byte(address)}
	if learner {
		cc.Type = pb.ConfChangeAddLearnerNode
	}
	return s.changeMembers(ctx, cc)
}

// RemoveMember takes a member out. Its ID must not be used again.
func (s *Server) RemoveMember(ctx context.Context, id uint64) error {
	return s.changeMembers(ctx, pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: id})
}

func (s *Server) changeMembers(ctx context.Context, cc pb.ConfChange) error {
	_, err := s.call(ctx, func(n *raftNode, answer func(Result, error)) { n.proposeConfChange(cc, answer) })
	return err
}

// Status is what a member knows at this moment; it may be out of date.
type Status struct {
	ID       uint64            `json:"id"`
	Lead     uint64            `json:"lead"` // 0: not known
	Term     uint64            `json:"term"`
	Commit   uint64            `json:"commit"`
	Applied  uint64            `json:"applied"`
	Snapshot uint64            `json:"snapshot"` // index of the last one made or received
	Voters   []uint64          `json:"voters"`
	Learners []uint64          `json:"learners,omitempty"`
	Members  map[uint64]string `json:"members"`
}

// Status asks the member itself, no other.
func (s *Server) Status(ctx context.Context) (Status, error) {
	c := make(chan Status, 1)
	if err := s.send(ctx, func(n *raftNode) { c <- n.status() }); err != nil {
		return Status{}, err
	}
	return <-c, nil
}

func (n *raftNode) status() Status {
	s := n.node.BasicStatus()
	return Status{
		ID: n.id, Lead: s.Lead, Term: s.Term, Commit: s.Commit, Applied: n.appliedIndex, Snapshot: n.snapshotIndex,
		Voters: slices.Clone(n.confState.Voters), Learners: slices.Clone(n.confState.Learners), Members: maps.Clone(n.kvstore.members),
	}
}

var _ Raft = (*Server)(nil)

// Process takes in a message of another member.
func (s *Server) Process(ctx context.Context, m pb.Message) error {
	c := make(chan error, 1)
	if err := s.send(ctx, func(n *raftNode) { c <- n.process(m) }); err != nil {
		return err
	}
	select {
	case err := <-c:
		return err
	case <-s.done:
		return ErrStopped
	}
}

// ReportUnreachable tells that a message to id was not delivered.
func (s *Server) ReportUnreachable(id uint64) {
	_ = s.send(context.Background(), func(n *raftNode) { n.node.ReportUnreachable(id) }) // a member that stopped need not know
}

// ReportSnapshot tells how sending a snapshot to id ended.
func (s *Server) ReportSnapshot(id uint64, status raft.SnapshotStatus) {
	_ = s.send(context.Background(), func(n *raftNode) { n.node.ReportSnapshot(id, status) })
}
