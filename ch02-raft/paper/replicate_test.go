package paper

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACommandReachesEveryServer(t *testing.T) {
	c := newCluster(t, 3)
	c.Elect(1)
	c.Propose(1, "a", "b", "c")
	require.Equal(t, []string{"a", "b", "c"}, c.applied[1], "the leader applies when a majority has it")
	require.Empty(t, c.applied[2], "a follower does not know yet")
	c.Tick(2)
	for _, id := range c.ids {
		require.Equal(t, []string{"a", "b", "c"}, c.applied[id], "server %d knows with the next heartbeat", id)
	}
	require.ErrorIs(t, c.servers[2].Propose([]byte("d")), ErrNotLeader)
}

// Figure 7 of the paper: a leader of term 8 and six followers, each with a log that crashes and
// partitions can leave. All end with the leader's log.
func TestFigure7(t *testing.T) {
	c := newCluster(t, 7)
	leader := []uint64{1, 1, 1, 4, 4, 5, 5, 6, 6, 6}
	c.Logs(1, leader...)
	c.Logs(2, 1, 1, 1, 4, 4, 5, 5, 6, 6)          // (a) one is missing
	c.Logs(3, 1, 1, 1, 4)                         // (b) many are missing
	c.Logs(4, 1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6)    // (c) one too many
	c.Logs(5, 1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7) // (d) a leader of term 7 was here
	c.Logs(6, 1, 1, 1, 4, 4, 4, 4)                // (e) both
	c.Logs(7, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3)    // (f) both, twice
	for _, id := range c.ids {
		c.servers[id].currentTerm = 7
	}
	c.Elect(1)
	c.Tick(6)
	for _, id := range c.ids {
		require.Equal(t, append(leader, 8), c.Terms(id), "server %d's log is the leader's (§5.3)", id)
	}
	require.Equal(t, c.applied[1], c.applied[7], "and the same commands are applied (State Machine Safety, §5.4.3)")
	require.Contains(t, c.rules, RuleAppendEntries3)
	require.Contains(t, c.rules, RuleLeaders3Conflict)
}

// A follower with a long wrong tail costs a message for each TERM in the way, not for each entry.
func TestConflictsAreBackedUpByTerms(t *testing.T) {
	c := newCluster(t, 3)
	right, wrong := []uint64{1}, []uint64{1}
	for range 500 {
		right, wrong = append(right, 4), append(wrong, 2)
	}
	c.Logs(1, right...)
	c.Logs(2, right...)
	c.Logs(3, wrong...)
	c.Elect(1)
	c.carried = 0
	c.Tick(4)
	require.Equal(t, c.Terms(1), c.Terms(3))
	require.Less(t, c.carried, 60, "messages to replace 500 entries of one term (fast back-up, end of §5.3)")
}

