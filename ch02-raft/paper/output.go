package paper

// Output is what a server wants done. Order is the contract:
//
//   - Send may leave at once, also BEFORE Save is durable: a leader's entries travel while it
//     writes them (dissertation §10.2.1).
//   - SendAfterSave MUST NOT leave before Save is durable: votes, and answers that say "I have it".
//   - Snapshot, then Committed are applied AFTER Save is durable.
//   - Reads may be answered AFTER everything up to their Index is applied.
//
// Saves are written in the order in which they were taken.
type Output struct {
	Save          Save
	Send          []Message
	SendAfterSave []Message
	Snapshot      *Snapshot // replaces the state machine's state
	Committed     []Entry
	Reads         []ReadState
	Rules         []Rule // that fired, with Config.Explain
}

// Save is a change of the persistent state, durable as a whole: Saved and SendAfterSave wait
// for all of it. Of a save that a crash cuts short any part may be there, but of the
// entries no later one without the earlier, nor any without a snapshot that comes with them.
type Save struct {
	State    *HardState // nil: unchanged
	Snapshot *Snapshot  // replaces the log up to its Index, or all of it if the log does not hold its last entry
	Entries  []Entry    // replace the log from the first of them on
}

// HardState is the persistent state of Figure 2, without the log.
type HardState struct {
	CurrentTerm, VotedFor uint64
}

// handed is how far Take has handed things out.
type handed struct {
	term, vote        uint64
	entries, snapshot uint64 // up to this index
	applied           uint64
}

// Take hands out what is to be done now; false if there is nothing. Its slices belong to
// the caller; entries and messages are shared with the server and only to be read.
func (s *Server) Take() (Output, bool) {
	out, h := s.out, &s.handed
	s.out = Output{}
	if h.term != s.currentTerm || h.vote != s.votedFor {
		h.term, h.vote = s.currentTerm, s.votedFor
		out.Save.State = &HardState{CurrentTerm: h.term, VotedFor: h.vote}
	}
	if h.snapshot != s.log.snapshot.Index {
		h.snapshot = s.log.snapshot.Index
		snapshot := s.log.snapshot
		out.Save.Snapshot = &snapshot
	}
	if last := s.log.last(); h.entries < last {
		out.Save.Entries = s.log.from(h.entries+1, int(last-h.entries))
		h.entries = last
	}
	if h.applied < s.commitIndex {
		out.Committed = s.log.from(h.applied+1, int(s.commitIndex-h.applied))
		h.applied = s.commitIndex
		s.fire(RuleAllServers1)
		out.Rules = append(out.Rules, s.out.Rules...)
		s.out.Rules = nil
	}
	some := out.Save.State != nil || out.Save.Snapshot != nil || len(out.Save.Entries) > 0 ||
		len(out.Send) > 0 || len(out.SendAfterSave) > 0 || out.Snapshot != nil ||
		len(out.Committed) > 0 || len(out.Reads) > 0 || len(out.Rules) > 0
	return out, some
}

// Saved tells that the entry (index, term), the last of a Save, is durable, and so all before
// it. A leader counts itself now and not earlier (P8): of its own term's entries there is one
// version only, so this one is what its log holds.
func (s *Server) Saved(index, term uint64) {
	if s.role != Leader || term != s.currentTerm {
		return
	}
	if self := s.self(); index > self.matchIndex {
		self.matchIndex = index
		s.advanceCommitIndex()
	}
	s.check()
}

// Applied tells that the state machine holds everything up to index.
func (s *Server) Applied(index uint64) {
	s.lastApplied = max(s.lastApplied, index)
	s.check()
}
