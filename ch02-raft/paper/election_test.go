package paper

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNobodyLeadsThenOneDoes(t *testing.T) {
	for n := 1; n <= 7; n++ {
		c := newCluster(t, n)
		c.Tick(100)
		leader := c.OneLeader()
		term := c.servers[leader].currentTerm
		c.Tick(100)
		require.Equal(t, leader, c.OneLeader(), "%d servers: heartbeats keep the others from campaigning", n)
		require.Equal(t, term, c.servers[leader].currentTerm)
	}
}

func TestMajorityOfEverySize(t *testing.T) {
	for n, want := range []int{1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 6: 4, 7: 4} {
		if n > 0 {
			require.Equal(t, want, newCluster(t, n).servers[1].majority(),
				"of %d servers: any two majorities have a server in common (§5.2)", n)
		}
	}
}

func TestHalfOfFourIsNoMajority(t *testing.T) {
	c := newCluster(t, 4)
	c.Isolate(3, 4)
	c.Campaign(1)
	require.Equal(t, Candidate, c.servers[1].role,
		"2 of 4 votes elect nobody: the other half could elect a second leader (majority, §5.2)")
	c.Heal()
	c.Tick(60)
	c.OneLeader()
}

// A vote is a matter of both logs' last entries (§5.4.1). Each row: the voter's log, the
// candidate's last entry.
func TestVotesGoToLogsThatAreUpToDate(t *testing.T) {
	for _, row := range []struct {
		why         string
		voter       []uint64
		index, term uint64
		granted     bool
	}{
		{"the same log", []uint64{1, 1}, 2, 1, true},
		{"a longer log of the same term", []uint64{1, 1}, 3, 1, true},
		{"a shorter log of the same term", []uint64{1, 1, 1}, 2, 1, false},
		{"a shorter log of a later term", []uint64{1, 1, 1}, 1, 2, true},
		{"a longer log of an earlier term", []uint64{1, 3}, 5, 2, false},
		{"an empty log against one entry", []uint64{1}, 0, 0, false},
		{"two empty logs", nil, 0, 0, true},
	} {
		c := newCluster(t, 3)
		c.Logs(1, row.voter...)
		answer := c.Ask(Message{From: 2, To: 1, Term: 9, Body: &RequestVote{LastLogIndex: row.index, LastLogTerm: row.term}})
		require.Equal(t, &RequestVoteReply{VoteGranted: row.granted}, answer,
			"%s: voter %v, candidate's last entry %d/t%d (up-to-date, §5.4.1)", row.why, row.voter, row.index, row.term)
	}
}

func TestOneVoteATerm(t *testing.T) {
	c := newCluster(t, 3)
	ask := func(from, term uint64) Body {
		return c.Ask(Message{From: from, To: 1, Term: term, Body: &RequestVote{}})
	}
	yes, no := &RequestVoteReply{VoteGranted: true}, &RequestVoteReply{}
	require.Equal(t, yes, ask(2, 5))
	require.Equal(t, yes, ask(2, 5), "the same candidate asks again: its answer was lost")
	require.Equal(t, no, ask(3, 5), "the vote of term 5 is given (RequestVote receiver 2, §5.2)")
	require.Equal(t, no, ask(3, 4), "term 4 is over (RequestVote receiver 1, §5.1)")
	require.Equal(t, yes, ask(3, 6), "a new term, a new vote (RequestVote receiver 2, §5.2: votedFor is of currentTerm)")
}

// The promise must outlive the server that gave it.
func TestAVoteIsRememberedThroughACrash(t *testing.T) {
	c := newCluster(t, 3)
	require.Equal(t, &RequestVoteReply{VoteGranted: true}, c.Ask(Message{From: 2, To: 1, Term: 5, Body: &RequestVote{}}))
	c.Restart(1)
	require.EqualValues(t, 5, c.servers[1].currentTerm, "currentTerm is on disk before the reply leaves (Figure 2, persistent state)")
	require.Equal(t, &RequestVoteReply{}, c.Ask(Message{From: 3, To: 1, Term: 5, Body: &RequestVote{}}),
		"a second vote in term 5: votedFor is on disk before the reply leaves (Figure 2, persistent state)")
}