func TestWhatAFollowerAnswersToAppendEntries(t *testing.T) {
	log := []uint64{1, 1, 2, 2, 2}
	entries := func(first uint64, terms ...uint64) (out []Entry) {
		for i, term := range terms {
			out = append(out, Entry{Index: first + uint64(i), Term: term})
		}
		return out
	}
	for _, row := range []struct {
		why    string
		term   uint64
		a      AppendEntries
		answer AppendEntriesReply
		log    []uint64
		commit uint64
	}{
		{"an old term", 1, AppendEntries{PrevLogIndex: 5, PrevLogTerm: 1}, AppendEntriesReply{PrevLogIndex: 5}, log, 0},
		{"the log ends before", 3, AppendEntries{PrevLogIndex: 9, PrevLogTerm: 3},
			AppendEntriesReply{PrevLogIndex: 9, ConflictIndex: 6}, log, 0},
		{"another term there", 3, AppendEntries{PrevLogIndex: 5, PrevLogTerm: 3},
			AppendEntriesReply{PrevLogIndex: 5, ConflictIndex: 3, ConflictTerm: 2}, log, 0},
		{"it fits at the end", 3, AppendEntries{PrevLogIndex: 5, PrevLogTerm: 2, Entries: entries(6, 3, 3)},
			AppendEntriesReply{Success: true, MatchIndex: 7}, []uint64{1, 1, 2, 2, 2, 3, 3}, 0},
		{"it is there already: what follows stays", 3, AppendEntries{PrevLogIndex: 1, PrevLogTerm: 1, Entries: entries(2, 1, 2)},
			AppendEntriesReply{Success: true, MatchIndex: 3}, log, 0},
		{"an entry conflicts: it goes, and all that follow", 3, AppendEntries{PrevLogIndex: 2, PrevLogTerm: 1, Entries: entries(3, 2, 3)},
			AppendEntriesReply{Success: true, MatchIndex: 4}, []uint64{1, 1, 2, 3}, 0},
		{"commit what is known to agree, and not more", 3, AppendEntries{PrevLogIndex: 3, PrevLogTerm: 2, LeaderCommit: 5},
			AppendEntriesReply{Success: true, MatchIndex: 3}, log, 3},
		{"from the very beginning", 3, AppendEntries{Entries: entries(1, 1), LeaderCommit: 1},
			AppendEntriesReply{Success: true, MatchIndex: 1}, log, 1},
	} {
		c := newCluster(t, 3)
		c.Logs(1, log...)
		answer := c.Ask(Message{From: 2, To: 1, Term: row.term, Body: &row.a})
		require.Equal(t, &row.answer, answer, "AppendEntries receiver 1 to 5, %s", row.why)
		require.Equal(t, row.log, c.Terms(1), "AppendEntries receiver 3 and 4, %s", row.why)
		require.Equal(t, row.commit, c.servers[1].commitIndex, "AppendEntries receiver 5: min(leaderCommit, last new entry), %s", row.why)
	}
}

// Messages overtake each other. An append that comes late must not cut off what a newer one
// brought and the follower has answered.
func TestALateAppendCutsNothingOff(t *testing.T) {
	c := newCluster(t, 5)
	c.Elect(1)
	c.Isolate(3, 4, 5) // so that nothing more is committed
	c.hold = func(m Message) bool { a, ok := m.Body.(*AppendEntries); return ok && m.To == 2 && len(a.Entries) > 0 }
	c.Propose(1, "a")
	late := c.held[0]
	c.hold, c.held = nil, nil
	c.Propose(1, "b", "c")
	c.Tick(4)
	require.Equal(t, []uint64{1, 1, 1, 1}, c.Terms(2))
	c.carry(late)
	require.Equal(t, []uint64{1, 1, 1, 1}, c.Terms(2), "entries that agree stay, with what follows them (AppendEntries receiver 3, §5.3)")
}

func TestLostAppendsAreRepairedByTheHeartbeat(t *testing.T) {
	c := newCluster(t, 3)
	c.Elect(1)
	c.Isolate(3)
	c.Fill(1, 1, 300)
	c.Heal()
	c.Tick(3)
	require.Equal(t, c.Terms(1), c.Terms(3))
	require.Len(t, c.applied[1], 300)
	c.Tick(2)
	require.Equal(t, c.applied[1], c.applied[3])
}

// A follower that cannot be reached costs the leader no more than a window of entries and
// the heartbeats.
func TestADeadFollowerIsNotFlooded(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	c.hold = func(m Message) bool { return m.To == 3 }
	c.Fill(1, 1, 2000)
	require.LessOrEqual(t, len(c.held), maxWindow+2, "messages to a follower that does not answer")
	for _, m := range c.held {
		if a, ok := m.Body.(*AppendEntries); ok {
			require.LessOrEqual(t, len(a.Entries), maxEntries)
		}
	}
	require.EqualValues(t, 2001, s.commitIndex)
	c.Release()
	c.Tick(4)
	require.Equal(t, c.Terms(1), c.Terms(3))
}

