package raft

import (
	"errors"
	"fmt"

	pb "insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch03-etcdraft/tracker"
)

// Peer is a member of a new cluster.
type Peer struct {
	ID      uint64
	Context []byte // goes into the bootstrap configuration change
}

// SnapshotStatus is the outcome of sending a snapshot.
type SnapshotStatus int

const (
	SnapshotFinish  SnapshotStatus = 1
	SnapshotFailure SnapshotStatus = 2
)

// ProgressType tells whether a member votes.
type ProgressType byte

const (
	ProgressTypePeer    ProgressType = 0
	ProgressTypeLearner ProgressType = 1
)

// RawNode is raft with its outputs gathered into Ready. It has no goroutine and no
// lock: the application drives it, one call at a time. An application that wants
// to be called from many goroutines uses Node.
//
// Invariants:
//
//	N1. between Ready and its Advance there is no other Ready, or the same entries
//	    would be applied twice.
//	N2. a Ready differs from the one before only in what is new.
type RawNode struct {
	raft       *raft
	prevSoftSt SoftState
	prevHardSt pb.HardState
	handedOut  bool // a Ready waits for its Advance (N1)

	// spareMsgs is the array of messages that is not being filled: the one that was
	// handed out, until Advance. Two arrays take turns, so heartbeats allocate nothing.
	spareMsgs []pb.Message

	proposal [1]pb.Entry // room for one proposal: raft copies entries and keeps only their data
}

// NewRawNode builds a node from what config.Storage holds, be it nothing. It panics
// if config breaks a rule; the error is always nil, and there because a caller of
// etcd's function expects it. A node with an empty Storage belongs to no cluster
// until Bootstrap, or until a leader tells it of one.
func NewRawNode(config *Config) (*RawNode, error) {
	c := *config // its defaults are filled in; the caller's stays as it is
	r := newRaft(&c)
	return &RawNode{raft: r, prevSoftSt: r.softState(), prevHardSt: r.hardState()}, nil
}

// Bootstrap begins the log of a new cluster: one configuration change for each
// peer, committed by decree at term 1, so that all members start with the same
// entries. The configuration is in force at once; applying the changes again when
// they come in a Ready is harmless.
func (rn *RawNode) Bootstrap(peers []Peer) error {
	if len(peers) == 0 {
		return errors.New("must provide at least one peer to Bootstrap")
	}
	r := rn.raft
	if r.raftLog.lastIndex() != 0 {
		return errors.New("can't bootstrap a nonempty Storage")
	}
	ents := make([]pb.Entry, len(peers))
	for i, peer := range peers {
		cc := pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: peer.ID, Context: peer.Context}
		data, err := cc.Marshal()
		if err != nil {
			return fmt.Errorf("encode the bootstrap change for member %x: %w", peer.ID, err)
		}
		ents[i] = pb.Entry{Type: pb.EntryConfChange, Term: 1, Index: uint64(i) + 1, Data: data}
	}
	r.becomeFollower(1, None)
	r.raftLog.append(ents)
	r.raftLog.commitTo(uint64(len(ents)))
	for _, peer := range peers {
		r.applyConfChange(pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: peer.ID}.AsV2())
	}
	return nil
}

// Tick advances the logical clock by one.
func (rn *RawNode) Tick() { rn.raft.tick() }

// TickQuiesced advances the election clock only and never campaigns.
func (rn *RawNode) TickQuiesced() { rn.raft.electionElapsed++ }

// Campaign makes the node stand for election now.
func (rn *RawNode) Campaign() error {
	return rn.raft.Step(pb.Message{Type: pb.MsgHup, From: rn.raft.id})
}

// Propose asks to append data to the log. data is kept and must not change. nil
// means taken in, not committed.
func (rn *RawNode) Propose(data []byte) error {
	return rn.proposeEntry(pb.Entry{Data: data})
}

// ProposeConfChange asks for a change of configuration. One that may not be made
// now is taken in as an empty entry.
func (rn *RawNode) ProposeConfChange(cc pb.ConfChangeI) error {
	e, err := confChangeEntry(cc)
	if err != nil {
		return err
	}
	return rn.proposeEntry(e)
}

