package paper

// Log replication (§5.3): the leader's side. The follower's is in append.go.
//
// The leader sends entries as soon as it has them and assumes that they arrive
// (nextIndex). A follower that misses some says so when the next message comes, at the latest
// the next heartbeat; then the leader looks for the point of agreement with empty messages
// (probing), and goes on from there. There is no other state, and no other timer.

const (
	maxEntries = 64  // in one message
	maxWindow  = 512 // entries sent and not answered, to one follower
)

// errors of Propose and Read.
type refusal string

func (r refusal) Error() string { return string(r) }

// What a server says when it cannot do what it was asked: nothing was done.
const (
	ErrNotLeader    = refusal("paper: not the leader")
	ErrNoLeader     = refusal("paper: no leader known")
	ErrTransferring = refusal("paper: leadership is being transferred")
	ErrBusy         = refusal("paper: too many reads wait")
)

// Propose appends a command to the leader's log and sends it on (Rules for Servers,
// leaders 2 and 3). A nil error promises nothing: the command is committed when it comes out of
// Output.Committed.
func (s *Server) Propose(command []byte) error {
	switch {
	case s.role != Leader:
		return ErrNotLeader
	case s.transfer.to != 0:
		return ErrTransferring
	case command == nil:
		command = []byte{} // nil marks the leader's own empty entry
	}
	s.fire(RuleLeaders2)
	s.appendToLog(command)
	for i := range s.peers {
		if p := &s.peers[i]; p.id != s.ID && s.mayStream(p) {
			s.sendAppend(p)
		}
	}
	s.check()
	return nil
}

// appendToLog adds an entry of the leader's term. The leader counts itself in matchIndex
// later, when the entry is saved (P8).
func (s *Server) appendToLog(command []byte) {
	s.log.append(Entry{Index: s.log.last() + 1, Term: s.currentTerm, Command: command})
}

// tickLeader sends heartbeats, and looks whether this is a leader still.
func (s *Server) tickLeader() {
	s.tickTransfer()
	if s.CheckQuorum && s.alone() {
		s.fire(RuleCheckQuorum)
		s.becomeFollower(s.currentTerm)
		return
	}
	if s.election.elapsed >= s.HeartbeatTicks {
		s.heartbeat()
	}
}

// alone tells that no majority has answered for an election timeout (dissertation §6.2):
// the leader is of no use to its clients, and others may have elected a new one.
func (s *Server) alone() bool {
	s.self().heardAt = s.clock
	heard := reachedByMajority(s, func(p *peer) int64 { return p.heardAt })
	return s.clock-heard >= int64(s.ElectionTicks)
}

// heartbeat sends to all: whatever is missing there, or nothing. It begins a new round.
func (s *Server) heartbeat() {
	s.election.elapsed = 0 // a leader's timer counts towards its heartbeats
	s.reading.round++
	for i := range s.peers {
		if p := &s.peers[i]; p.id != s.ID {
			s.sendAppend(p)
		}
	}
	s.confirmReads()
}

// mayStream tells that there are entries to send which may leave before earlier ones are answered.
func (s *Server) mayStream(p *peer) bool {
	return !p.probing && p.nextIndex <= s.log.last() && p.nextIndex-p.matchIndex <= maxWindow
}

// sendAppend sends AppendEntries from nextIndex on (leaders 3), or the snapshot if what
// comes before nextIndex is compacted (§7).
func (s *Server) sendAppend(p *peer) {
	prev := p.nextIndex - 1
	prevTerm, ok := s.log.term(prev)
	if !ok {
		s.sendSnapshot(p)
		return
	}
	var entries []Entry
	if s.mayStream(p) {
		entries = s.log.from(p.nextIndex, maxEntries)
	}
	if len(entries) > 0 {
		s.fire(RuleLeaders3)
	}
	p.nextIndex += uint64(len(entries))
	s.send(p.id, &AppendEntries{
		PrevLogIndex: prev, PrevLogTerm: prevTerm, Entries: entries,
		LeaderCommit: s.commitIndex, Stamp: s.stamp(),
	})
}

// onAppendEntriesReply moves nextIndex and matchIndex (leaders 3).
func (s *Server) onAppendEntriesReply(m Message) {
	r, p := m.Body.(*AppendEntriesReply), s.peer(m.From)
	s.heard(p, r.Stamp)
	if r.Success {
		s.replicated(p, r.MatchIndex)
	} else {
		s.backUp(p, r)
	}
}

// replicated: the follower has, on disk, everything up to index. Replies overtake each
// other, so matchIndex only grows.
func (s *Server) replicated(p *peer, index uint64) {
	if index > s.log.last() || index < p.matchIndex {
		return
	}
	s.fire(RuleLeaders3Success)
	p.matchIndex = index
	if index+1 >= p.nextIndex {
		p.nextIndex = index + 1
		p.probing = false
	}
	s.advanceCommitIndex()
	s.finishTransfer(p)
	if s.mayStream(p) {
		s.sendAppend(p)
	}
}

// backUp: the follower's log does not agree with the leader's at PrevLogIndex. The paper
// takes one step back; here one reply passes over a whole term of the follower's (end of §5.3).
func (s *Server) backUp(p *peer, r *AppendEntriesReply) {
	stale := r.PrevLogIndex <= p.matchIndex || r.PrevLogIndex >= p.nextIndex
	if stale || p.probing && r.PrevLogIndex != p.nextIndex-1 {
		return // it answers what was asked long ago
	}
	s.fire(RuleLeaders3Conflict)
	next := r.ConflictIndex
	if index, ok := s.log.lastOfTerm(r.ConflictTerm); ok && index < r.PrevLogIndex && r.ConflictTerm != 0 {
		next = index + 1
	}
	p.nextIndex = max(p.matchIndex+1, next)
	p.probing = true
	s.sendAppend(p)
}

// advanceCommitIndex commits what a majority has saved, if it is of the current term
// (leaders 4; §5.3, §5.4.2). An entry of an earlier term can be on a majority and still be
// replaced by a later leader (Figure 8): it is committed with the first one of this term.
func (s *Server) advanceCommitIndex() {
	n := reachedByMajority(s, func(p *peer) uint64 { return p.matchIndex })
	if n <= s.commitIndex {
		return
	}
	if term, _ := s.log.term(n); term != s.currentTerm {
		return
	}
	s.fire(RuleLeaders4)
	s.commitIndex = n
	s.confirmReads()
}
