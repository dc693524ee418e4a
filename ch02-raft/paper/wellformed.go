package paper

import (
	"errors"
	"fmt"
	"slices"
)

// This file is the border: what may come in from the network and from the disk.

// limit is above every term and index that a run can reach; below it, adding one is safe.
const limit = 1 << 62

// wellFormed tells that m is a message which some server might send to this one. What is
// not is dropped: a network may mangle messages, and a server must not fall over them.
func (s *Server) wellFormed(m Message) bool {
	if m.To != s.ID || m.From == s.ID || s.peer(m.From) == nil || m.Body == nil || m.Term >= limit {
		return false
	}
	kind := m.Body.Kind()
	begun := m.Term > 0 || kind == KindPreVote || kind == KindPreVoteReply // in term 0 servers only ask
	return begun && m.Body.wellFormed(m)
}

func (b *RequestVote) wellFormed(m Message) bool {
	return canStand(b.LastLogIndex, b.LastLogTerm, m.Term) && b.LastLogTerm < m.Term
}

func (b *PreVote) wellFormed(m Message) bool {
	return canStand(b.LastLogIndex, b.LastLogTerm, m.Term)
}

func (b *AppendEntries) wellFormed(m Message) bool {
	if !canStand(b.PrevLogIndex, b.PrevLogTerm, m.Term) || b.LeaderCommit >= limit {
		return false
	}
	return follow(b.PrevLogIndex, b.PrevLogTerm, b.Entries, m.Term) == nil
}

func (b *InstallSnapshot) wellFormed(m Message) bool {
	return b.Snapshot.Index > 0 && canStand(b.Snapshot.Index, b.Snapshot.Term, m.Term)
}

func (b *AppendEntriesReply) wellFormed(Message) bool {
	return b.MatchIndex < limit && b.PrevLogIndex < limit && b.ConflictIndex < limit &&
		(b.Success || b.ConflictIndex <= b.PrevLogIndex)
}

func (b *InstallSnapshotReply) wellFormed(Message) bool { return b.MatchIndex < limit }
func (b *ReadIndexReply) wellFormed(Message) bool       { return b.Index < limit }
func (*RequestVoteReply) wellFormed(Message) bool       { return true }
func (*PreVoteReply) wellFormed(Message) bool           { return true }
func (*ReadIndex) wellFormed(Message) bool              { return true }
func (*TimeoutNow) wellFormed(Message) bool             { return true }

// canStand tells that an entry (index, term) can stand in the log of a server in term now;
// the position before the first entry is (0, 0).
func canStand(index, term, now uint64) bool {
	return index < limit && term <= now && (index == 0) == (term == 0)
}

// follow tells why entries cannot stand after (index, term) in the log of a server in term now.
func follow(index, term uint64, entries []Entry, now uint64) error {
	for _, e := range entries {
		if index++; e.Index != index {
			return fmt.Errorf("entry %d where entry %d has to be", e.Index, index)
		}
		if e.Term < term || e.Term == 0 {
			return fmt.Errorf("entry %d has term %d after term %d", e.Index, e.Term, term)
		}
		if term = e.Term; term > now {
			return fmt.Errorf("entry %d has term %d, but the term is at most %d", e.Index, e.Term, now)
		}
	}
	if index >= limit {
		return fmt.Errorf("index %d is out of range", index)
	}
	return nil
}

// validate refuses what no run can have stored. An empty disk is a server's first start.
func (d Stored) validate(servers []uint64) error {
	last := d.Snapshot.Index + uint64(len(d.Entries))
	switch {
	case d.CurrentTerm >= limit:
		return fmt.Errorf("term %d is out of range", d.CurrentTerm)
	case d.VotedFor != 0 && !slices.Contains(servers, d.VotedFor):
		return fmt.Errorf("the vote of term %d went to %d, who is none of %v", d.CurrentTerm, d.VotedFor, servers)
	case d.VotedFor != 0 && d.CurrentTerm == 0:
		return fmt.Errorf("a vote for %d, but no term", d.VotedFor)
	case !canStand(d.Snapshot.Index, d.Snapshot.Term, limit-1):
		return fmt.Errorf("no snapshot ends at index %d, term %d", d.Snapshot.Index, d.Snapshot.Term)
	case d.Applied < d.Snapshot.Index:
		return fmt.Errorf("entries up to %d are applied, but the snapshot ends at %d", d.Applied, d.Snapshot.Index)
	case d.Applied > last:
		return fmt.Errorf("entries up to %d are applied, but the log ends at %d: entries that were saved are lost", d.Applied, last)
	}
	return follow(d.Snapshot.Index, d.Snapshot.Term, d.Entries, limit-1)
}

func (c Config) validate() error {
	switch {
	case !slices.Contains(c.Servers, c.ID):
		return fmt.Errorf("server %d is none of %v", c.ID, c.Servers)
	case slices.Contains(c.Servers, 0):
		return errors.New("0 is no server: it stands for nobody")
	case !slices.IsSorted(c.Servers) || len(slices.Compact(slices.Clone(c.Servers))) != len(c.Servers):
		return fmt.Errorf("servers %v are not sorted and distinct", c.Servers)
	case c.HeartbeatTicks < 1 || c.ElectionTicks <= c.HeartbeatTicks:
		return fmt.Errorf("elections after %d ticks need heartbeats more often than every %d", c.ElectionTicks, c.HeartbeatTicks)
	case c.Rand == nil:
		return errors.New("no source of randomness")
	case c.DriftPercent < 0 || c.DriftPercent > 50:
		return fmt.Errorf("clocks that drift by %d per cent", c.DriftPercent)
	}
	return nil
}
