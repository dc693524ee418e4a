package etcdserver

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"insideetcd/ch03-etcdraft/raft"
	"insideetcd/ch03-etcdraft/raftpb"
)

// raftNode drives the raft library (book §7.1): it moves its clock, makes each
// Ready durable, and passes on what was committed.
//
// Invariants
//  1. An entry is handed to apply only after the log holds it durably: with
//     one voter raft commits an entry the moment it is appended, so this is
//     all that stands between a client's "OK" and a crash (test S2).
//  2. Ready, save, apply, Advance happen in this order and by one goroutine;
//     apply itself runs beside the next Ready, except that Advance comes AFTER
//     a conf change was applied: raft may not campaign between.
//  3. After a failed save nothing is handed on any more.
type raftNode struct {
	raft.Node
	raftStorage *raft.MemoryStorage // the entries since the last snapshot
	storage     *storage
	tick        time.Duration

	term, lead atomic.Uint64

	// readStateC carries the answers of ReadIndex to the read loop. It holds
	// the newest one only: an answer also answers what was asked before it.
	readStateC chan raft.ReadState

	stopc chan struct{}
	done  chan struct{}
}

// readyHandler is what the server wants to hear of a Ready.
type readyHandler interface {
	updateLeadership(lead uint64, isLeader bool)
	updateCommittedIndex(index uint64)
	enqueueApply(entries []raftpb.Entry)
	waitApplied(index uint64) error
	fail(err error)
}

func newRaftNode(node raft.Node, ms *raft.MemoryStorage, st *storage, tick time.Duration) *raftNode {
	return &raftNode{
		Node: node, raftStorage: ms, storage: st, tick: tick,
		readStateC: make(chan raft.ReadState, 1),
		stopc:      make(chan struct{}),
		done:       make(chan struct{}),
	}
}

// run handles Readys until stop is called or one cannot be saved.
func (r *raftNode) run(h readyHandler) {
	defer close(r.done)
	defer r.Node.Stop()
	ticker := time.NewTicker(r.tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.Tick()
		case rd := <-r.Ready():
			if err := r.handle(rd, h); errors.Is(err, ErrStopped) {
				return
			} else if err != nil {
				h.fail(err)
				return
			}
			r.Advance()
		case <-r.stopc:
			return
		}
	}
}

func (r *raftNode) handle(rd raft.Ready, h readyHandler) error {
	if rd.SoftState != nil {
		r.lead.Store(rd.SoftState.Lead)
		h.updateLeadership(rd.SoftState.Lead, rd.SoftState.RaftState == raft.StateLeader)
	}
	if !raft.IsEmptyHardState(rd.HardState) {
		r.term.Store(rd.HardState.Term)
	}
	if n := len(rd.ReadStates); n > 0 {
		r.offerReadState(rd.ReadStates[n-1])
	}
	if !raft.IsEmptySnap(rd.Snapshot) {
		return fmt.Errorf("etcdserver: received snapshot %d, but a cluster of one member has nobody to send it", rd.Snapshot.Metadata.Index)
	}
	if err := r.storage.save(rd.HardState, rd.Entries); err != nil {
		return fmt.Errorf("etcdserver: cannot write the log, so nothing can be acknowledged any more: %w", err)
	}
	if err := r.raftStorage.Append(rd.Entries); err != nil {
		return err
	}
	return handOn(rd.CommittedEntries, h)
}

// handOn gives committed entries to apply, and waits for conf changes.
func handOn(committed []raftpb.Entry, h readyHandler) error {
	if len(committed) == 0 {
		return nil
	}
	h.updateCommittedIndex(committed[len(committed)-1].Index)
	h.enqueueApply(committed)
	for i := len(committed) - 1; i >= 0; i-- {
		if committed[i].Type != raftpb.EntryNormal {
			return h.waitApplied(committed[i].Index)
		}
	}
	return nil
}

// offerReadState replaces an answer that nobody fetched by a newer one.
func (r *raftNode) offerReadState(rs raft.ReadState) {
	for {
		select {
		case r.readStateC <- rs:
			return
		default:
		}
		select {
		case <-r.readStateC:
		default:
		}
	}
}

func (r *raftNode) stop() {
	close(r.stopc)
	<-r.done
}
