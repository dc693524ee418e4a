package paper

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A server whose state has been damaged stops at once, and says how.
func TestABrokenInvariantStopsTheServer(t *testing.T) {
	for _, row := range []struct {
		damage func(*Server)
		says   string
	}{
		{func(s *Server) { s.commitIndex = 9 }, "invariant P1: lastApplied 2, commitIndex 9, last index 2"},
		{func(s *Server) { s.commitIndex, s.lastApplied = 1, 1 }, "invariant P1: commitIndex fell from 2 to 1"},
		{func(s *Server) { s.currentTerm = 0 }, "invariant P2: currentTerm fell from 1 to 0"},
		{func(s *Server) { s.votedFor = 2 }, "invariant P2: voted for 1 and then for 2"},
		{func(s *Server) { s.log.entries[1].Term = 7 }, "invariant P3: the last entry is of term 7"},
		{func(s *Server) { s.past.term, s.votedFor = 0, 3 }, "invariant P6: a leader that voted for 3"},
		{func(s *Server) { s.peer(2).nextIndex = 1 }, "invariant P7: server 2 has match 2, next 1, last index 2"},
		{func(s *Server) { s.cutFrom(2) }, "invariant P4: entry 2 to be cut off, committed up to 2"},
		{func(s *Server) { s.log.append(Entry{Index: 3, Term: 1}); s.cutFrom(3) }, "invariant P5: entry 3 to be cut off at a leader"},
	} {
		c := newCluster(t, 3)
		s := c.Elect(1)
		c.Propose(1, "a")
		require.Contains(t, lastWords(func() {
			row.damage(s)
			s.Tick()
		}), row.says)
	}
}

// lastWords are what f panics with.
func lastWords(f func()) (words string) {
	defer func() { words = fmt.Sprint(recover()) }()
	f()
	return ""
}
