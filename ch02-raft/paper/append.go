package paper

// Log replication (§5.3): the follower's side.

// followLeader is what hearing the leader of the current term means in every role but the
// leader's (followers 2, candidates 3; §5.2).
func (s *Server) followLeader(leader uint64) {
	if s.role != Follower {
		s.fire(RuleCandidates3)
		s.becomeFollower(s.currentTerm)
	}
	s.leader = leader
	s.silence = 0
	s.resetElectionTimer()
}

// onAppendEntries is AppendEntries RPC, receiver 2 to 5. The entries are on disk BEFORE the
// reply leaves: the leader counts it towards a majority that has saved them.
func (s *Server) onAppendEntries(m Message) {
	a := m.Body.(*AppendEntries)
	s.followLeader(m.From)
	if a.PrevLogIndex >= s.log.snapshot.Index && !s.log.holds(a.PrevLogIndex, a.PrevLogTerm) {
		s.fire(RuleAppendEntries2)
		s.reply(m, s.conflict(a))
		return
	}
	if !s.store(a.Entries) {
		return
	}
	match := a.PrevLogIndex + uint64(len(a.Entries))
	s.commitTo(min(a.LeaderCommit, match))
	s.reply(m, &AppendEntriesReply{Success: true, MatchIndex: match, Stamp: a.Stamp})
}

// conflict says where the leader should ask next: where this log ends, or where the term
// begins that is in the way.
func (s *Server) conflict(a *AppendEntries) *AppendEntriesReply {
	r := &AppendEntriesReply{PrevLogIndex: a.PrevLogIndex, ConflictIndex: s.log.last() + 1, Stamp: a.Stamp}
	if term, ok := s.log.term(a.PrevLogIndex); ok && a.PrevLogIndex > s.log.snapshot.Index {
		r.ConflictTerm = term
		r.ConflictIndex = max(s.log.firstOfTerm(a.PrevLogIndex), s.commitIndex+1)
	}
	return r
}

// store makes the log hold the entries (receiver 3 and 4). Entries that are there already
// stay, and so does what follows them: an old message must not cut off what a newer one brought.
// Entries that the snapshot stands for are committed, so they agree (§5.4.3). It refuses
// to cut off what is committed (P4): no leader asks for that.
func (s *Server) store(entries []Entry) (ok bool) {
	for i, e := range entries {
		if e.Index < s.log.snapshot.Index || s.log.holds(e.Index, e.Term) {
			continue
		}
		if e.Index <= s.commitIndex {
			return false
		}
		if e.Index <= s.log.last() {
			s.fire(RuleAppendEntries3)
			s.cutFrom(e.Index)
		}
		s.fire(RuleAppendEntries4)
		s.log.append(entries[i:]...)
		return true
	}
	return true
}

// cutFrom removes entries that a leader never committed.
func (s *Server) cutFrom(index uint64) {
	if index <= s.commitIndex {
		s.broken("P4: entry %d to be cut off, committed up to %d", index, s.commitIndex)
	}
	if s.role == Leader {
		s.broken("P5: entry %d to be cut off at a leader", index)
	}
	s.log.cutFrom(index)
	s.handed.entries = min(s.handed.entries, index-1)
}

// commitTo follows the leader's commitIndex (receiver 5), as far as this log is known to
// agree: what lies behind may be what an old leader left.
func (s *Server) commitTo(index uint64) {
	if index > s.commitIndex {
		s.fire(RuleAppendEntries5)
		s.commitIndex = index
	}
}
