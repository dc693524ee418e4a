package raft

import (
	"insideetcd/ch03-etcdraft/quorum"
	pb "insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch03-etcdraft/tracker"
)

// CampaignType says why a node campaigns. Only campaignTransfer travels, as the Context of
// a vote request: such a vote may depose a leader that works, because it wants it so.
type CampaignType string

const (
	campaignPreElection CampaignType = "CampaignPreElection"
	campaignElection    CampaignType = "CampaignElection"
	campaignTransfer    CampaignType = "CampaignTransfer"
)

// handleHup starts an election, if this node may hold one.
func (r *raft) handleHup(pb.Message) error {
	if r.preVote {
		r.hup(campaignPreElection)
	} else {
		r.hup(campaignElection)
	}
	return nil
}

// handleTimeoutNow: the leader wants this node to take over, so it does not ask whether
// it may.
func (r *raft) handleTimeoutNow(m pb.Message) error {
	r.logger.Infof("%x is to take over from %x at term %d", r.id, m.From, r.Term)
	r.hup(campaignTransfer)
	return nil
}

// hup is the one door to every campaign, with the guards that all of them need.
func (r *raft) hup(t CampaignType) {
	if r.state == StateLeader {
		return
	}
	if !r.promotable() {
		r.logger.Warningf("%x is not a voter or holds an unapplied snapshot: no campaign at term %d", r.id, r.Term)
		return
	}
	if i := r.unappliedConfChange(); i != 0 {
		// The change at i is in force for those who applied it and not for this node:
		// it would count a majority of the wrong members.
		r.logger.Warningf("%x does not campaign at term %d: the configuration change at index %d is not applied yet",
			r.id, r.Term, i)
		return
	}
	r.campaign(t)
}

// unappliedConfChange returns the index of a configuration change, of either
// version, that is committed but not applied, or 0.
func (r *raft) unappliedConfChange() (index uint64) {
	l := r.raftLog
	err := l.scan(l.nextIndex(), l.committed+1, func(e pb.Entry) bool {
		if isConfChange(e) {
			index = e.Index
		}
		return index == 0
	})
	if err != nil {
		r.logger.Panicf("%x: look for unapplied configuration changes: %v", r.id, err)
	}
	return index
}

// campaign asks all voters for their vote, its own first (Raft §5.2).
func (r *raft) campaign(t CampaignType) {
	request := pb.Message{Type: pb.MsgVote}
	if t == campaignPreElection {
		r.becomePreCandidate()
		request.Type, request.Term = pb.MsgPreVote, r.Term+1
	} else {
		r.becomeCandidate()
		request.Term = r.Term
	}
	if t == campaignTransfer {
		request.Context = []byte(t)
	}
	request.Index, request.LogTerm = r.raftLog.lastIndex(), r.raftLog.lastTerm()
	if r.voteForSelf() != quorum.VotePending {
		return
	}
	for _, id := range r.prs.VoterNodes() {
		if id != r.id {
			request.To = id
			r.send(request)
		}
	}
}

// voteForSelf counts this node's own vote before it is on disk: whatever follows from it
// leaves this node in a Ready, AFTER the HardState of the same Ready is on disk. With
// asynchronous storage writes nothing holds other messages back, so the vote itself waits,
// as an answer to itself.
func (r *raft) voteForSelf() quorum.VoteResult {
	if r.asyncStorageWrites && r.state == StateCandidate {
		r.send(pb.Message{To: r.id, Type: pb.MsgVoteResp, Term: r.Term})
		return quorum.VotePending
	}
	return r.countVote(r.id, true)
}

// handleVote answers a candidate, or one who asks whether it should become one. The rules
// of Raft §5.2 and §5.4.1: one vote a term, and only for a log that is not behind.
func (r *raft) handleVote(m pb.Message) error {
	free := r.Vote == m.From || (r.Vote == None && r.lead == None) ||
		(m.Type == pb.MsgPreVote && m.Term > r.Term)
	response := pb.Message{To: m.From, Type: pb.MsgVoteResp}
	if m.Type == pb.MsgPreVote {
		response.Type = pb.MsgPreVoteResp
	}
	if !free || !r.raftLog.isUpToDate(m.Index, m.LogTerm) {
		r.logger.Infof("%x [last index: %d, last term: %d, vote: %x, leader: %x] refuses %s of term %d from %x [last index: %d, last term: %d] at term %d",
			r.id, r.raftLog.lastIndex(), r.raftLog.lastTerm(), r.Vote, r.lead, m.Type, m.Term, m.From, m.Index, m.LogTerm, r.Term)
		response.Reject = true
		r.send(response)
		return nil
	}
	r.logger.Infof("%x grants %s of term %d from %x [last index: %d, last term: %d] at term %d",
		r.id, m.Type, m.Term, m.From, m.Index, m.LogTerm, r.Term)
	// The term of the request: the answer to a pre-vote speaks of the term asked about.
	response.Term = m.Term
	r.send(response)
	if m.Type == pb.MsgVote {
		r.electionElapsed, r.Vote = 0, m.From
	}
	return nil
}

// handleVoteResp counts a vote. A yes to a pre-vote of an earlier term comes too late.
func (r *raft) handleVoteResp(m pb.Message) error {
	if m.Type == pb.MsgPreVoteResp && !m.Reject && m.Term != r.Term+1 {
		return nil
	}
	r.countVote(m.From, !m.Reject)
	return nil
}

// countVote records a vote and acts as soon as the election is decided.
func (r *raft) countVote(from uint64, granted bool) quorum.VoteResult {
	r.prs.RecordVote(from, granted)
	yes, no, result := r.prs.TallyVotes()
	r.logger.Infof("%x has %d votes and %d refusals at term %d: %s", r.id, yes, no, r.Term, result)
	switch {
	case result == quorum.VoteWon && r.state == StatePreCandidate:
		r.campaign(campaignElection)
	case result == quorum.VoteWon:
		r.becomeLeader()
		r.advanceCommit()
		r.broadcastAppend()
	case result == quorum.VoteLost:
		r.becomeFollower(r.Term, None)
	}
	return result
}

// handleCheckQuorum: a leader that a majority no longer answers may have been replaced
// without knowing; it steps down so that its clients look elsewhere (Raft thesis §6.2).
func (r *raft) handleCheckQuorum(pb.Message) error {
	if pr := r.prs.Progress[r.id]; pr != nil {
		pr.RecentActive = true
	}
	if !r.prs.QuorumActive() {
		r.logger.Warningf("%x steps down at term %d: no quorum was heard of for an election timeout", r.id, r.Term)
		r.becomeFollower(r.Term, None)
		return nil
	}
	r.prs.Visit(func(id uint64, pr *tracker.Progress) { pr.RecentActive = id == r.id })
	return nil
}

// handleForgetLeader: the application knows that the leader is gone. Without a leader
// there is no lease, and this node may vote at once.
func (r *raft) handleForgetLeader(pb.Message) error {
	if r.readOnly.option == ReadOnlyLeaseBased {
		r.logger.Warningf("%x keeps its leader %x: reads may rely on its lease", r.id, r.lead)
		return nil
	}
	r.lead = None
	return nil
}
