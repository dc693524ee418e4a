package raft

import (
	"context"
	"sync"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// Node is a member of a cluster that can be used from any goroutine. See book
// §3.2.
type Node interface {
	// Tick advances the logical clock by one. It never blocks: if the node is so
	// far behind that 128 ticks wait already, this one is lost.
	Tick()
	// Campaign makes the node stand for election.
	Campaign(ctx context.Context) error
	// Propose asks to append data to the log, which keeps it: data must not change
	// any more. It blocks while no leader is known, and returns once raft took the
	// proposal in or dropped it (ErrProposalDropped). nil does not mean committed,
	// and an error of ctx does not mean that it never will be.
	Propose(ctx context.Context, data []byte) error
	// ProposeConfChange asks for a change of configuration. It does not wait for the
	// outcome. A version 1 value makes an EntryConfChange, a version 2 value an
	// EntryConfChangeV2.
	ProposeConfChange(ctx context.Context, cc pb.ConfChangeI) error
	// Step feeds a message that came from another node. Messages of a local type are
	// ignored.
	Step(ctx context.Context, msg pb.Message) error
	// Ready is where the node offers what is to be done. After one was taken, none
	// is offered until Advance.
	Ready() <-chan Ready
	// Advance tells that the Ready taken last was handled; see the package comment
	// for what MUST be done BEFORE.
	Advance()
	// ApplyConfChange puts a committed change in force and returns the configuration
	// for the next snapshot. It MUST be called for each change among
	// CommittedEntries; for one that the application refuses, with NodeID 0.
	ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState
	// TransferLeadership asks to move leadership from lead to transferee. It tells
	// no outcome.
	TransferLeadership(ctx context.Context, lead, transferee uint64)
	// ReadIndex asks for a ReadState that carries rctx, which must be unique to this
	// attempt: an answer to an earlier attempt proves nothing about now. The request
	// may be lost; the caller then asks again.
	ReadIndex(ctx context.Context, rctx []byte) error
	// ForgetLeader makes a follower that knows its leader to be gone free to vote at
	// once. It is ignored on a leader and under lease-based reads.
	ForgetLeader(ctx context.Context) error
	// Status returns the state of the node, or a zero Status after Stop.
	Status() Status
	// ReportUnreachable tells that the last message to id was not delivered.
	ReportUnreachable(id uint64)
	// ReportSnapshot tells how sending a snapshot to id ended. It MUST be called for
	// each MsgSnap, or nothing more is sent to that member.
	ReportSnapshot(id uint64, status SnapshotStatus)
	// Stop ends the node and returns when its goroutine has ended.
	Stop()
}

// tickBuffer is how many ticks may wait while the node is busy.
const tickBuffer = 128

// node is RawNode and the goroutine that owns it. Only run touches rn; everybody
// else sends to a channel. See book §3.2.1.
//
//	Propose ────── propc ────┐
//	Step, … ────── recvc ────┤            ┌── readyc ───▶ application
//	Tick ───────── tickc ────┤            │
//	ApplyConfChange confc ───┼──▶ run ────┼── confstatec ▶ ApplyConfChange
//	Advance ───── advancec ──┤    (rn)    │
//	Status ─────── status ───┤            └── done ──────▶ everybody
//	Stop ───────── stop ─────┘
type node struct {
	propc      chan *proposal
	recvc      chan pb.Message
	confc      chan pb.ConfChangeV2
	confstatec chan pb.ConfState
	readyc     chan Ready
	advancec   chan struct{}
	tickc      chan struct{}
	done       chan struct{} // closed when run has returned
	stop       chan struct{}
	status     chan chan Status

	// proposals are used again once their outcome was read. One whose proposer gave
	// up waiting is left to the garbage collector, for run may still write to it.
	proposals sync.Pool

	rn     *RawNode
	logger Logger
}

var _ Node = (*node)(nil)

// proposal is a message of proposed entries and the place for its outcome.
type proposal struct {
	m      pb.Message
	entry  [1]pb.Entry // room for the common case
	result chan error  // holds one: run never waits for the proposer
}

func newProposal() any { return &proposal{result: make(chan error, 1)} }

// StartNode starts a member of a new cluster with the given members. A node that
// joins a running cluster, or was started before, uses RestartNode.
func StartNode(c *Config, peers []Peer) Node {
	if len(peers) == 0 {
		panic("no peers given; use RestartNode instead")
	}
	rn, _ := NewRawNode(c) // the error is always nil
	if err := rn.Bootstrap(peers); err != nil {
		rn.raft.logger.Panicf("raft: node %x cannot start a new cluster: %v", c.ID, err)
	}
	return start(rn)
}

// RestartNode starts a node from what c.Storage holds: log, configuration and
// HardState.
func RestartNode(c *Config) Node {
	rn, _ := NewRawNode(c) // the error is always nil
	return start(rn)
}

func start(rn *RawNode) Node {
	n := &node{
		propc:      make(chan *proposal),
		recvc:      make(chan pb.Message),
		confc:      make(chan pb.ConfChangeV2),
		confstatec: make(chan pb.ConfState),
		readyc:     make(chan Ready),
		advancec:   make(chan struct{}),
		tickc:      make(chan struct{}, tickBuffer),
		done:       make(chan struct{}),
		stop:       make(chan struct{}),
		status:     make(chan chan Status),
		proposals:  sync.Pool{New: newProposal},
		rn:         rn,
		logger:     rn.raft.logger,
	}
	go n.run()
	return n
}

// run owns rn. A nil channel is never ready in a select, so the three channels
// that it opens and closes are the state of the conversation: readyc is open while
// something is to be done and no Ready is out, advancec while one is out, propc
// while a leader is known.
func (n *node) run() {
	defer close(n.done)
	var (
		rd   Ready
		lead = None
		out  bool // a Ready is out, its Advance is awaited
	)
	for {
		var readyc chan Ready
		var advancec chan struct{}
		if out {
			advancec = n.advancec
		} else if n.rn.HasReady() {
			rd, readyc = n.rn.peek(), n.readyc
		}
		lead = n.noteLeader(lead)
		var propc chan *proposal
		if lead != None && n.rn.raft.prs.Progress[n.rn.raft.id] != nil {
			propc = n.propc
		}

		select {
		case p := <-propc:
			n.takeProposals(p)
		case m := <-n.recvc:
			n.receive(m)
		case cc := <-n.confc:
			n.confstatec <- n.rn.raft.applyConfChange(cc)
		case <-n.tickc:
			n.rn.Tick()
		case readyc <- rd:
			n.rn.handOut(rd)
			out = !n.rn.raft.asyncStorageWrites
		case <-advancec:
			n.rn.Advance(rd)
			rd, out = Ready{}, false
		case c := <-n.status:
			c <- n.rn.Status()
		case <-n.stop:
			return
		}
	}
}

// noteLeader says in the log when the leader changes, and returns it.
func (n *node) noteLeader(before uint64) uint64 {
	r := n.rn.raft
	switch {
	case r.lead == before:
	case r.lead == None:
		n.logger.Infof("raft.node: %x lost leader %x at term %d", r.id, before, r.Term)
	case before == None:
		n.logger.Infof("raft.node: %x elected leader %x at term %d", r.id, r.lead, r.Term)
	default:
		n.logger.Infof("raft.node: %x changed leader from %x to %x at term %d", r.id, before, r.lead, r.Term)
	}
	return r.lead
}

// maxProposalsAtOnce keeps a flood of proposals from shutting out ticks.
const maxProposalsAtOnce = 256

// takeProposals steps p and the proposals that wait behind it, so that one Ready,
// and so one fsync, carries them all.
func (n *node) takeProposals(p *proposal) {
	for range maxProposalsAtOnce {
		p.result <- n.rn.raft.Step(p.m)
		select {
		case p = <-n.propc:
		default:
			return
		}
	}
	p.result <- n.rn.raft.Step(p.m)
}

// receive steps m. A response from a node that is no member is dropped.
func (n *node) receive(m pb.Message) {
	if IsResponseMsg(m.Type) && !isLocalThread(m.From) && n.rn.raft.prs.Progress[m.From] == nil {
		return
	}
	_ = n.rn.raft.Step(m) // only proposals have an outcome, and they come through propc
}

func (n *node) Tick() {
	select {
	case n.tickc <- struct{}{}:
	case <-n.done:
	default:
		n.logger.Warningf("a tick is lost: %d ticks wait already, the node is blocked for too long", tickBuffer)
	}
}

func (n *node) Campaign(ctx context.Context) error {
	return n.send(ctx, pb.Message{Type: pb.MsgHup})
}

func (n *node) Propose(ctx context.Context, data []byte) error {
	p := n.proposals.Get().(*proposal)
	p.entry[0] = pb.Entry{Data: data}
	p.m = pb.Message{Type: pb.MsgProp, Entries: p.entry[:]}
	if err := n.offer(ctx, p); err != nil {
		n.release(p)
		return err
	}
	select {
	case err := <-p.result:
		n.release(p)
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-n.done:
		return ErrStopped
	}
}

// release gives p back. Its outcome was read, or it was never sent.
func (n *node) release(p *proposal) {
	p.entry[0], p.m = pb.Entry{}, pb.Message{}
	n.proposals.Put(p)
}

// offer waits until run takes p.
func (n *node) offer(ctx context.Context, p *proposal) error {
	select {
	case n.propc <- p:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-n.done:
		return ErrStopped
	}
}

func (n *node) ProposeConfChange(ctx context.Context, cc pb.ConfChangeI) error {
	e, err := confChangeEntry(cc)
	if err != nil {
		return err
	}
	return n.Step(ctx, pb.Message{Type: pb.MsgProp, Entries: []pb.Entry{e}})
}

func (n *node) Step(ctx context.Context, m pb.Message) error {
	switch {
	case IsLocalMsg(m.Type) && !isLocalThread(m.From):
		return nil // a peer has no say in this
	case m.Type == pb.MsgProp:
		return n.offer(ctx, &proposal{m: m, result: make(chan error, 1)})
	default:
		return n.send(ctx, m)
	}
}

// send waits until run takes m.
func (n *node) send(ctx context.Context, m pb.Message) error {
	select {
	case n.recvc <- m:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-n.done:
		return ErrStopped
	}
}

func (n *node) Ready() <-chan Ready { return n.readyc }

func (n *node) Advance() {
	select {
	case n.advancec <- struct{}{}:
	case <-n.done:
	}
}

func (n *node) ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState {
	var cs pb.ConfState
	select {
	case n.confc <- cc.AsV2():
		cs = <-n.confstatec
	case <-n.done:
	}
	return &cs
}

func (n *node) TransferLeadership(ctx context.Context, lead, transferee uint64) {
	// The transferee asks, as it were: etcd's servers pass the message on like that.
	_ = n.send(ctx, pb.Message{Type: pb.MsgTransferLeader, From: transferee, To: lead})
}

func (n *node) ReadIndex(ctx context.Context, rctx []byte) error {
	return n.send(ctx, readIndexRequest(rctx))
}

func (n *node) ForgetLeader(ctx context.Context) error {
	return n.send(ctx, pb.Message{Type: pb.MsgForgetLeader})
}

func (n *node) Status() Status {
	c := make(chan Status, 1)
	select {
	case n.status <- c:
		return <-c
	case <-n.done:
		return Status{}
	}
}

func (n *node) ReportUnreachable(id uint64) {
	_ = n.send(context.Background(), pb.Message{Type: pb.MsgUnreachable, From: id})
}

func (n *node) ReportSnapshot(id uint64, status SnapshotStatus) {
	_ = n.send(context.Background(),
		pb.Message{Type: pb.MsgSnapStatus, From: id, Reject: status == SnapshotFailure})
}

func (n *node) Stop() {
	select {
	case n.stop <- struct{}{}:
	case <-n.done:
	}
	<-n.done
}
