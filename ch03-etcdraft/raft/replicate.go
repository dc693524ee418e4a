package raft

import (
	"errors"

	pb "insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch03-etcdraft/tracker"
)

// This file is the leader's half of replication (Raft §5.3): entries go out, answers come
// back, and what a quorum holds is committed.

// handleProposal appends the entries of a proposal and sends them to everybody.
func (r *raft) handleProposal(m pb.Message) error {
	switch {
	case r.prs.Progress[r.id] == nil:
		return ErrProposalDropped // removed while leading: takes nothing new
	case r.leadTransferee != None:
		r.logger.Debugf("%x hands over to %x: a proposal is dropped", r.id, r.leadTransferee)
		return ErrProposalDropped // or the transferee would never catch up (Raft thesis §3.10)
	case !r.fitsUncommitted(payload(m.Entries)):
		r.logger.Debugf("%x holds %d bytes uncommitted: a proposal is dropped", r.id, r.uncommittedSize)
		return ErrProposalDropped
	}
	for i := range m.Entries {
		r.admitConfChange(&m.Entries[i], r.raftLog.lastIndex()+1+uint64(i))
	}
	r.appendEntries(m.Entries)
	r.advanceCommit()
	r.broadcastAppend()
	return nil
}

// appendEntries gives ents their place in the log. It stamps them where they are
// and copies them once, into unstable; so the slice stays the caller's, while the
// data is kept.
func (r *raft) appendEntries(ents []pb.Entry) {
	r.uncommittedSize += payload(ents)
	last := r.raftLog.lastIndex()
	for i := range ents {
		last++
		ents[i].Term, ents[i].Index = r.Term, last
	}
	r.raftLog.append(ents)
}

// acknowledgeOwn counts this leader itself: as any other member, once its disk has the
// entries.
func (r *raft) acknowledgeOwn() {
	if pr := r.prs.Progress[r.id]; pr != nil && pr.MaybeUpdate(r.raftLog.stableIndex()) {
		r.advanceCommit()
	}
	r.announceCommit()
}

// advanceCommit commits what a quorum holds, if its last entry is of this term; earlier
// terms' entries are committed with it and never by counting (Raft §5.4.2). A leader that
// decides alone commits before its disk has the entry, to hand it out once and not twice.
// That is sound because Ready's contract has the application persist Entries BEFORE it
// applies CommittedEntries, and because nobody else is told of a commit index that this
// node's disk does not reach.
func (r *raft) advanceCommit() {
	i := r.prs.Committed()
	if r.leadsAlone() && !r.asyncStorageWrites {
		i = r.raftLog.lastIndex()
	}
	if i <= r.raftLog.committed || !r.raftLog.matchTerm(i, r.Term) {
		return
	}
	r.raftLog.commitTo(i)
	r.admitReads()
}

// announceCommit tells the followers of a new commit index. What a leader alone commits
// before its disk has it is not told: a learner would still have it after a crash that
// loses it here.
func (r *raft) announceCommit() {
	if r.toldCommit() > r.announced {
		r.broadcastAppend()
	}
}

// toldCommit is the commit index that others may know of.
func (r *raft) toldCommit() uint64 {
	return min(r.raftLog.committed, r.raftLog.stableIndex())
}

// broadcastAppend sends to each member what it lacks, or just the commit index.
func (r *raft) broadcastAppend() {
	r.announced = max(r.announced, r.toldCommit())
	r.prs.Visit(func(id uint64, pr *tracker.Progress) {
		if id != r.id && !pr.IsPaused() {
			r.sendAppend(id, pr)
		}
	})
}