func TestAVoteCanBeSavedInAnOldTerm(t *testing.T) {
	c := newCluster(t, 3)
	c.Ask(Message{From: 2, To: 1, Term: 5, Body: &AppendEntriesReply{}})
	require.EqualValues(t, 5, c.disks[1].CurrentTerm, "the term comes first, by any message")
	require.Equal(t, &RequestVoteReply{VoteGranted: true}, c.Ask(Message{From: 2, To: 1, Term: 5, Body: &RequestVote{}}))
	c.Restart(1)
	require.Equal(t, &RequestVoteReply{}, c.Ask(Message{From: 3, To: 1, Term: 5, Body: &RequestVote{}}),
		"a second vote in term 5: votedFor is on disk before the reply leaves (Figure 2, persistent state)")
}

func TestATermIsRememberedThroughACrash(t *testing.T) {
	c := newCluster(t, 3)
	c.Ask(Message{From: 2, To: 1, Term: 5, Body: &AppendEntries{}})
	c.Restart(1)
	require.Equal(t, &AppendEntriesReply{}, c.Ask(Message{From: 3, To: 1, Term: 4, Body: &AppendEntries{}}),
		"it follows a leader of term 4 after one of term 5: currentTerm is on disk before the reply leaves (Figure 2, persistent state)")
}

func TestNothingIsPromisedBeforeItIsOnDisk(t *testing.T) {
	c := newCluster(t, 3)
	s := c.servers[1]
	s.Step(Message{From: 2, To: 1, Term: 5, Body: &RequestVote{}})
	out, _ := s.Take()
	require.Equal(t, &HardState{CurrentTerm: 5, VotedFor: 2}, out.Save.State, "a vote is saved (Figure 2, persistent state)")
	require.Empty(t, out.Send, "a vote must not leave before it is saved")
	require.Len(t, out.SendAfterSave, 1)
	s.Saved()

	s.Step(Message{From: 2, To: 1, Term: 5, Body: &AppendEntries{Entries: []Entry{{Index: 1, Term: 5}}}})
	out, _ = s.Take()
	require.Len(t, out.Save.Entries, 1, "entries are saved (Figure 2, persistent state)")
	require.Empty(t, out.Send, "\"I have it\" must not leave before it is so")
	require.Len(t, out.SendAfterSave, 1)
	s.Saved()

	for s.role != Candidate {
		s.Tick()
	}
	out, _ = s.Take()
	require.Equal(t, &HardState{CurrentTerm: 6, VotedFor: 1}, out.Save.State, "a candidate's vote for itself is saved")
	require.Empty(t, out.Send, "a candidate asks for votes after its own is saved")
	require.Len(t, out.SendAfterSave, 2)
}

func TestAVoteCountsOnce(t *testing.T) {
	c := newCluster(t, 5)
	c.Isolate(1)
	c.Campaign(1)
	s := c.servers[1]
	for range 3 {
		s.Step(Message{From: 2, To: 1, Term: s.currentTerm, Body: &RequestVoteReply{VoteGranted: true}})
	}
	require.Equal(t, Candidate, s.role, "one voter's reply came three times: 2 of 5 votes (Candidates 2, §5.2)")
	s.Step(Message{From: 3, To: 1, Term: s.currentTerm, Body: &RequestVoteReply{}})
	require.Equal(t, Candidate, s.role, "a refusal is no vote (Candidates 2, §5.2)")
	s.Step(Message{From: 3, To: 1, Term: s.currentTerm, Body: &RequestVoteReply{VoteGranted: true}})
	require.Equal(t, Leader, s.role, "3 of 5 votes (Candidates 2, §5.2)")
}

func TestAVoteOfAnOldTermElectsNobody(t *testing.T) {
	c := newCluster(t, 3)
	c.hold = func(m Message) bool { return m.Body.Kind() == KindRequestVoteReply }
	c.Campaign(1)
	c.Campaign(1)
	s := c.servers[1]
	require.EqualValues(t, 2, s.currentTerm)
	for _, m := range c.held {
		if m.Term == 1 {
			s.Step(m)
		}
	}
	require.Equal(t, Candidate, s.role, "a vote of term 1 counts in term 2 (a reply of an old term is dropped, §5.1)")
}

