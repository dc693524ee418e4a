package paper

// Output is what a server wants done. Order is the contract:
//
//   - Send may leave at once, also BEFORE Save is durable: a leader's entries travel while it
//     writes them (dissertation §10.2.1).
//   - SendAfterSave MUST NOT leave before Save is durable: votes, and answers that say "I have it".
//   - Snapshot, then Committed are applied AFTER Save is durable.
//   - Reads may be answered AFTER everything up to their Index is applied.
//
// One Save is under way at a time: while the disk is busy, what comes in gathers, and goes out
// as one with the next (group commit). Send and Committed do not wait for that.
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
	saving            bool     // a Save is under way,
	last              position // and this is its last entry
}

// Take hands out what is to be done now; false if there is nothing. Its slices belong to
// the caller; entries and messages are shared with the server and only to be read.
func (s *Server) Take() (Output, bool) {
	out := Output{Send: s.out.Send, Reads: s.out.Reads}
	s.out.Send, s.out.Reads = nil, nil
	if !s.handed.saving {
		s.takeSave(&out)
	}
	if h, to := &s.handed, min(s.commitIndex, s.handed.entries); h.applied < to {
		s.fire(RuleAllServers1)
		out.Committed = s.log.from(h.applied+1, int(to-h.applied))
		h.applied = to
	}
	out.Rules, s.out.Rules = s.out.Rules, nil
	return out, !out.isEmpty()
}

// takeSave hands out what is to be saved, and all that waits for it.
func (s *Server) takeSave(out *Output) {
	h := &s.handed
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
	out.SendAfterSave, out.Snapshot = s.out.SendAfterSave, s.out.Snapshot
	s.out.SendAfterSave, s.out.Snapshot = nil, nil
	h.saving = !out.Save.isEmpty()
	h.last = position{}
	if n := len(out.Save.Entries); n > 0 {
		h.last = position{out.Save.Entries[n-1].Index, out.Save.Entries[n-1].Term}
	}
}

func (o *Output) isEmpty() bool {
	return o.Save.isEmpty() && o.Snapshot == nil &&
		len(o.Send)+len(o.SendAfterSave)+len(o.Committed)+len(o.Reads)+len(o.Rules) == 0
}

func (s *Save) isEmpty() bool { return s.State == nil && s.Snapshot == nil && len(s.Entries) == 0 }

// Saved tells that the Save under way is durable. A leader counts itself now and not earlier
// (P8): of its own term's entries there is one version only, so what is durable is what its log
// holds, and all before it is durable too.
func (s *Server) Saved() {
	saved := s.handed.last
	s.handed.saving = false
	if s.role != Leader || saved.term != s.currentTerm {
		return
	}
	if self := s.self(); saved.index > self.matchIndex {
		self.matchIndex = saved.index
		s.advanceCommitIndex()
	}
	s.check()
}

// Applied tells that the state machine holds everything up to index.
func (s *Server) Applied(index uint64) {
	s.lastApplied = max(s.lastApplied, index)
	s.check()
}
