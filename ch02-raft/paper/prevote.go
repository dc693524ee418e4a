package paper

// PreVote (dissertation §9.6): ask first, campaign in a new term only if it can be won. A
// server that was cut off comes back with the term it left with, and deposes nobody.

// mayHaveLeader tells that this server is the leader, or heard one within the shortest
// election timeout. A start counts as hearing one: what the server promised a leader by
// answering it, a crash made it forget.
func (s *Server) mayHaveLeader() bool {
	return s.role == Leader || s.silence < s.ElectionTicks
}

// disrupts tells that a candidate is to be ignored: whoever cannot hear the leader must not
// depose it (dissertation §4.2.3). By answering a leader a server promises it to vote for
// nobody else for the shortest election timeout: leases stand on this promise. The
// leader itself may ask for the election.
func (s *Server) disrupts(request *RequestVote) bool {
	return (s.CheckQuorum || s.LeaseRead) && s.mayHaveLeader() && !request.Transfer
}

// startPreVote asks all others. Nothing is promised, so nothing has to be saved.
func (s *Server) startPreVote() {
	s.fire(RulePreVote1)
	s.becomeFollower(s.currentTerm)
	s.role = PreCandidate
	s.leader = 0
	s.resetElectionTimer()
	for i := range s.peers {
		p := &s.peers[i]
		if p.voteGranted = p.id == s.ID; !p.voteGranted {
			s.send(p.id, &PreVote{LastLogIndex: s.log.last(), LastLogTerm: s.log.lastTerm()})
		}
	}
	s.countPreVotes()
}

// onPreVote answers as RequestVote in the asker's next term would be answered, plus one
// condition: no leader was heard for the shortest election timeout. It changes nothing here.
func (s *Server) onPreVote(m Message) {
	ask := m.Body.(*PreVote)
	yes := !s.mayHaveLeader() && s.upToDate(ask.LastLogIndex, ask.LastLogTerm)
	reply := Message{From: s.ID, To: m.From, Term: s.currentTerm, Body: &PreVoteReply{VoteGranted: yes}}
	if yes {
		s.fire(RulePreVote2)
		reply.Term = m.Term // the asker counts it in its own term
	}
	s.out.SendAfterSave = append(s.out.SendAfterSave, reply)
}

// onPreVoteReply notes a yes.
func (s *Server) onPreVoteReply(m Message) {
	if m.Body.(*PreVoteReply).VoteGranted {
		s.peer(m.From).voteGranted = true
		s.countPreVotes()
	}
}

// countPreVotes starts the real election once a majority would vote for this server.
func (s *Server) countPreVotes() {
	if s.votes() >= s.majority() {
		s.fire(RulePreVote3)
		s.startElection(false)
	}
}