// sendAppend sends the entries from pr.Next on, as many as one message holds, and none if
// the window is full: then the message asks whether the follower is still there. If the
// log does not reach back to pr.Next any more, it sends a snapshot. See book §3.1.5.
func (r *raft) sendAppend(to uint64, pr *tracker.Progress) {
	l := r.raftLog
	prev := pr.Next - 1
	if pr.Next < l.firstIndex() {
		r.sendSnapshot(to, pr)
		return
	}
	prevTerm, err := l.term(prev)
	var ents []pb.Entry
	if err == nil && !pr.IsPaused() {
		ents, err = l.entries(pr.Next, r.maxMsgSize)
	}
	if errors.Is(err, ErrCompacted) { // the application compacts its Storage beside us
		r.sendSnapshot(to, pr)
		return
	} else if err != nil {
		r.logger.Panicf("%x: read the log from %d for %x: %v", r.id, prev, to, err)
	}
	r.send(pb.Message{
		To: to, Type: pb.MsgApp, Index: prev, LogTerm: prevTerm, Entries: ents, Commit: r.toldCommit(),
	})
	r.noteSent(pr, ents)
}

// noteSent updates the progress for a message that is on its way.
func (r *raft) noteSent(pr *tracker.Progress, ents []pb.Entry) {
	switch {
	case pr.State == tracker.StateProbe:
		pr.ProbeSent = true // one question at a time
	case len(ents) > 0:
		last := ents[len(ents)-1].Index
		pr.OptimisticUpdate(last)
		pr.Inflights.Add(last, payload(ents))
	}
	r.checkProgress(pr)
}

// sendSnapshot sends the state instead of entries that are gone (Raft §7). A member that
// was not heard of gets none: it is large, and would go nowhere.
func (r *raft) sendSnapshot(to uint64, pr *tracker.Progress) {
	if !pr.RecentActive {
		return
	}
	s, err := r.raftLog.snapshot()
	if errors.Is(err, ErrSnapshotTemporarilyUnavailable) {
		r.logger.Debugf("%x has no snapshot for %x yet", r.id, to)
		return
	} else if err != nil {
		r.logger.Panicf("%x: read the snapshot for %x: %v", r.id, to, err)
	}
	if IsEmptySnap(s) {
		r.logger.Panicf("%x: the log starts at %d and there is no snapshot of what was before", r.id, r.raftLog.firstIndex())
	}
	r.logger.Infof("%x sends %x [%s] the snapshot [index: %d, term: %d]", r.id, to, pr, s.Metadata.Index, s.Metadata.Term)
	pr.BecomeSnapshot(s.Metadata.Index)
	r.send(pb.Message{To: to, Type: pb.MsgSnap, Snapshot: s})
}

// handleAppendResp learns how far a follower's log agrees.
func (r *raft) handleAppendResp(m pb.Message) error {
	pr := r.prs.Progress[m.From]
	if pr == nil || m.From == r.id {
		return nil
	}
	pr.RecentActive = true
	switch {
	case m.Reject:
		r.handleRefusal(m, pr)
	case m.Index > r.raftLog.lastIndex():
		r.logger.Warningf("%x ignores that %x holds %d: its own last index is %d", r.id, m.From, m.Index, r.raftLog.lastIndex())
	default:
		r.handleAgreement(m, pr)
	}
	r.checkProgress(pr)
	return nil
}

// handleRefusal goes back to where the logs may agree. The follower names the last entry
// of a term not above the one asked about, so a whole term is skipped in one round
// (Raft §5.3, last but one paragraph).
func (r *raft) handleRefusal(m pb.Message, pr *tracker.Progress) {
	hint := m.RejectHint
	if m.LogTerm > 0 { // peers before 3.5 name an index only
		hint = r.raftLog.findConflictByTerm(hint, m.LogTerm)
	}
	if !pr.MaybeDecrTo(m.Index, hint) {
		return
	}
	if pr.State == tracker.StateReplicate {
		pr.BecomeProbe()
	}
	if !pr.IsPaused() {
		r.sendAppend(m.From, pr)
	}
}

