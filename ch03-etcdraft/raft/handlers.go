package raft

import (
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// handler is the rule for one kind of message in one role.
type handler func(r *raft, m pb.Message) error

// numMessageTypes is the size of the table's second dimension.
const numMessageTypes = int(pb.MsgForgetLeader) + 1

// handlers says what a node does on which message in which role. An empty place
// means that the message is of no concern to that role and is ignored.
var handlers = handlerTable()

// handlerTable is the whole algorithm at a glance. etcd has a function with a switch
// for each role instead; the rules are the same. What a message's term means comes
// before it, in meetTerm.
func handlerTable() (t [numStates][numMessageTypes]handler) {
	for role := range t {
		t[role][pb.MsgHup] = (*raft).handleHup
		t[role][pb.MsgVote] = (*raft).handleVote
		t[role][pb.MsgPreVote] = (*raft).handleVote
		t[role][pb.MsgStorageAppendResp] = (*raft).handleStorageAppendResp
		t[role][pb.MsgStorageApplyResp] = (*raft).handleStorageApplyResp
	}

	f := &t[StateFollower]
	f[pb.MsgApp] = (*raft).handleAppend
	f[pb.MsgHeartbeat] = (*raft).handleHeartbeat
	f[pb.MsgSnap] = (*raft).handleSnapshot
	f[pb.MsgProp] = (*raft).forwardProposal
	f[pb.MsgReadIndex] = (*raft).forwardReadIndex
	f[pb.MsgReadIndexResp] = (*raft).handleReadIndexResp
	f[pb.MsgTransferLeader] = (*raft).forwardTransfer
	f[pb.MsgTimeoutNow] = (*raft).handleTimeoutNow
	f[pb.MsgForgetLeader] = (*raft).handleForgetLeader

	// A candidate that hears a leader of its own term has lost (Raft §5.2).
	c := &t[StateCandidate]
	c[pb.MsgApp] = yieldTo((*raft).handleAppend)
	c[pb.MsgHeartbeat] = yieldTo((*raft).handleHeartbeat)
	c[pb.MsgSnap] = yieldTo((*raft).handleSnapshot)
	c[pb.MsgProp] = (*raft).dropProposal
	c[pb.MsgReadIndex] = (*raft).dropReadIndex
	t[StatePreCandidate] = *c
	t[StateCandidate][pb.MsgVoteResp] = (*raft).handleVoteResp
	t[StatePreCandidate][pb.MsgPreVoteResp] = (*raft).handleVoteResp

	l := &t[StateLeader]
	l[pb.MsgBeat] = (*raft).handleBeat
	l[pb.MsgCheckQuorum] = (*raft).handleCheckQuorum
	l[pb.MsgProp] = (*raft).handleProposal
	l[pb.MsgReadIndex] = (*raft).handleReadIndex
	l[pb.MsgAppResp] = (*raft).handleAppendResp
	l[pb.MsgHeartbeatResp] = (*raft).handleHeartbeatResp
	l[pb.MsgSnapStatus] = (*raft).handleSnapStatus
	l[pb.MsgUnreachable] = (*raft).handleUnreachable
	l[pb.MsgTransferLeader] = (*raft).handleTransferLeader
	return t
}

// yieldTo follows the sender first.
func yieldTo(h handler) handler {
	return func(r *raft, m pb.Message) error {
		r.becomeFollower(m.Term, m.From)
		return h(r, m)
	}
}

// Step feeds one message, local or from a peer, and checks the invariants.
func (r *raft) Step(m pb.Message) error {
	if why := r.malformed(m); why != "" {
		r.logger.Warningf("%x ignores a %s from %x: %s", r.id, m.Type, m.From, why)
		if m.Type == pb.MsgProp {
			return ErrProposalDropped
		}
		return nil
	}
	if !r.meetTerm(m) {
		r.check()
		return nil
	}
	h := handlers[r.state][m.Type]
	if h == nil {
		r.logger.Debugf("%x as %s has no use for %s of term %d from %x", r.id, r.state, m.Type, m.Term, m.From)
		return nil
	}
	err := h(r, m)
	r.check()
	return err
}

// meetTerm applies the rule for all servers of Raft figure 2, that the higher term wins,
// and reports whether the message is to be handled.
func (r *raft) meetTerm(m pb.Message) bool {
	switch {
	case m.Term == 0 || m.Term == r.Term:
		return true
	case m.Term < r.Term:
		r.answerLowerTerm(m)
		return false
	}
	switch m.Type {
	case pb.MsgVote, pb.MsgPreVote:
		if r.inLease() && CampaignType(m.Context) != campaignTransfer {
			r.logger.Infof("%x ignores %s of term %d from %x: the lease of leader %x of term %d is not over",
				r.id, m.Type, m.Term, m.From, r.lead, r.Term)
			return false
		}
	}
	switch m.Type {
	case pb.MsgPreVote: // a question about a term that has not begun
	case pb.MsgPreVoteResp:
		if m.Reject {
			r.becomeFollower(m.Term, None)
		}
	case pb.MsgApp, pb.MsgHeartbeat, pb.MsgSnap: // only a leader sends these
		r.becomeFollower(m.Term, m.From)
	case pb.MsgVote:
		r.meetCandidate(m.Term)
	default:
		r.becomeFollower(m.Term, None)
	}
	return true
}

// meetCandidate begins the candidate's term. The election timer runs on, for only a leader
// or a vote given restarts it (Raft figure 2, rules for followers): else candidates that
// cannot win, for want of entries, keep the one that could from campaigning. (etcd
// restarts it.)
func (r *raft) meetCandidate(term uint64) {
	elapsed := r.electionElapsed
	led := r.state == StateLeader
	r.becomeFollower(term, None)
	if !led { // a leader's timer counts something else
		r.electionElapsed = elapsed
	}
}

// inLease reports whether this node has heard of its leader within an election timeout:
// then a vote could only depose a leader that works (Raft thesis §6.2, §4.2.3). Where
// leaders rely on it, a node that was just started takes into account what it may have
// answered before.
func (r *raft) inLease() bool {
	if r.readOnly.option == ReadOnlyLeaseBased && r.ticksUp < r.electionTimeout {
		return true
	}
	return r.checkQuorum && r.lead != None && r.electionElapsed < r.electionTimeout
}

// answerLowerTerm tells the sender of an outdated message about the present term (Raft
// figure 2, AppendEntries receiver 1). A node that was cut off has a higher term than its
// leader; where the lease or the pre-vote keep it from deposing the leader, or because it
// is a learner, the leader must learn of that term to step down and be elected anew.
// (etcd answers only with CheckQuorum or PreVote; without them a learner that a removed
// member asked for its vote is lost to its leader for good.)
func (r *raft) answerLowerTerm(m pb.Message) {
	switch m.Type {
	case pb.MsgApp, pb.MsgHeartbeat:
		r.send(pb.Message{To: m.From, Type: pb.MsgAppResp})
	case pb.MsgStorageAppendResp: // entries may have been replaced since, the snapshot was not
		r.snapshotStored(m.Snapshot)
	case pb.MsgPreVote:
		r.send(pb.Message{To: m.From, Type: pb.MsgPreVoteResp, Reject: true})
	}
}

// unreachableNumber is a term or index that no cluster gets to. Counting up from below
// it cannot overflow.
const unreachableNumber = 1 << 63

// malformed returns what makes m a message that no node sends to this one, or "".
func (r *raft) malformed(m pb.Message) string {
	switch {
	case m.Type < 0 || int(m.Type) >= numMessageTypes:
		return "its type is of a later version"
	case m.Term >= unreachableNumber || m.Index >= unreachableNumber || m.LogTerm >= unreachableNumber:
		return "its term or index is out of reach"
	case m.Term == 0 && !sentWithoutTerm(m.Type):
		return "it has no term"
	case m.Term != 0 && !IsLocalMsg(m.Type) && (m.From == r.id && !r.isOwnVote(m) || m.From == None):
		return "it comes from nobody else"
	}
	switch m.Type {
	case pb.MsgProp:
		if len(m.Entries) == 0 {
			return "a proposal without entries"
		}
	case pb.MsgApp:
		return malformedEntries(m)
	case pb.MsgSnap:
		s := m.Snapshot.Metadata
		if s.Index == 0 || s.Index >= unreachableNumber || s.Term == 0 || s.Term > m.Term {
			return "its snapshot is none"
		}
	case pb.MsgReadIndexResp:
		if len(m.Entries) != 1 {
			return "it answers not one read"
		}
	}
	return ""
}

func sentWithoutTerm(t pb.MessageType) bool {
	return IsLocalMsg(t) || t == pb.MsgProp || t == pb.MsgReadIndex || t == pb.MsgTransferLeader || t == pb.MsgForgetLeader
}

// malformedEntries returns what is wrong with the entries of an append: they follow the
// entry at m.Index, and terms never fall along a log (I5).
func malformedEntries(m pb.Message) string {
	if (m.Index == 0) != (m.LogTerm == 0) {
		return "only before the first entry there is no term"
	}
	term := m.LogTerm
	for i := range m.Entries {
		e := &m.Entries[i]
		if e.Index != m.Index+1+uint64(i) {
			return "its entries do not follow each other"
		}
		if e.Term < term || e.Term > m.Term {
			return "the terms of its entries fall, or exceed its own"
		}
		term = e.Term
	}
	return ""
}
