package raft

import (
	pb "insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch03-etcdraft/tracker"
)

// Leadership transfer (Raft thesis §3.10): the leader takes no more proposals, brings the
// target up to date and tells it to campaign at once. If that does not succeed within an
// election timeout, the leader goes on.

// handleTransferLeader begins a transfer to m.From, in place of one under way.
func (r *raft) handleTransferLeader(m pb.Message) error {
	target := m.From
	pr := r.prs.Progress[target]
	if pr == nil || pr.IsLearner || target == r.id || target == r.leadTransferee {
		r.logger.Debugf("%x does not begin to hand over to %x", r.id, target)
		return nil
	}
	r.logger.Infof("%x begins to hand over to %x at term %d", r.id, target, r.Term)
	r.electionElapsed, r.leadTransferee = 0, target
	if !r.tryHandOver(target, pr) && !pr.IsPaused() {
		r.sendAppend(target, pr)
	}
	return nil
}

// tryHandOver tells the target to campaign, once it holds the whole log.
func (r *raft) tryHandOver(target uint64, pr *tracker.Progress) bool {
	if pr.Match != r.raftLog.lastIndex() {
		return false
	}
	r.logger.Infof("%x tells %x to take over at term %d", r.id, target, r.Term)
	r.readOnly.endLease()
	r.send(pb.Message{To: target, Type: pb.MsgTimeoutNow})
	return true
}

// forwardTransfer passes the wish on to the leader: From stays the target.
func (r *raft) forwardTransfer(m pb.Message) error {
	if r.lead == None {
		r.logger.Infof("%x has no leader at term %d: nobody can hand over", r.id, r.Term)
		return nil
	}
	m.To = r.lead
	r.send(m)
	return nil
}