// Replies overtake each other too.
func TestMatchIndexOnlyGrows(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	c.Propose(1, "a", "b", "c")
	p := s.peer(2)
	require.EqualValues(t, 4, p.matchIndex)
	s.Step(Message{From: 2, To: 1, Term: 1, Body: &AppendEntriesReply{Success: true, MatchIndex: 2}})
	require.EqualValues(t, 4, p.matchIndex, "an old reply says 2 (matchIndex increases monotonically, Figure 2)")
	s.Step(Message{From: 2, To: 1, Term: 1, Body: &AppendEntriesReply{PrevLogIndex: 3, ConflictIndex: 1}})
	require.EqualValues(t, 5, p.nextIndex, "an old refusal, of what is known to be there (nextIndex > matchIndex, Figure 2)")
}

func TestNextIndexStaysAboveZero(t *testing.T) {
	c := newCluster(t, 3)
	c.Logs(1, 1)
	c.Logs(2, 1)
	s := c.Elect(1)
	*s.peer(3) = peer{id: 3, nextIndex: 2}
	c.hold = func(m Message) bool { return m.To == 3 }
	s.Step(Message{From: 3, To: 1, Term: s.currentTerm, Body: &AppendEntriesReply{PrevLogIndex: 1}})
	c.Deliver()
	require.Len(t, c.held, 1)
	require.Equal(t, KindAppendEntries, c.held[0].Body.Kind(), "there is no entry 0 to go back to (nextIndex > matchIndex, Figure 2)")
	require.EqualValues(t, 1, s.peer(3).nextIndex)
	c.hold = nil
	c.Tick(4)
	require.Equal(t, c.Terms(1), c.Terms(3))
}

// What a follower said to the leader of an earlier term is about another log.
func TestAReplyOfAnOldTermMovesNothing(t *testing.T) {
	c := newCluster(t, 3)
	c.Logs(2, 1, 1)
	c.hold = func(m Message) bool { return m.Body.Kind() == KindAppendEntries }
	s := c.Elect(2)
	s.Step(Message{From: 1, To: 2, Term: s.currentTerm - 1, Body: &AppendEntriesReply{Success: true, MatchIndex: 2}})
	require.Zero(t, s.peer(1).matchIndex, "server 1 answered an append of an earlier term (a reply of an old term is dropped, §5.1)")
}

// Figure 8 of the paper. S1 to S5; entry 2 of term 2 gets onto a majority in term 4, and is
// NOT committed by that: S5 can still win and replace it.
func TestFigure8(t *testing.T) {
	c := newCluster(t, 5)
	c.Logs(1, 1, 2)
	c.Logs(2, 1, 2)
	c.Logs(3, 1)
	c.Logs(4, 1)
	c.Logs(5, 1, 3)
	c.servers[1].currentTerm = 3 // (c) S1 comes back and wins term 4
	c.hold = func(m Message) bool {
		a, ok := m.Body.(*AppendEntries) // what S1 begins term 4 with does not get through
		return ok && m.From == 1 && len(a.Entries) > 0 && a.Entries[len(a.Entries)-1].Term == 4
	}
	c.Isolate(5)
	s := c.Elect(1)
	require.EqualValues(t, 4, s.currentTerm)
	c.Ask(Message{From: 1, To: 3, Term: 4, Body: &AppendEntries{PrevLogIndex: 1, PrevLogTerm: 1, Entries: s.log.entries[1:2]}})
	s.Step(Message{From: 3, To: 1, Term: 4, Body: &AppendEntriesReply{Success: true, MatchIndex: 2}})
	s.Step(Message{From: 2, To: 1, Term: 4, Body: &AppendEntriesReply{Success: true, MatchIndex: 2}})
	require.Zero(t, s.commitIndex, "entry 2 of term 2 is on 3 of 5 servers, the leader is of term 4: not committed by counting (§5.4.2, Figure 8)")

	c.hold, c.held = nil, nil // (d) S1 crashes, S5 wins term 5 with the votes of S3 and S4
	c.Crash(1)
	c.Heal()
	c.Isolate(2)
	c.servers[5].currentTerm = 4
	c.Elect(5)
	c.Tick(4)
	require.Equal(t, []uint64{1, 3, 5}, c.Terms(3), "(d) the entry of term 2 is replaced, and nobody was told that it was safe")

	c = newCluster(t, 5) // (e) the other end of the story: an entry of term 4 gets onto a majority first
	c.Logs(1, 1, 2)
	c.Logs(2, 1, 2)
	c.Logs(3, 1)
	c.Logs(4, 1)
	c.Logs(5, 1, 3)
	c.servers[1].currentTerm = 3
	c.Isolate(5)
	s = c.Elect(1)
	c.Tick(2)
	require.EqualValues(t, 3, s.commitIndex, "(e) the entry of term 4 is committed, and with it all before")
	c.Heal()
	c.Campaign(5)
	require.NotEqual(t, Leader, c.servers[5].role, "(e) S5 cannot win: its log is not up-to-date (§5.4.1)")
}

