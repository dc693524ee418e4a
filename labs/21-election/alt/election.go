//go:build ignore

// Another solution of lab 2.1: it passes too, so the tests ask for the rules and not for
// this or that way to write them down.
package paper

// electionTimeout names no rules: traces are poorer, elections are the same.
func (s *Server) electionTimeout() {
	if s.PreVote {
		s.startPreVote()
	} else {
		s.startElection(false)
	}
}

// onRequestVote refuses first and grants last, and answers at three places.
func (s *Server) onRequestVote(m Message) {
	request := m.Body.(*RequestVote)
	if s.votedFor != 0 && s.votedFor != m.From {
		s.reply(m, &RequestVoteReply{})
		return
	}
	if s.votedFor == 0 && s.disrupts(request) || !s.upToDate(request.LastLogIndex, request.LastLogTerm) {
		s.reply(m, &RequestVoteReply{})
		return
	}
	s.resetElectionTimer()
	s.votedFor = m.From
	s.reply(m, &RequestVoteReply{VoteGranted: true})
}

// upToDate walks through the cases one by one.
func (s *Server) upToDate(lastLogIndex, lastLogTerm uint64) bool {
	mine := position2{s.log.lastTerm(), s.log.last()}
	return !position2{lastLogTerm, lastLogIndex}.before(mine)
}

// position2 is a last entry; positions are ordered by term, then index.
type position2 struct{ term, index uint64 }

func (p position2) before(o position2) bool {
	return p.term < o.term || p.term == o.term && p.index < o.index
}

// onRequestVoteReply counts for itself.
func (s *Server) onRequestVoteReply(m Message) {
	p := s.peer(m.From)
	p.voteGranted = p.voteGranted || m.Body.(*RequestVoteReply).VoteGranted
	marks := 0
	for _, p := range s.peers {
		if p.voteGranted {
			marks++
		}
	}
	if 2*marks > len(s.peers) {
		s.becomeLeader()
	}
}

// becomeLeader makes a new list of peers, and appends before it changes its role.
func (s *Server) becomeLeader() {
	next := s.log.last() + 1
	peers := make([]peer, 0, len(s.peers))
	for _, p := range s.peers {
		peers = append(peers, peer{id: p.id, nextIndex: next, heardAt: s.clock, acked: Stamp{SentAt: never}})
	}
	s.peers, s.termStart = peers, next
	s.appendToLog(nil)
	s.role, s.leader = Leader, s.ID
	s.reading, s.transfer = reads{}, handover{}
	s.heartbeat()
}
