package paper

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func (c *cluster) Read(server, id uint64) {
	c.t.Helper()
	require.NoError(c.t, c.servers[server].Read(id))
	c.Deliver()
}

func TestAReadAsksAMajority(t *testing.T) {
	c := newCluster(t, 3)
	c.Elect(1)
	c.Propose(1, "a")
	c.Read(1, 100)
	require.Equal(t, []ReadState{{ID: 100, Index: 2}}, c.reads[1])
	c.Isolate(1)
	c.Read(1, 101)
	require.Len(t, c.reads[1], 1, "nobody confirms that it is the leader still (ReadIndex step 3, §8)")
	c.Elect(2)
	c.Propose(2, "b")
	c.Tick(4)
	require.Len(t, c.reads[1], 1, "an old leader must not answer: \"b\" is acknowledged elsewhere (ReadIndex step 3, §8)")
	c.Heal()
	c.Tick(4)
	require.Len(t, c.reads[1], 1, "what waited at the old leader is given up")
	require.Equal(t, Follower, c.servers[1].role)
}

func TestAFollowerAsksTheLeader(t *testing.T) {
	c := newCluster(t, 3)
	require.ErrorIs(t, c.servers[2].Read(1), ErrNoLeader)
	c.Elect(1)
	c.Propose(1, "a")
	c.hold = func(m Message) bool { return m.Body.Kind() == KindReadIndexReply }
	c.Read(2, 7)
	again := c.held[0]
	c.Release()
	require.Equal(t, []ReadState{{ID: 7, Index: 2}}, c.reads[2])
	c.carry(again)
	c.Deliver()
	require.Len(t, c.reads[2], 1, "an answer that comes twice is given once")
}

// A new leader holds all committed entries but does not know that they are committed.
func TestANewLeaderReadsBehindItsEmptyEntry(t *testing.T) {
	c := newCluster(t, 3)
	c.Elect(1)
	c.Propose(1, "a")
	require.EqualValues(t, 1, c.servers[2].commitIndex, "\"a\" is acknowledged; server 2 has it and does not know that it is committed")
	c.Crash(1)
	c.hold = func(m Message) bool { a, ok := m.Body.(*AppendEntries); return ok && len(a.Entries) > 0 }
	c.Elect(2)
	require.NoError(t, c.servers[2].Read(5))
	c.TickOnly(2, 4)
	require.Empty(t, c.reads[2], "the leader's commitIndex is 1, \"a\" stands at 2 (ReadIndex step 1: a commit in its own term first, §8)")
	c.Release()
	c.TickOnly(2, 4)
	require.Equal(t, []ReadState{{ID: 5, Index: 3}}, c.reads[2], "the empty entry is committed (§8)")
}

// The leader's round is answered, slowly; in between others elect a new leader that
// acknowledges a write. Answers to the old round prove nothing about now.
func TestAnOldAnswerConfirmsNoNewRead(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	c.hold = func(m Message) bool { return m.To == 1 }
	c.TickOnly(1, 2) // a round, answered
	old := c.held
	require.NotEmpty(t, old)
	c.held = nil
	require.NoError(t, s.Read(9))
	c.Deliver()
	for _, m := range old {
		s.Step(m)
	}
	c.Deliver()
	require.Empty(t, c.reads[1], "the answers were on their way before the read came (ReadIndex: one number for each attempt, §8)")
	c.Release()
	require.Equal(t, []ReadState{{ID: 9, Index: 1}}, c.reads[1])
}

func TestOneRoundServesAllReadsThatWait(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	c.carried = 0
	for id := uint64(1); id <= 100; id++ {
		require.NoError(t, s.Read(id))
	}
	c.Deliver()
	require.Len(t, c.reads[1], 100)
	require.LessOrEqual(t, c.carried, 8, "a round for the first, and a round for all that came during it")
}

func TestALostRoundIsFollowedByAnother(t *testing.T) {
	c := newCluster(t, 3)
	c.Elect(1)
	c.Isolate(1)
	c.Read(1, 1)
	c.Heal()
	c.Tick(2)
	require.Equal(t, []ReadState{{ID: 1, Index: 1}}, c.reads[1])
}

func TestReadsThatWaitAreBounded(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	c.Isolate(1)
	for id := uint64(1); id <= maxReads; id++ {
		require.NoError(t, s.Read(id))
	}
	require.ErrorIs(t, s.Read(maxReads+1), ErrBusy)
	for id := uint64(1); id <= 2*maxReads; id++ {
		require.NoError(t, c.servers[2].Read(id))
	}
	require.Len(t, c.servers[2].reading.asked, maxReads)
}

func TestASingleServerReadsAlone(t *testing.T) {
	c := newCluster(t, 1)
	c.Elect(1)
	c.Propose(1, "a")
	c.Read(1, 1)
	require.Equal(t, []ReadState{{ID: 1, Index: 2}}, c.reads[1])
}

func TestALeaseAnswersAtOnce(t *testing.T) {
	c := newCluster(t, 3, withLease)
	s := c.Elect(1)
	c.Tick(2)
	c.Isolate(1)
	require.EqualValues(t, 7, s.leaseTicks(), "(10-1) * 90/110: one tick for counting, the rest for drift")
	c.Read(1, 1)
	require.Len(t, c.reads[1], 1, "a majority answered just now")
	require.Contains(t, c.rules, RuleLease)
	c.TickOnly(1, 7)
	c.Read(1, 2)
	require.Len(t, c.reads[1], 1, "the lease is over: 7 ticks after the last answered message was sent (§6.4.1)")
}

// Nobody is elected while a lease may run, however loud it campaigns.
func TestALeaseIsAPromiseOfTheVoters(t *testing.T) {
	c := newCluster(t, 3, withLease)
	c.Elect(1)
	c.Tick(2)
	c.Isolate(1)
	vote := Message{From: 3, To: 2, Term: 9, Body: &RequestVote{LastLogIndex: 9, LastLogTerm: 8}}
	require.Nil(t, c.Ask(vote), "server 2 heard the leader just now: no vote, and no new term (dissertation §4.2.3)")
	require.EqualValues(t, 1, c.servers[2].currentTerm)

	c.servers[2].Step(Message{From: 3, To: 2, Term: 9, Body: &ReadIndexReply{}}) // it learns of term 9 in another way
	require.EqualValues(t, 9, c.servers[2].currentTerm)
	require.Equal(t, &RequestVoteReply{}, c.Ask(vote), "the promise holds in every term (dissertation §6.4.1)")

	c.Restart(2)
	require.Equal(t, &RequestVoteReply{}, c.Ask(vote), "a restart forgets whom it answered, so it waits (dissertation §6.4.1)")
	for range 10 {
		c.servers[2].Tick()
		c.servers[2].resetElectionTimer()
	}
	require.Equal(t, &RequestVoteReply{VoteGranted: true}, c.Ask(vote))
}

// TimeoutNow makes a campaign that breaks the voters' promise, at any time from then on.
func TestAHandoverEndsTheLease(t *testing.T) {
	c := newCluster(t, 3, withLease)
	s := c.Elect(1)
	c.Tick(2)
	c.hold = func(m Message) bool { return m.Body.Kind() == KindTimeoutNow }
	s.Transfer(2)
	c.Tick(12)
	require.Zero(t, s.transfer.to, "given up")
	require.False(t, s.holdsLease(), "TimeoutNow may still arrive: no lease in this term any more (dissertation §6.4.1)")
	c.hold = nil
	c.Read(1, 3)
	require.Len(t, c.reads[1], 1, "a majority answers instead")
}
