package paper

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLeadershipIsHandedOver(t *testing.T) {
	for _, change := range []func(*Config){func(*Config) {}, withPreVote, withLease} {
		c := newCluster(t, 3, change)
		s := c.Elect(1)
		c.Propose(1, "a")
		c.Tick(2)
		s.Transfer(3)
		c.Deliver()
		require.EqualValues(t, 3, c.OneLeader(), "no timeout passes, nobody's promise stands in the way (dissertation §3.10)")
		require.EqualValues(t, 2, c.servers[3].currentTerm)
		c.Propose(3, "b")
		c.Tick(2)
		require.Equal(t, []string{"a", "b"}, c.applied[1])
	}
}

func TestTheChosenServerIsBroughtUpToDateFirst(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	c.Isolate(3)
	c.Fill(1, 1, 20)
	s.Transfer(3)
	require.ErrorIs(t, s.Propose([]byte("x")), ErrTransferring)
	c.Tick(2)
	require.EqualValues(t, 1, c.OneLeader())
	c.Heal()
	c.Tick(4)
	require.EqualValues(t, 3, c.OneLeader())
	require.EqualValues(t, 22, c.servers[3].log.last(), "20 commands and two empty entries (dissertation §3.10)")
}

func TestATransferThatFailsIsGivenUp(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	c.Isolate(3)
	s.Transfer(3)
	c.Tick(9)
	require.ErrorIs(t, s.Propose([]byte("x")), ErrTransferring)
	c.Tick(1)
	require.NoError(t, s.Propose([]byte("x")), "after an election timeout the leader goes on (dissertation §3.10)")
}

func TestTransfersToNobodyDoNothing(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	s.Transfer(1)
	s.Transfer(9)
	c.servers[2].Transfer(3)
	c.Deliver()
	require.NoError(t, s.Propose(nil))
	require.EqualValues(t, 1, c.OneLeader())
}