func (rn *RawNode) proposeEntry(e pb.Entry) error {
	rn.proposal[0] = e
	err := rn.raft.Step(pb.Message{Type: pb.MsgProp, From: rn.raft.id, Entries: rn.proposal[:]})
	rn.proposal[0] = pb.Entry{}
	return err
}

// confChangeEntry encodes a change: a version 1 value as etcd 3.3 reads it.
func confChangeEntry(cc pb.ConfChangeI) (e pb.Entry, err error) {
	if v1, ok := cc.AsV1(); ok {
		e.Type = pb.EntryConfChange
		e.Data, err = v1.Marshal()
	} else {
		v2 := cc.AsV2()
		e.Type = pb.EntryConfChangeV2
		e.Data, err = v2.Marshal()
	}
	if err != nil {
		return pb.Entry{}, fmt.Errorf("encode the configuration change: %w", err)
	}
	return e, nil
}

// ApplyConfChange puts a committed change in force and returns the configuration
// after it, which belongs in the next snapshot. For a change that the application
// refuses it is called with NodeID 0.
func (rn *RawNode) ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState {
	cs := rn.raft.applyConfChange(cc.AsV2())
	return &cs
}

// Step feeds a message that came from another node.
func (rn *RawNode) Step(m pb.Message) error {
	if IsLocalMsg(m.Type) && !isLocalThread(m.From) {
		return ErrStepLocalMsg
	}
	if IsResponseMsg(m.Type) && !isLocalThread(m.From) && rn.raft.prs.Progress[m.From] == nil {
		return ErrStepPeerNotFound
	}
	return rn.raft.Step(m)
}

// HasReady reports whether Ready would hold anything.
func (rn *RawNode) HasReady() bool {
	r := rn.raft
	l := r.raftLog
	return len(l.unstable.lend()) > 0 || l.hasNextEnts() || l.unstable.lendSnapshot() != nil ||
		len(r.msgs) > 0 || len(r.msgsAfterAppend) > 0 || len(r.readStates) > 0 ||
		r.hardState() != rn.prevHardSt || r.softState() != rn.prevSoftSt
}

// Ready returns what is to be done and counts it as handed out. Advance MUST follow
// before the next Ready.
func (rn *RawNode) Ready() Ready {
	rd := rn.peek()
	rn.handOut(rd)
	return rd
}

// peek puts a Ready together without handing it out.
func (rn *RawNode) peek() Ready {
	r := rn.raft
	rd := Ready{
		Entries:          r.raftLog.unstable.lend(),
		CommittedEntries: r.raftLog.nextEnts(),
		Messages:         r.msgs,
		ReadStates:       r.readStates,
	}
	if r.softState() != rn.prevSoftSt {
		ss := r.softState() // on the heap, so only if it is news
		rd.SoftState = &ss
	}
	hs := r.hardState()
	if hs != rn.prevHardSt {
		rd.HardState = hs
	}
	if s := r.raftLog.unstable.lendSnapshot(); s != nil {
		rd.Snapshot = *s
	}
	rd.MustSync = MustSync(hs, rn.prevHardSt, len(rd.Entries))
	if r.asyncStorageWrites {
		rd.Messages = r.withStorageWork(rd)
	}
	return rd
}

// handOut records that the application has rd.
func (rn *RawNode) handOut(rd Ready) {
	if rn.handedOut && !rn.raft.asyncStorageWrites {
		rn.raft.logger.Panicf("invariant N1: raft %x hands out a Ready before the Advance of the one before", rn.raft.id)
	}
	rn.handedOut = true
	if rd.SoftState != nil {
		rn.prevSoftSt = *rd.SoftState
	}
	if !IsEmptyHardState(rd.HardState) {
		rn.prevHardSt = rd.HardState
	}
	r := rn.raft
	r.raftLog.unstable.handOut()
	if n := len(rd.CommittedEntries); n > 0 {
		r.raftLog.applying = rd.CommittedEntries[n-1].Index
	}
	r.msgs, r.readStates, r.msgsAfterAppend = rn.spareMsgs, nil, nil
	if !r.asyncStorageWrites {
		rn.spareMsgs = rd.Messages
	}
}