// The leader's own disk is one of the majority when it is done, and not before.
func TestTheLeaderCountsItselfWhenItHasSaved(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	c.slow[1] = true
	c.Isolate(3)
	c.Propose(1, "a")
	require.EqualValues(t, 1, s.commitIndex, "server 2 has it on disk, the leader has not: 1 of 3 (P8, §5.3)")
	c.Flush(1)
	require.EqualValues(t, 2, s.commitIndex)
	c.slow[1] = false
	c.Heal()
	c.slow[1] = true
	c.Propose(1, "b")
	require.EqualValues(t, 3, s.commitIndex, "both followers have it on disk: the leader need not")
}

func TestAppliedOnceThroughARestart(t *testing.T) {
	c := newCluster(t, 3)
	c.Elect(1)
	c.Propose(1, "a", "b")
	c.Tick(2)
	for _, id := range c.ids {
		c.Restart(id)
		require.EqualValues(t, 3, c.servers[id].commitIndex, "what was applied was committed")
	}
	c.Elect(2)
	c.Propose(2, "c")
	c.Tick(2)
	for _, id := range c.ids {
		require.Equal(t, []string{"a", "b", "c"}, c.applied[id], "server %d (All servers 1: lastApplied, §5.3)", id)
	}
}

// A message that was sent keeps its entries, whatever the log does later.
func TestSentEntriesDoNotChange(t *testing.T) {
	c := newCluster(t, 3)
	c.Elect(1)
	c.Isolate(1)
	c.hold = func(m Message) bool { return false }
	require.NoError(t, c.servers[1].Propose([]byte("old")))
	out, _ := c.servers[1].Take()
	sent := out.Send[0].Body.(*AppendEntries)
	require.Equal(t, "old", string(sent.Entries[0].Command))
	c.servers[1].Step(Message{From: 2, To: 1, Term: 2, Body: &AppendEntries{PrevLogIndex: 1, PrevLogTerm: 1,
		Entries: []Entry{{Index: 2, Term: 2, Command: []byte("new")}}}})
	require.Equal(t, "old", string(sent.Entries[0].Command), "the log was cut and appended to, the message was not (L1)")
	require.Equal(t, "new", string(c.servers[1].log.entries[1].Command))
}

func TestPipelinedAppendsArriveInAnyOrder(t *testing.T) {
	c := newCluster(t, 3)
	c.Elect(1)
	c.hold = func(m Message) bool { return m.To == 3 }
	c.Fill(1, 1, 40)
	for i, j := 0, len(c.held)-1; i < j; i, j = i+1, j-1 {
		c.held[i], c.held[j] = c.held[j], c.held[i]
	}
	c.held = append(c.held, c.held...)
	c.carried = 0
	c.Release()
	c.Tick(4)
	require.Equal(t, c.Terms(1), c.Terms(3))
	require.Less(t, c.carried, 600, fmt.Sprintf("%d messages", c.carried))
}
