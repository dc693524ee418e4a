package election

import (
	"fmt"
	"testing"

	"insideetcd/ch02-raft/paper"
)

// Task 2.1.3: counting votes, and what a leader does first.

// vote is an answer to the candidate's request.
func (s *server) vote(from uint64, granted bool) {
	s.hear(from, s.Status().Term, &paper.RequestVoteReply{VoteGranted: granted})
}

func TestAMajorityMakesALeader(t *testing.T) {
	for n := 2; n <= 7; n++ {
		t.Run(fmt.Sprintf("%d servers", n), func(t *testing.T) {
			s := start(t, n, inTerm(3))
			s.campaigns(3)
			needed := map[int]int{2: 2, 3: 2, 4: 3, 5: 3, 6: 4, 7: 4}[n]
			for votes := 1; votes < needed; votes++ { // its own is the first
				expect(s, ruleWin, fmt.Sprintf("role with %d of %d votes", votes, n), paper.Candidate, s.Status().Role)
				s.vote(uint64(votes)+1, true)
			}
			expect(s, ruleWin, fmt.Sprintf("role with %d of %d votes", needed, n), paper.Leader, s.Status().Role)
			expect(s, ruleWin, "term", 4, s.Status().Term)
			expect(s, ruleWin, "leader", 1, s.Status().Leader)
		})
	}
}

func TestEachServerCountsOnce(t *testing.T) {
	s := start(t, 5)
	s.hear(2, 1, &paper.AppendEntries{})
	s.campaigns(1)
	for range 3 {
		s.vote(4, true)
		expect(s, ruleOnce, "role", paper.Candidate, s.Status().Role)
	}
	s.vote(3, false)
	s.vote(5, false)
	expect(s, ruleOnce, "role", paper.Candidate, s.Status().Role)
	s.vote(2, true)
	expect(s, ruleOnce, "role with the votes of 1, 4 and 2", paper.Leader, s.Status().Role)
}

func TestANewLeaderBegins(t *testing.T) {
	s := start(t, 3, withLog(1, 1))
	s.campaigns(1)
	s.vote(3, true)
	out := s.take()
	st := s.Status()
	expect(s, ruleLeader, "last entry index/term", "3/2", fmt.Sprintf("%d/%d", st.LastIndex, st.LastTerm))
	e, _ := s.EntryAt(3)
	expect(s, ruleLeader, "its command", "none", map[bool]string{true: "none", false: fmt.Sprintf("%q", e.Command)}[e.Command == nil])
	heartbeats, _ := sent(out, paper.KindAppendEntries)
	expect(s, ruleLeader, "AppendEntries to", []uint64{2, 3}, receivers(heartbeats))
	s.EachPeer(func(id, next, match uint64) {
		expect(s, "nextIndex begins behind the leader's own log, matchIndex at 0 (Raft Figure 2, State on leaders)",
			fmt.Sprintf("matchIndex of %d", id), 0, match)
	})
	for _, m := range heartbeats {
		a := m.Body.(*paper.AppendEntries)
		expect(s, "consistency check: the first AppendEntries names the entry before the new ones, the last that the leader had (Raft §5.3)",
			"previous entry", "2/1", fmt.Sprintf("%d/%d", a.PrevLogIndex, a.PrevLogTerm))
	}
}
