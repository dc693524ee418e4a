package paper

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A picture links every rule of its list to what fires it; so each has a name of its own,
// and fires somewhere in a short life of a cluster with everything switched on.
func TestEveryRuleHasANameAndFires(t *testing.T) {
	names := map[string]bool{}
	for _, r := range Rules() {
		require.NotEmpty(t, r.Box, r.Name)
		require.NotEmpty(t, r.Section, r.Name)
		require.NotEmpty(t, r.Text, r.Name)
		require.False(t, names[r.Name], "%s twice", r.Name)
		names[r.Name] = true
	}
	require.Equal(t, "RequestVote receiver 2", RuleRequestVote2.String())

	fired := map[Rule]bool{}
	watch := func(c *cluster) {
		for r := range c.rules {
			fired[r] = true
		}
	}
	c := newCluster(t, 3, withPreVote, withLease)
	c.Tick(60)
	leader := c.OneLeader()
	c.Propose(leader, "a")
	c.Read(leader, 1)
	other := leader%3 + 1
	c.servers[other].startElection(false) // it does not ask, and is ignored
	c.Tick(30)
	c.servers[c.OneLeader()].Transfer(c.OneLeader()%3 + 1)
	c.Tick(4)
	c.Isolate(c.OneLeader())
	c.Tick(60)
	watch(c)

	c = newCluster(t, 3)
	c.Elect(1)
	c.Read(1, 1)
	c.Isolate(1)
	c.Propose(1, "lost")
	c.Elect(2)
	c.Propose(2, "a")
	c.Heal()
	c.Tick(4)
	c.Isolate(3)
	c.Fill(2, 1, 5)
	require.NoError(t, c.servers[2].Compact(4, nil))
	c.Tick(30)
	for _, body := range []Body{&AppendEntries{}, &RequestVote{}, &InstallSnapshot{Snapshot: Snapshot{Index: 1, Term: 1}}} {
		c.Ask(Message{From: 1, To: 2, Term: 1, Body: body})
	}
	c.Heal()
	c.Tick(60)
	watch(c)

	c = newCluster(t, 3)
	c.Logs(1, 1, 1)
	c.Ask(Message{From: 2, To: 1, Term: 2, Body: &InstallSnapshot{Snapshot: Snapshot{Index: 1, Term: 1}}})
	c.hold = func(m Message) bool { return true }
	c.Campaign(2)
	c.hold = nil
	c.Ask(Message{From: 3, To: 2, Term: c.servers[2].currentTerm, Body: &AppendEntries{}})
	c.Tick(1)
	watch(c)
	for r := range rules {
		require.True(t, fired[r], "%v never fires", r)
	}
}
