package paper

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The lesson of book §2.5.3: a server that was cut off comes back.
func TestAServerThatComesBack(t *testing.T) {
	for _, preVote := range []bool{false, true} {
		c := newCluster(t, 3, func(cfg *Config) { cfg.PreVote = preVote })
		c.Elect(1)
		c.Isolate(3)
		c.Tick(100)
		if preVote {
			require.EqualValues(t, 1, c.servers[3].currentTerm, "it asks first, and nobody answers: the term stays (PreVote, dissertation §9.6)")
		} else {
			require.Greater(t, c.servers[3].currentTerm, uint64(3), "it campaigns again and again")
		}
		c.Heal()
		c.Tick(60)
		require.Equal(t, preVote, c.servers[1].currentTerm == 1 && c.OneLeader() == 1,
			"with PreVote %v: is the leader disturbed? (dissertation §9.6)", preVote)
	}
}

func TestWhoSaysYesToAPreVote(t *testing.T) {
	ask := Message{From: 3, To: 2, Term: 1, Body: &PreVote{LastLogIndex: 2, LastLogTerm: 1}}
	c := newCluster(t, 3, withPreVote)
	c.Elect(1)
	c.Propose(1, "a")
	state := *c.disks[2]
	require.Equal(t, &PreVoteReply{}, c.Ask(ask), "it hears a leader (PreVote, dissertation §9.6)")
	c.Crash(1)
	c.servers[2].silence = 10
	require.Equal(t, &PreVoteReply{VoteGranted: true}, c.Ask(ask))
	short := Message{From: 3, To: 2, Term: 1, Body: &PreVote{LastLogIndex: 1, LastLogTerm: 1}}
	require.Equal(t, &PreVoteReply{}, c.Ask(short), "the asker's log is shorter (PreVote, §5.4.1)")
	ask.Term = 50
	require.Equal(t, &PreVoteReply{VoteGranted: true}, c.Ask(ask), "of a higher term")
	require.EqualValues(t, 1, c.servers[2].currentTerm, "a question changes no term (PreVote, dissertation §9.6)")
	require.Equal(t, state, *c.disks[2], "nor anything else")
}

func TestAPreCandidateThatIsBehindLearnsTheTerm(t *testing.T) {
	c := newCluster(t, 3, withPreVote)
	c.Logs(1, 1, 5)
	c.Logs(2, 1, 5)
	c.Campaign(3)
	require.EqualValues(t, 5, c.servers[3].currentTerm)
	c.Tick(60)
	require.NotEqual(t, uint64(3), c.OneLeader())
}

func TestPreVoteElectsWithEveryFlag(t *testing.T) {
	for _, change := range [][]func(*Config){
		{withPreVote}, {withCheckQuorum}, {withPreVote, withCheckQuorum}, {withPreVote, withLease},
	} {
		c := newCluster(t, 5, change...)
		c.Tick(60)
		leader := c.OneLeader()
		c.Propose(leader, "a")
		c.Crash(leader)
		c.Tick(80)
		next := c.OneLeader()
		c.Propose(next, "b")
		c.Start(leader)
		c.Tick(10)
		require.Equal(t, []string{"a", "b"}, c.applied[leader])
	}
}

// What PreVote and CheckQuorum together must not do: a server of a higher term refuses the
// leader, and the leader's followers ignore the server.
func TestAServerOfAHigherTermIsTakenBack(t *testing.T) {
	c := newCluster(t, 3, withPreVote, withCheckQuorum)
	c.Elect(1)
	c.Isolate(3)
	c.servers[3].startElection(false) // its pre-votes came through, its campaign did not
	c.Tick(4)
	require.EqualValues(t, 2, c.servers[3].currentTerm)
	c.Heal()
	c.Tick(60)
	leader := c.OneLeader()
	c.Propose(leader, "a")
	c.Tick(2)
	require.Equal(t, []string{"a"}, c.applied[3], "its refusal tells the leader the term, and a new election takes all along")
}

func TestALeaderWithoutMajorityStepsDown(t *testing.T) {
	for _, check := range []bool{false, true} {
		c := newCluster(t, 5, func(cfg *Config) { cfg.CheckQuorum = check })
		s := c.Elect(1)
		c.Isolate(3, 4, 5)
		c.Tick(12)
		require.Equal(t, check, s.role != Leader, "with CheckQuorum %v (dissertation §6.2)", check)
		require.Equal(t, check, c.servers[1].Propose([]byte("x")) != nil, "clients are sent away, and do not wait in vain")
	}
}

func TestCheckQuorumLetsALeaderBeWithItsMajority(t *testing.T) {
	c := newCluster(t, 5, withCheckQuorum)
	c.Elect(1)
	c.Isolate(4, 5)
	c.Tick(100)
	require.EqualValues(t, 1, c.OneLeader())
	require.EqualValues(t, 1, c.servers[1].currentTerm)
}
