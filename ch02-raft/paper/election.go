package paper

// Leader election, §5.2, and who may win it, §5.4.1. Each function is one step of an
// election, in the order in which they happen.

// timer of an election: it runs out after a random time, so that seldom two servers
// campaign at once.
type timer struct{ elapsed, timeout int }

// resetElectionTimer is called in four places, and nowhere else: when a server hears the
// leader OF ITS OWN TERM, when it grants a vote, when it starts a campaign, and when a leader becomes
// a follower (leaders have no such timer). Not when a message of an old term comes, nor when a
// vote is refused, nor merely because of a higher term: a server that only disturbs must not keep others from campaigning.
func (s *Server) resetElectionTimer() {
	s.election = timer{timeout: s.ElectionTicks + s.Rand.IntN(s.ElectionTicks)}
}

// electionTimeout begins a campaign (Rules for Servers, followers 2 and candidates 4).
func (s *Server) electionTimeout() {
	rule := RuleFollowers2
	if s.role == Candidate {
		rule = RuleCandidates4
	}
	s.fire(rule)
	if s.PreVote {
		s.startPreVote()
		return
	}
	s.startElection(false)
}

// becomeFollower goes back to the follower's role, in a new term or, from a candidacy or
// an abdication, in the same.
func (s *Server) becomeFollower(term uint64) {
	if term > s.currentTerm {
		s.currentTerm = term
		s.votedFor = 0
		s.leader = 0
	}
	if s.role == Leader {
		s.leader = 0
		s.resetElectionTimer()
	}
	s.role = Follower
	s.reading = reads{}
	s.transfer = handover{}
}

// becomeCandidate: a new term, the first vote is one's own (Rules for Servers, candidates 1).
func (s *Server) becomeCandidate() {
	s.becomeFollower(s.currentTerm + 1)
	s.role = Candidate
	s.votedFor = s.ID
	s.resetElectionTimer()
	for i := range s.peers {
		s.peers[i].voteGranted = s.peers[i].id == s.ID
	}
}

// startElection campaigns: RequestVote to all others. The requests leave after the new
// term and the own vote are on disk; otherwise a crash would let the server vote again,
// for another one, in a term in which it may have won.
func (s *Server) startElection(transfer bool) {
	s.fire(RuleCandidates1)
	s.becomeCandidate()
	for i := range s.peers {
		if to := s.peers[i].id; to != s.ID {
			s.sendAfterSave(to, &RequestVote{LastLogIndex: s.log.last(), LastLogTerm: s.log.lastTerm(), Transfer: transfer})
		}
	}
	s.countVotes()
}

// onRequestVote is RequestVote RPC, receiver 2: one vote a term, first come first served,
// and only for a log that is at least as up-to-date as one's own. The vote is on disk BEFORE
// the reply leaves: a server that forgets its vote gives a second one.
func (s *Server) onRequestVote(m Message) {
	request := m.Body.(*RequestVote)
	free := s.votedFor == m.From || s.votedFor == 0 && !s.disrupts(request)
	granted := free && s.upToDate(request.LastLogIndex, request.LastLogTerm)
	if granted {
		s.fire(RuleRequestVote2)
		s.votedFor = m.From
		s.resetElectionTimer()
	}
	s.reply(m, &RequestVoteReply{VoteGranted: granted})
}

// upToDate compares logs by their last entries (§5.4.1): the later term wins; in the same
// term, the longer log. It keeps every committed entry in the log of every future leader.
func (s *Server) upToDate(lastLogIndex, lastLogTerm uint64) bool {
	if lastLogTerm != s.log.lastTerm() {
		return lastLogTerm > s.log.lastTerm()
	}
	return lastLogIndex >= s.log.last()
}

// onRequestVoteReply notes a vote. A server counts once, however often its reply arrives.
func (s *Server) onRequestVoteReply(m Message) {
	if m.Body.(*RequestVoteReply).VoteGranted {
		s.peer(m.From).voteGranted = true
		s.countVotes()
	}
}

// countVotes makes the candidate leader once it has a majority (candidates 2).
func (s *Server) countVotes() {
	if s.votes() >= s.majority() {
		s.fire(RuleCandidates2)
		s.becomeLeader()
	}
}

func (s *Server) votes() (n int) {
	for i := range s.peers {
		if s.peers[i].voteGranted {
			n++
		}
	}
	return n
}

// becomeLeader takes over: it assumes that all logs are like its own (nextIndex), knows
// nothing (matchIndex), and begins its term with an empty entry: what it commits, and
// with it all entries of earlier terms, is known to be committed (§5.4.2, §8).
func (s *Server) becomeLeader() {
	s.role = Leader
	s.leader = s.ID
	s.reading = reads{}
	s.transfer = handover{}
	for i := range s.peers {
		p := &s.peers[i]
		*p = peer{id: p.id, nextIndex: s.log.last() + 1, heardAt: s.clock, acked: Stamp{SentAt: never}}
	}
	s.fire(RuleLeaders1)
	s.termStart = s.log.last() + 1
	s.appendToLog(nil)
	s.heartbeat()
}
