package paper

import "fmt"

// Log compaction (§7). Each server makes its own snapshots; the leader sends its own to a
// follower that needs entries which are compacted.

// Compact replaces the log up to index, which must be applied, by the state machine's state
// after it. Compacting less than before is no error and does nothing.
func (s *Server) Compact(index uint64, state []byte) error {
	if index > s.lastApplied {
		return fmt.Errorf("paper: compact up to %d: applied are entries up to %d", index, s.lastApplied)
	}
	if index <= s.log.snapshot.Index {
		return nil
	}
	term, _ := s.log.term(index)
	s.log.compact(Snapshot{Index: index, Term: term, State: state})
	return nil
}

// sendSnapshot sends the state instead of entries, and probes behind it: if it is lost, the
// next heartbeat's answer says so, and it is sent again.
func (s *Server) sendSnapshot(p *peer) {
	s.fire(RuleLeadersSnapshot)
	p.nextIndex = s.log.first()
	p.probing = true
	s.send(p.id, &InstallSnapshot{Snapshot: s.log.snapshot, Stamp: s.stamp()})
}

// onInstallSnapshot is InstallSnapshot RPC, receiver 2 to 8 (Figure 13).
func (s *Server) onInstallSnapshot(m Message) {
	request := m.Body.(*InstallSnapshot)
	snapshot := request.Snapshot
	s.followLeader(m.From)
	switch {
	case snapshot.Index <= s.commitIndex:
		// It comes late: this server has all that, and maybe more.
	case s.log.holds(snapshot.Index, snapshot.Term):
		s.fire(RuleInstallSnapshot6)
		s.commitTo(snapshot.Index) // the entries are here, so there is no need of the state
	default:
		s.fire(RuleInstallSnapshot8)
		s.install(snapshot)
	}
	s.reply(m, &InstallSnapshotReply{MatchIndex: s.commitIndex, Stamp: request.Stamp})
}

// install replaces the log, and in Output the state of the state machine.
func (s *Server) install(snapshot Snapshot) {
	s.log.compact(snapshot)
	s.commitIndex = snapshot.Index
	s.handed.entries = snapshot.Index
	s.handed.applied = snapshot.Index
	s.out.Snapshot = &snapshot
}

// onInstallSnapshotReply: as after a successful AppendEntries.
func (s *Server) onInstallSnapshotReply(m Message) {
	r, p := m.Body.(*InstallSnapshotReply), s.peer(m.From)
	s.heard(p, r.Stamp)
	s.replicated(p, r.MatchIndex)
}
