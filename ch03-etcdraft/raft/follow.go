package raft

import (
	"fmt"
	"slices"

	"insideetcd/ch03-etcdraft/confchange"
	pb "insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch03-etcdraft/tracker"
)

// This file is the follower's half of replication (Raft §5.3, §7).

// heard notes that m.From leads this term.
func (r *raft) heard(m pb.Message) {
	r.electionElapsed = 0
	r.lead = m.From
}

// handleAppend takes in entries if the log agrees with the leader's before them.
func (r *raft) handleAppend(m pb.Message) error {
	r.heard(m)
	l := r.raftLog
	r.checkCommitted(m)
	if m.Index < l.committed { // late: everything committed agrees anyway
		r.send(pb.Message{To: m.From, Type: pb.MsgAppResp, Index: l.committed})
		return nil
	}
	if !l.matchTerm(m.Index, m.LogTerm) {
		r.refuseAppend(m)
		return nil
	}
	if at := l.findConflict(m.Entries); at != 0 {
		l.append(m.Entries[at-m.Index-1:])
	}
	last := m.Index + uint64(len(m.Entries))
	l.commitTo(min(m.Commit, last))
	r.send(pb.Message{To: m.From, Type: pb.MsgAppResp, Index: last})
	return nil
}

// checkCommitted panics if m has another entry where this node knows one to be committed.
// What is compacted cannot be compared.
func (r *raft) checkCommitted(m pb.Message) {
	l := r.raftLog
	agrees := func(index, term uint64) bool {
		return index > l.committed || index+1 < l.firstIndex() || l.matchTerm(index, term)
	}
	if !agrees(m.Index, m.LogTerm) {
		r.contradicted(m, "entry %d conflict with committed entry [committed(%d)]", m.Index, l.committed)
	}
	for i := range m.Entries {
		e := &m.Entries[i]
		if e.Index > l.committed {
			return
		}
		if !agrees(e.Index, e.Term) {
			r.contradicted(m, "entry %d conflict with committed entry [committed(%d)]", e.Index, l.committed)
		}
	}
}

// refuseAppend answers with the last entry that may agree: the newest of a term not above
// the one asked about, since terms never fall along a log.
func (r *raft) refuseAppend(m pb.Message) {
	hint := r.raftLog.findConflictByTerm(min(m.Index, r.raftLog.lastIndex()), m.LogTerm)
	hintTerm, err := r.raftLog.term(hint)
	if err != nil {
		r.logger.Panicf("%x: read the term of entry %d: %v", r.id, hint, err)
	}
	r.logger.Debugf("%x refuses entries after [term: %d, index: %d] from %x; up to [term: %d, index: %d] they may agree",
		r.id, m.LogTerm, m.Index, m.From, hintTerm, hint)
	r.send(pb.Message{
		To: m.From, Type: pb.MsgAppResp, Index: m.Index, Reject: true, RejectHint: hint, LogTerm: hintTerm,
	})
}

// handleHeartbeat answers with the context that it came with: reads may wait for it.
func (r *raft) handleHeartbeat(m pb.Message) error {
	r.heard(m)
	if last := r.raftLog.lastIndex(); m.Commit > last {
		r.contradicted(m, "tocommit(%d) is out of range [lastIndex(%d)]. Was the raft log corrupted, truncated, or lost?", m.Commit, last)
	}
	r.raftLog.commitTo(m.Commit)
	r.send(pb.Message{To: m.From, Type: pb.MsgHeartbeatResp, Context: m.Context})
	return nil
}

// handleSnapshot starts over from the leader's state, unless this node has all of it.
//
// A snapshot brings its members, which are in force at once. Entries that the application
// is still applying may change members as well, and those changes belong before it: so
// the snapshot waits for them. (etcd puts such a late change on top of the snapshot's
// members.)
func (r *raft) handleSnapshot(m pb.Message) error {
	r.heard(m)
	if r.raftLog.applying > r.raftLog.applied {
		r.waitingSnap = &m
		return nil
	}
	index := r.raftLog.committed
	if r.restore(m.Snapshot) {
		index = r.raftLog.lastIndex()
	}
	r.send(pb.Message{To: m.From, Type: pb.MsgAppResp, Index: index})
	return nil
}

// admitSnapshot takes in the snapshot that waited, once nothing is being applied. In
// another term it is void.
func (r *raft) admitSnapshot() {
	if m := r.waitingSnap; m != nil && r.raftLog.applying <= r.raftLog.applied {
		r.waitingSnap = nil
		if r.state == StateFollower && r.Term == m.Term {
			_ = r.handleSnapshot(*m) // never fails
		}
	}
}

// restore replaces log and configuration by a snapshot, and reports whether it did. The
// members need not include this node: if it was added after the snapshot, the entries
// that follow say so. (etcd ignores such a snapshot, and a new member whose log does not
// reach back to the leader's is stuck until the next one is made.)
func (r *raft) restore(s pb.Snapshot) bool {
	at := s.Metadata
	switch {
	case at.Index <= r.raftLog.committed:
		return false
	case r.raftLog.matchTerm(at.Index, at.Term):
		// The log has it all; the snapshot only tells that it is committed.
		r.raftLog.commitTo(at.Index)
		return false
	}
	config, progress, err := confchange.Restore(r.changer(), at.ConfState)
	if err != nil {
		r.logger.Warningf("%x ignores the snapshot [index: %d, term: %d]: its members are impossible: %v", r.id, at.Index, at.Term, err)
		return false
	}
	r.raftLog.restore(s)
	r.prs.SetMembers(config, progress)
	r.logger.Infof("%x restored the snapshot [index: %d, term: %d, %s]", r.id, at.Index, at.Term, config)
	return true
}

// changer computes changes of the configuration in force.
func (r *raft) changer() confchange.Changer {
	return confchange.Changer{Tracker: r.prs, LastIndex: r.raftLog.lastIndex()}
}

// forwardProposal passes a proposal on to the leader.
func (r *raft) forwardProposal(m pb.Message) error {
	if r.lead == None || r.disableProposalForwarding {
		return r.dropProposal(m)
	}
	m.From, m.To = r.id, r.lead
	m.Entries = slices.Clone(m.Entries) // the slice stays the caller's
	r.send(m)
	return nil
}

// dropProposal: without a leader nobody can order proposals.
func (r *raft) dropProposal(pb.Message) error {
	r.logger.Infof("%x has no leader at term %d: a proposal is dropped", r.id, r.Term)
	return ErrProposalDropped
}

// Contradiction is the panic of a node whose leader, in its present term, says what
// cannot be true as long as every member keeps what it promised: a commit index beyond
// this log, or another entry where this node knows one to be committed. One of the two
// has lost part of its log, or was restored from a copy. To go on would make the loss
// permanent; the operator has to find out who is right.
type Contradiction struct {
	Node, Leader, Term uint64
	Text               string
}

func (c *Contradiction) Error() string { return c.Text }

func (r *raft) contradicted(m pb.Message, format string, args ...any) {
	c := &Contradiction{Node: r.id, Leader: m.From, Term: m.Term, Text: fmt.Sprintf(format, args...)}
	r.logger.Errorf("%x stops: its leader %x of term %d contradicts its log: %s", r.id, m.From, m.Term, c.Text)
	panic(c)
}

// checkProgress panics unless invariant P1 of tracker.Progress holds.
func (r *raft) checkProgress(pr *tracker.Progress) {
	if last := r.raftLog.lastIndex(); pr.Match >= pr.Next || pr.Next > last+1 {
		r.broken("P1: match %d < next %d ≤ last index %d + 1", pr.Match, pr.Next, last)
	}
}
