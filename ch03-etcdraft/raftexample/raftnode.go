package raftexample

import (
	"errors"
	"fmt"
	"log/slog"

	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// raftNode is a member without goroutine, clock or lock: it belongs to whoever drives it.
// An input is one of tick, process, propose, proposeConfChange, read and the reports;
// settle MUST come after it, and then everything that the input caused was done.
//
// Invariants
//
//	N1. A client is told "done" only after its entry is on the disks of a majority,
//	    this member's among them if it needs that, and applied here.
//	N2. appliedIndex is the index of the last entry that kvstore has taken in; entries
//	    are taken in one after the other, none twice, none left out.
//	N3. After a failed save nothing is sent, applied or answered any more.
type raftNode struct {
	id          uint64
	initial     map[uint64]string // members and addresses as the command line names them
	node        *raft.RawNode
	raftStorage *raft.MemoryStorage
	log         Log
	transport   Transport
	lg          *slog.Logger
	newID       func() uint64

	kvstore       *kvstore
	confState     pb.ConfState
	confIndex     uint64 // of the last entry that changed confState
	appliedIndex  uint64
	snapshotIndex uint64

	proposals map[uint64]proposal
	reads     reads
	now       int // ticks since the start

	requestTicks, retryTicks  int
	snapCount, catchUpEntries uint64
}

// newRaftNode starts a member from what its log holds, be it nothing.
func newRaftNode(c Config) (*raftNode, error) {
	saved, err := c.Log.Load()
	if err != nil {
		return nil, fmt.Errorf("raftexample: load the log of member %x: %w", c.ID, err)
	}
	ms, err := saved.storage()
	if err != nil {
		return nil, err
	}
	n := &raftNode{
		id: c.ID, initial: c.Peers, raftStorage: ms, log: c.Log, transport: c.Transport, lg: c.Logger, newID: c.newID,
		kvstore: newKVStore(), proposals: map[uint64]proposal{},
		requestTicks: c.requestTicks(), retryTicks: electionTicks / 2,
		snapCount: c.SnapCount, catchUpEntries: c.CatchUpEntries,
	}
	if !raft.IsEmptySnap(saved.Snapshot) {
		if err := n.publishSnapshot(saved.Snapshot); err != nil {
			return nil, err
		}
	}
	n.transport.SetPeers(n.addresses())
	n.node, err = raft.NewRawNode(c.raftConfig(ms, n.appliedIndex))
	if err == nil && saved.neverLived() && !c.Join {
		err = n.node.Bootstrap(c.bootstrap())
	}
	return n, err
}

// tick lets one unit of time pass.
func (n *raftNode) tick() {
	n.now++
	n.node.Tick()
	n.expireProposals()
	n.expireReads()
}

// process takes in a message of another member.
func (n *raftNode) process(m pb.Message) error {
	if m.To != n.id {
		return fmt.Errorf("raftexample: a message for member %x came to member %x; the addresses of the members are mixed up", m.To, n.id)
	}
	if n.kvstore.removed[m.From] {
		return fmt.Errorf("%w: %x", ErrIDRemoved, m.From)
	}
	if err := n.node.Step(m); !errors.Is(err, raft.ErrProposalDropped) {
		return err
	}
	return nil // the message did arrive; its member learns by waiting that nothing came of the proposal
}

// removed reports whether the member was taken out of its cluster.
func (n *raftNode) removed() bool { return n.kvstore.removed[n.id] }

// settle does all that raft asks for, until it asks for nothing more.
func (n *raftNode) settle() error {
	for {
		n.askIfDue()
		if !n.node.HasReady() {
			return nil
		}
		if err := n.handle(n.node.Ready()); err != nil {
			return err
		}
	}
}

// handle is the contract with package raft, in its order.
func (n *raftNode) handle(rd raft.Ready) error {
	if err := n.save(rd); err != nil {
		return fmt.Errorf("raftexample: member %x cannot save, so it promises nothing any more: %w", n.id, err)
	}
	n.transport.Send(rd.Messages)
	if err := n.publish(rd); err != nil {
		return err
	}
	n.node.Advance(rd)
	return n.maybeTriggerSnapshot()
}

// save makes a Ready durable. The snapshot MUST come BEFORE the HardState whose Commit
// covers it: a crash between the two would leave a commit index beyond the log (S13).
func (n *raftNode) save(rd raft.Ready) error {
	if !raft.IsEmptySnap(rd.Snapshot) {
		if err := n.log.SaveSnapshot(rd.Snapshot); err != nil {
			return err
		}
		if err := n.raftStorage.ApplySnapshot(rd.Snapshot); err != nil {
			return err
		}
	}
	if err := n.log.Save(rd.HardState, rd.Entries); err != nil {
		return err
	}
	return n.raftStorage.Append(rd.Entries)
}

// publish hands what is committed to the store, and answers those who waited for it.
func (n *raftNode) publish(rd raft.Ready) error {
	if !raft.IsEmptySnap(rd.Snapshot) {
		if err := n.publishSnapshot(rd.Snapshot); err != nil {
			return err
		}
	}
	for _, e := range rd.CommittedEntries {
		if e.Index != n.appliedIndex+1 {
			return fmt.Errorf("raftexample: invariant N2: entry %d is to be applied after entry %d", e.Index, n.appliedIndex)
		}
		n.publishEntry(e)
		n.appliedIndex = e.Index
	}
	n.confirm(rd.ReadStates)
	n.answerReads()
	return nil
}

func (n *raftNode) publishEntry(e pb.Entry) {
	switch {
	case e.Type == pb.EntryConfChange:
		n.applyConfChange(e)
	case e.Type != pb.EntryNormal || len(e.Data) == 0: // a new leader's empty entry
	default:
		c, err := decodeKV(e.Data)
		if err != nil { // the same on all members, so they stay equal
			n.lg.Error("an entry is passed over", "index", e.Index, "error", err)
			return
		}
		n.answer(c.ID, n.kvstore.apply(c), nil)
	}
}
