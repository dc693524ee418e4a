// Package raftengine lets the simulator of chapter 2 run package raft: RawNode, driven by
// the rules of its package comment. It plays the application that the seam of the
// simulator has no words for: it keeps the Storage, puts configuration changes in force,
// and reports how sending a snapshot ended.
package raftengine

import (
	"errors"
	"fmt"
	"slices"

	"insideetcd/ch02-raft/sim"
	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// Engine is the engine "raft". The zero value runs raft with ample limits.
type Engine struct {
	// Tune changes the configuration of a node that starts, e.g. its limits.
	Tune func(*raft.Config, sim.Config)
}

// Reshapes: runs of this engine change the cluster's members under fire.
func (Engine) Reshapes() bool { return true }

// Name is "raft".
func (Engine) Name() string { return "raft" }

// Start makes a node from what its disk holds. A disk that contradicts itself is refused:
// raft says so with a panic, because no application can go on from there.
func (e Engine) Start(cfg sim.Config, disk sim.Stored) (n sim.Node, err error) {
	defer func() {
		if v := recover(); v != nil {
			n, err = nil, fmt.Errorf("start raft node %d: %v", cfg.ID, v)
		}
	}()
	store, err := load(cfg, disk)
	if err != nil {
		return nil, err
	}
	c := e.config(cfg, store)
	rn, err := raft.NewRawNode(c)
	if err != nil {
		return nil, err
	}
	hs, _, _ := store.InitialState()
	return &node{
		id: cfg.ID, servers: cfg.Servers,
		async: c.AsyncStorageWrites, rn: rn, store: store, explain: cfg.Explain, saved: hs, known: disk.Applied, reportTicks: 2 * cfg.ElectionTicks,
	}, nil
}

// config leaves Applied unset: the members in force are those of the snapshot and the
// changes after it, so raft has to hand these out again.
func (e Engine) config(cfg sim.Config, store raft.Storage) *raft.Config {
	c := &raft.Config{
		ID: cfg.ID, ElectionTick: cfg.ElectionTicks, HeartbeatTick: cfg.HeartbeatTicks,
		Storage: store, MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 64,
		CheckQuorum: cfg.CheckQuorum, PreVote: cfg.PreVote,
		Logger: raft.DiscardLogger(), RandIntn: cfg.Rand.IntN,
		// The simulator's network repeats messages, which TCP does not: a proposal that
		// was passed on could be appended twice.
		DisableProposalForwarding: true,
	}
	if cfg.LeaseRead {
		c.ReadOnlyOption = raft.ReadOnlyLeaseBased
	}
	if e.Tune != nil {
		e.Tune(c, cfg)
	}
	return c
}

// node is a RawNode and the application around it.
type node struct {
	rn      *raft.RawNode
	store   *storage
	id      uint64
	servers []uint64
	ticks   int // as a leader that does not belong
	explain bool
	async   bool // raft.Config.AsyncStorageWrites

	known   uint64       // the state machine had applied so much when the node started
	saved   pb.HardState // that the last Ready asked to save
	leading bool         // after the last Ready
	own     *pb.Snapshot // of this node's state machine, not saved yet
	newest  uint64       // snapshot that was handed out to be saved

	reportTicks int // after so many ticks the application reports a sent snapshot
	sending     []sending
}

type sending struct {
	to    uint64
	ticks int
}

// Tick also lets the transport report that a snapshot was sent: it always does in the
// end, and never knows whether it was taken.
//
// A leader that was removed, or became a learner, goes on leading until another takes
// over: the application sees to that.
func (n *node) Tick() {
	n.rn.Tick()
	if voters := n.store.conf.Voters; n.leads() && !slices.Contains(voters, n.id) {
		n.ticks++
		n.rn.TransferLeader(voters[n.ticks%len(voters)])
	}
	kept := n.sending[:0]
	for _, s := range n.sending {
		if s.ticks--; s.ticks > 0 {
			kept = append(kept, s)
			continue
		}
		n.rn.ReportSnapshot(s.to, raft.SnapshotFinish)
	}
	n.sending = kept
}

// Step drops what raft refuses: answers from a node that is no member.
func (n *node) Step(m sim.Message) { _ = n.rn.Step(pb.Message(m.Body.(message))) }

func (n *node) Propose(data []byte) error { return n.rn.Propose(data) }

func (n *node) Read(id uint64) error {
	n.rn.ReadIndex(contextOf(id))
	return nil
}

func (n *node) Transfer(to uint64) {
	if n.leads() {
		n.rn.TransferLeader(to)
	}
}

func (n *node) leads() bool { return n.rn.BasicStatus().RaftState == raft.StateLeader }

// Compact makes a snapshot, which counts once it is saved.
func (n *node) Compact(index uint64, state []byte) {
	term, err := n.store.Term(index)
	if errors.Is(err, raft.ErrCompacted) {
		return // a newer one came from the leader
	} else if err != nil {
		panic(fmt.Sprintf("a snapshot at %d, which is not in the log: %v", index, err))
	}
	n.own = &pb.Snapshot{Data: state, Metadata: pb.SnapshotMetadata{Index: index, Term: term, ConfState: n.store.conf}}
}

// taken is what Saved and Applied need back.
type taken struct {
	rd  raft.Ready
	any bool         // rd was taken from raft
	own *pb.Snapshot // a snapshot of this node's, to be saved with it

	// With asynchronous storage writes: what the threads deliver to the node itself.
	written, applied []pb.Message
}

func (n *node) Ready() (sim.Ready, bool) {
	if n.store.writing && !n.async || n.own == nil && !n.rn.HasReady() {
		return sim.Ready{}, false
	}
	var t taken
	if n.rn.HasReady() {
		t.rd, t.any = n.rn.Ready(), true
	}
	n.newest = max(n.newest, t.rd.Snapshot.Metadata.Index)
	if n.own != nil && n.own.Metadata.Index > n.newest { // or a leader's has come before it
		t.own, n.newest = n.own, n.own.Metadata.Index
	}
	n.own, n.store.writing = nil, true
	return n.translate(&t), true
}

// translate sorts a Ready by what may leave BEFORE the save is durable: only what a
// leader sends that has neither been elected nor changed its term since the last one.
func (n *node) translate(t *taken) sim.Ready {
	rd := t.rd
	news := rd.CommittedEntries
	for len(news) > 0 && news[0].Index <= n.known {
		news = news[1:]
	}
	out := sim.Ready{Save: save(*t), Committed: toSim(news)}
	if !raft.IsEmptySnap(rd.Snapshot) {
		out.Snapshot = toSimSnapshot(rd.Snapshot)
	}
	for _, rs := range rd.ReadStates {
		out.Reads = append(out.Reads, sim.ReadState{ID: idOf(rs.RequestCtx), Index: rs.Index})
	}
	status := n.rn.BasicStatus()
	mayOverlap := n.leading && status.RaftState == raft.StateLeader && status.Term == n.saved.Term && status.Vote == n.saved.Vote
	switch {
	case n.async:
		out.Send, out.SendAfterSave = n.sortWork(t)
	case mayOverlap:
		out.Send = n.messages(rd.Messages)
	default:
		out.SendAfterSave = n.messages(rd.Messages)
	}
	n.leading = status.RaftState == raft.StateLeader
	if !raft.IsEmptyHardState(rd.HardState) {
		n.saved = rd.HardState
	}
	out.Engine = *t
	return out
}

// sortWork takes the messages to the threads apart: what they deliver to other nodes
// leaves after the save, what they deliver to this one is kept in t.
func (n *node) sortWork(t *taken) (now, afterSave []sim.Message) {
	var others, promises []pb.Message
	for _, m := range t.rd.Messages {
		switch m.Type {
		case pb.MsgStorageAppend:
			for _, response := range m.Responses {
				if response.To == m.From {
					t.written = append(t.written, response)
				} else {
					promises = append(promises, response)
				}
			}
		case pb.MsgStorageApply:
			t.applied = m.Responses
		default:
			others = append(others, m)
		}
	}
	return n.messages(others), n.messages(promises)
}

// deliver hands back what a thread delivers to its own node. Its vote for itself may come
// when it is no member any more.
func (n *node) deliver(responses []pb.Message) {
	for _, m := range responses {
		if err := n.rn.Step(m); !errors.Is(err, raft.ErrStepPeerNotFound) {
			must(err)
		}
	}
}

func (n *node) messages(in []pb.Message) []sim.Message {
	if len(in) == 0 {
		return nil
	}
	out := make([]sim.Message, len(in))
	for i, m := range in {
		out[i] = sim.Message{From: m.From, To: m.To, Term: m.Term, Kind: m.Type.String(), Body: message(m)}
		if m.Type == pb.MsgSnap {
			n.sending = append(n.sending, sending{to: m.To, ticks: n.reportTicks})
		}
	}
	return out
}

func (n *node) Saved(r sim.Ready) {
	t := r.Engine.(taken)
	n.store.save(t.rd)
	if t.own != nil {
		n.store.compact(*t.own)
	}
	n.deliver(t.written)
}

func (n *node) Applied(r sim.Ready) {
	t := r.Engine.(taken)
	n.store.writing = false
	if !raft.IsEmptySnap(t.rd.Snapshot) {
		n.store.conf = t.rd.Snapshot.Metadata.ConfState
	}
	for _, e := range t.rd.CommittedEntries {
		if cc, ok := confChange(e); ok {
			n.store.conf = *n.rn.ApplyConfChange(cc)
		}
	}
	n.deliver(t.applied)
	if t.any && !n.async {
		n.rn.Advance(t.rd)
	}
}

func (n *node) Status() sim.Status {
	s, l := n.rn.BasicStatus(), n.rn.LogStatus()
	out := sim.Status{
		ID: s.ID, Term: s.Term, Vote: s.Vote, Leader: s.Lead, Role: roles[s.RaftState],
		Commit: s.Commit, Applied: s.Applied, First: l.First, Last: l.Last, LastTerm: l.LastTerm, BaseTerm: l.BaseTerm,
	}
	out.Members = members(n.store.conf)
	if out.Role == sim.Leader { // alone, it commits what its disk will have before it is applied
		stored, _ := n.store.LastIndex()
		out.Commit = min(out.Commit, stored)
	}
	if out.Role == sim.Follower && slices.Contains(n.store.conf.Learners, s.ID) {
		out.Role = sim.Learner
	}
	if n.explain && n.leading {
		out.Match, out.Next = map[uint64]uint64{}, map[uint64]uint64{}
		for id, pr := range n.rn.Status().Progress {
			out.Match[id], out.Next[id] = pr.Match, pr.Next
		}
	}
	return out
}

func (n *node) EntryAt(index uint64) (sim.Entry, bool) {
	e, ok := n.rn.EntryAt(index)
	return entry(e), ok
}