// When the election timer starts anew, and when not: LEARNERS' classic. Each row is one
// message to a follower of term 5 that follows server 2 and has the log t1 t5.
func TestWhatResetsTheElectionTimer(t *testing.T) {
	for _, row := range []struct {
		why   string
		m     Message
		reset bool
	}{
		{"a heartbeat of the current leader", Message{From: 2, Term: 5, Body: &AppendEntries{PrevLogIndex: 2, PrevLogTerm: 5}}, true},
		{"a heartbeat that does not fit the log: it is the leader still", Message{From: 2, Term: 5, Body: &AppendEntries{PrevLogIndex: 9, PrevLogTerm: 5}}, true},
		{"a heartbeat of an old term (AppendEntries receiver 1, §5.1)", Message{From: 3, Term: 4, Body: &AppendEntries{PrevLogIndex: 1, PrevLogTerm: 1}}, false},
		{"a vote given", Message{From: 3, Term: 6, Body: &RequestVote{LastLogIndex: 2, LastLogTerm: 5}}, true},
		{"a vote refused for its log: only a higher term came", Message{From: 3, Term: 6, Body: &RequestVote{LastLogIndex: 1, LastLogTerm: 1}}, false},
		{"a vote refused for its term", Message{From: 3, Term: 4, Body: &RequestVote{LastLogIndex: 2, LastLogTerm: 3}}, false},
		{"a pre-vote changes nothing", Message{From: 3, Term: 5, Body: &PreVote{LastLogIndex: 2, LastLogTerm: 5}}, false},
		{"a reply of a higher term", Message{From: 3, Term: 7, Body: &AppendEntriesReply{Success: true}}, false},
	} {
		c := newCluster(t, 3)
		c.Logs(1, 1, 5)
		s := c.servers[1]
		for range 7 {
			s.Tick()
		}
		row.m.To = 1
		s.Step(row.m)
		require.Equal(t, row.reset, s.election.elapsed == 0, "the election timer of a follower, on %s (book §2.1)", row.why)
	}
}

func TestATieIsBrokenByNewTimers(t *testing.T) {
	c := newCluster(t, 2)
	c.hold = func(Message) bool { return true }
	for _, id := range c.ids {
		c.Campaign(id)
	}
	for _, id := range c.ids {
		require.Equal(t, Candidate, c.servers[id].role, "each has voted for itself")
	}
	c.Release()
	require.Equal(t, Candidate, c.servers[1].role)
	require.Equal(t, Candidate, c.servers[2].role)
	c.Tick(60)
	c.OneLeader()
	require.Contains(t, c.rules, RuleCandidates4)
}

func TestACandidateYieldsToTheLeaderOfItsTerm(t *testing.T) {
	c := newCluster(t, 3)
	c.hold = func(m Message) bool { return m.From == 1 }
	c.Campaign(1)
	c.hold = nil
	c.Elect(2)
	require.Equal(t, Follower, c.servers[1].role, "a leader of the same term is a leader (Candidates 3, §5.2)")
	require.EqualValues(t, 2, c.servers[1].leader)
}

// A leader that was cut off learns from any message, reply or not, that its time is over.
func TestAHigherTermEndsEveryRole(t *testing.T) {
	for _, body := range []Body{
		&RequestVote{}, &RequestVoteReply{}, &AppendEntries{}, &AppendEntriesReply{},
		&InstallSnapshotReply{}, &PreVoteReply{}, &ReadIndexReply{}, &TimeoutNow{},
	} {
		c := newCluster(t, 3)
		s := c.Elect(1)
		s.Step(Message{From: 2, To: 1, Term: s.currentTerm + 3, Body: body})
		require.NotEqual(t, Leader, s.role, "a leader of term 1 hears %v of term 4 (All servers 2, §5.1)", body.Kind())
		require.GreaterOrEqual(t, s.currentTerm, uint64(4), "%v (All servers 2, §5.1)", body.Kind())
	}
}