// Advance tells raft that rd, the last Ready, was handled: its Entries are in
// Storage, its CommittedEntries count as applied.
func (rn *RawNode) Advance(rd Ready) {
	r := rn.raft
	if r.asyncStorageWrites {
		r.logger.Panicf("raft %x is told to advance; with AsyncStorageWrites the responses to storage messages tell it", r.id)
	}
	if !rn.handedOut {
		r.logger.Panicf("invariant N1: raft %x is told to advance without a Ready", r.id)
	}
	rn.handedOut = false
	switch n := len(rd.CommittedEntries); {
	case n > 0:
		r.reduceUncommitted(rd.CommittedEntries)
		r.raftLog.appliedTo(rd.CommittedEntries[n-1].Index)
	case !IsEmptySnap(rd.Snapshot):
		r.raftLog.appliedTo(rd.Snapshot.Metadata.Index)
	}
	if n := len(rd.Entries); n > 0 {
		last := rd.Entries[n-1]
		r.raftLog.unstable.stableTo(last.Index, last.Term)
		r.raftLog.checkStored()
	}
	if !IsEmptySnap(rd.Snapshot) {
		r.raftLog.unstable.stableSnapTo(rd.Snapshot.Metadata.Index)
	}
	clear(rn.spareMsgs)
	rn.spareMsgs = rn.spareMsgs[:0]
	if r.state == StateLeader {
		r.acknowledgeOwn()
		r.leaveJointIfDue()
	}
	r.admitSnapshot()
	r.check()
}

// ReadIndex asks for a ReadState with rctx, which must be unique to this attempt.
// It may be lost; the caller asks again, with another rctx.
func (rn *RawNode) ReadIndex(rctx []byte) {
	_ = rn.raft.Step(readIndexRequest(rctx)) // never fails: a read that cannot be served is dropped
}

func readIndexRequest(rctx []byte) pb.Message {
	return pb.Message{Type: pb.MsgReadIndex, Entries: []pb.Entry{{Data: rctx}}}
}

// TransferLeader asks to hand leadership to transferee, who must be another voter.
func (rn *RawNode) TransferLeader(transferee uint64) {
	_ = rn.raft.Step(pb.Message{Type: pb.MsgTransferLeader, From: transferee})
}

// ReportUnreachable tells that the last message to id was not delivered.
func (rn *RawNode) ReportUnreachable(id uint64) {
	_ = rn.raft.Step(pb.Message{Type: pb.MsgUnreachable, From: id})
}

// ReportSnapshot tells how sending a snapshot to id ended.
func (rn *RawNode) ReportSnapshot(id uint64, status SnapshotStatus) {
	_ = rn.raft.Step(pb.Message{Type: pb.MsgSnapStatus, From: id, Reject: status == SnapshotFailure})
}

// Status returns the state of the node; it allocates.
func (rn *RawNode) Status() Status { return rn.raft.status() }

// BasicStatus returns the state of the node without configuration and progress.
func (rn *RawNode) BasicStatus() BasicStatus { return rn.raft.basicStatus() }

// ForgetLeader makes a follower that knows its leader to be gone free to vote at once.
func (rn *RawNode) ForgetLeader() error {
	return rn.raft.Step(pb.Message{Type: pb.MsgForgetLeader})
}

// WithProgress calls visitor for each member in ascending order of ID. The progress it is
// handed has no Inflights, so that nothing is copied.
func (rn *RawNode) WithProgress(visitor func(id uint64, typ ProgressType, pr tracker.Progress)) {
	rn.raft.prs.Visit(func(id uint64, pr *tracker.Progress) {
		typ := ProgressTypePeer
		if pr.IsLearner {
			typ = ProgressTypeLearner
		}
		shown := *pr
		shown.Inflights = nil
		visitor(id, typ, shown)
	})
}
