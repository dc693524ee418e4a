package paper

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// While the disk is busy the leader goes on: it sends, counts its followers, commits and
// applies. What it wants saved meanwhile becomes one write.
func TestASlowDiskWritesInGroups(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	c.slow[1] = true
	c.Fill(1, 1, 20)
	require.Len(t, c.disks[1].Entries, 1, "the first of 20 is being written")
	require.EqualValues(t, 21, s.commitIndex, "both followers have all 20 on disk")
	c.Tick(3)
	require.EqualValues(t, 21, c.servers[2].commitIndex)
	c.Flush(1)
	c.Deliver()
	require.Len(t, c.writing[1][0].Save.Entries, 19, "the other 19 are one write")
	c.Flush(1)
	c.Deliver()
	require.Len(t, c.applied[1], 20)
}

// A server that cannot write must not make terms: its old requests would come in a row,
// each with a higher term, once the disk is well again.
func TestAServerWithABusyDiskDoesNotCampaign(t *testing.T) {
	c := newCluster(t, 3)
	c.slow[3] = true
	c.TickOnly(3, 200)
	require.Equal(t, Candidate, c.servers[3].role)
	require.EqualValues(t, 1, c.servers[3].currentTerm, "its first campaign waits for the disk")
	c.Flush(3)
	c.Deliver()
	require.Equal(t, Leader, c.servers[3].role)
}

func TestACommandIsNotAppliedBeforeItIsOnDisk(t *testing.T) {
	c := newCluster(t, 3)
	c.Elect(1)
	c.slow[2] = true
	c.Propose(1, "a")
	c.Propose(1, "b")
	c.Tick(2)
	require.Empty(t, c.applied[2], "\"a\" is committed, and being written here (Save, then Committed)")
	require.Zero(t, c.disks[2].Applied)
	c.Flush(2)
	c.Deliver()
	c.Flush(2)
	c.Tick(2)
	require.Equal(t, []string{"a", "b"}, c.applied[2])
}