// handleAgreement moves on: the follower holds everything up to m.Index.
func (r *raft) handleAgreement(m pb.Message, pr *tracker.Progress) {
	wasPaused := pr.IsPaused()
	news := pr.MaybeUpdate(m.Index)
	switch {
	case pr.State == tracker.StateProbe && m.Index == pr.Match:
		pr.BecomeReplicate()
	case pr.State == tracker.StateSnapshot && pr.Match >= pr.PendingSnapshot:
		pr.BecomeReplicate()
	case pr.State == tracker.StateReplicate:
		pr.Inflights.FreeLE(m.Index)
	}
	if news {
		r.advanceCommit()
		r.announceCommit()
	}
	if wasPaused && !pr.IsPaused() || pr.State == tracker.StateReplicate {
		r.fillWindow(m.From, pr)
	}
	if m.From == r.leadTransferee {
		r.tryHandOver(m.From, pr)
	}
}

// fillWindow sends while there is something to send and room in the window.
func (r *raft) fillWindow(to uint64, pr *tracker.Progress) {
	for !pr.IsPaused() && pr.Next <= r.raftLog.lastIndex() {
		r.sendAppend(to, pr)
	}
}

// handleBeat sends heartbeats. They carry no entries, and a commit index that the member
// is known to reach.
func (r *raft) handleBeat(pb.Message) error {
	r.broadcastHeartbeat(r.readOnly.nextRound())
	return nil
}

func (r *raft) broadcastHeartbeat(context []byte) {
	r.prs.Visit(func(id uint64, pr *tracker.Progress) {
		if id != r.id {
			r.send(pb.Message{To: id, Type: pb.MsgHeartbeat, Commit: min(pr.Match, r.toldCommit()), Context: context})
		}
	})
}

// handleHeartbeatResp: the member is there. If it lacks something although nothing is on
// its way, or what was on its way is lost, the next message shows it.
func (r *raft) handleHeartbeatResp(m pb.Message) error {
	pr := r.prs.Progress[m.From]
	if pr == nil || m.From == r.id {
		return nil
	}
	pr.RecentActive = true
	pr.ProbeAcked()
	if pr.State != tracker.StateSnapshot && (pr.Match < r.raftLog.lastIndex() || pr.State == tracker.StateProbe) {
		r.sendAppend(m.From, pr)
	}
	r.confirmReads(m.From, m.Context)
	return nil
}

// handleUnreachable: what was sent without waiting is probably lost.
func (r *raft) handleUnreachable(m pb.Message) error {
	if pr := r.prs.Progress[m.From]; pr != nil && pr.State == tracker.StateReplicate && m.From != r.id {
		pr.BecomeProbe()
	}
	return nil
}

// handleSnapStatus: sending a snapshot has ended. Whether it was taken the next answer
// tells, so nothing is sent before that or a heartbeat's answer.
func (r *raft) handleSnapStatus(m pb.Message) error {
	pr := r.prs.Progress[m.From]
	if pr == nil || pr.State != tracker.StateSnapshot {
		return nil
	}
	if m.Reject {
		pr.PendingSnapshot = 0
	}
	pr.BecomeProbe()
	pr.ProbeSent = true
	r.logger.Debugf("%x: the snapshot for %x was sent [failed: %t, %s]", r.id, m.From, m.Reject, pr)
	return nil
}

// payload returns the bytes of data in ents. Only these count towards the limit,
// so that an empty entry is never refused.
func payload(ents []pb.Entry) (n uint64) {
	for i := range ents {
		n += uint64(len(ents[i].Data))
	}
	return n
}

// fitsUncommitted reports whether size more bytes may wait. Without a quorum
// nothing is committed, and clients that retry would fill the memory of a leader
// that has no limit.
func (r *raft) fitsUncommitted(size uint64) bool {
	return size == 0 || r.uncommittedSize == 0 || r.uncommittedSize+size <= r.maxUncommittedSize
}

// reduceUncommitted takes entries off the count when they are handed out as
// committed. Those of former leaders were never counted, so it stops at 0.
func (r *raft) reduceUncommitted(ents []pb.Entry) {
	if r.uncommittedSize > 0 {
		r.uncommittedSize -= min(r.uncommittedSize, payload(ents))
	}
}
