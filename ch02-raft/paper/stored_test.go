package paper

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStoredStateThatNoRunLeavesIsRefused(t *testing.T) {
	entries := func(terms ...uint64) (out []Entry) {
		for i, term := range terms {
			out = append(out, Entry{Index: uint64(i + 1), Term: term})
		}
		return out
	}
	for _, row := range []struct {
		disk Stored
		why  string
	}{
		{Stored{CurrentTerm: 1, VotedFor: 9}, "the vote of term 1 went to 9, who is none of [1 2 3]"},
		{Stored{VotedFor: 1}, "a vote for 1, but no term"},
		{Stored{CurrentTerm: limit}, "term 4611686018427387904 is out of range"},
		{Stored{CurrentTerm: 1, Snapshot: Snapshot{Index: 3}}, "no snapshot ends at index 3, term 0"},
		{Stored{CurrentTerm: 1, Snapshot: Snapshot{Term: 1}}, "no snapshot ends at index 0, term 1"},
		{Stored{CurrentTerm: 1, Snapshot: Snapshot{Index: 3, Term: 1}, Applied: 2}, "entries up to 2 are applied, but the snapshot ends at 3"},
		{Stored{CurrentTerm: 1, Entries: entries(1), Applied: 2},
			"entries up to 2 are applied, but the log ends at 1: entries that were saved are lost"},
		{Stored{CurrentTerm: 3, Entries: entries(2, 1)}, "entry 2 has term 1 after term 2"},
		{Stored{CurrentTerm: 3, Entries: entries(0)}, "entry 1 has term 0 after term 0"},
		{Stored{CurrentTerm: 3, Entries: entries(1, 1)[1:]}, "entry 2 where entry 1 has to be"},
		{Stored{CurrentTerm: 3, Snapshot: Snapshot{Index: 4, Term: 2}, Entries: entries(3), Applied: 4}, "entry 1 where entry 5 has to be"},
		{Stored{CurrentTerm: 3, Entries: entries(limit)}, "entry 1 has term 4611686018427387904, but the term is at most 4611686018427387903"},
		{Stored{CurrentTerm: 1, Snapshot: Snapshot{Index: limit - 1, Term: 1}, Entries: []Entry{{Index: limit, Term: 1}}, Applied: limit - 1},
			"index 4611686018427387904 is out of range"},
	} {
		_, err := New(Config{ID: 1, Servers: []uint64{1, 2, 3}, ElectionTicks: 10, HeartbeatTicks: 1, Rand: rand.New(rand.NewPCG(1, 1))}, row.disk)
		require.EqualError(t, err, "paper: stored state of server 1: "+row.why)
	}
}

func TestConfigurationsThatCannotWorkAreRefused(t *testing.T) {
	for _, row := range []struct {
		change func(*Config)
		why    string
	}{
		{func(c *Config) { c.ID = 4 }, "server 4 is none of [1 2 3]"},
		{func(c *Config) { c.Servers = []uint64{0, 1} }, "0 is no server: it stands for nobody"},
		{func(c *Config) { c.Servers = []uint64{1, 1} }, "servers [1 1] are not sorted and distinct"},
		{func(c *Config) { c.Servers = []uint64{2, 1} }, "servers [2 1] are not sorted and distinct"},
		{func(c *Config) { c.HeartbeatTicks = 0 }, "elections after 10 ticks need heartbeats more often than every 0"},
		{func(c *Config) { c.ElectionTicks = 1 }, "elections after 1 ticks need heartbeats more often than every 1"},
		{func(c *Config) { c.Rand = nil }, "no source of randomness"},
		{func(c *Config) { c.DriftPercent = 51 }, "clocks that drift by 51 per cent"},
	} {
		cfg := Config{ID: 1, Servers: []uint64{1, 2, 3}, ElectionTicks: 10, HeartbeatTicks: 1, Rand: rand.New(rand.NewPCG(1, 1))}
		row.change(&cfg)
		_, err := New(cfg, Stored{})
		require.EqualError(t, err, "paper: configuration: "+row.why)
	}
}

// A crash in the middle of a save can leave entries of a term whose state was not written
// yet. Nobody was told of them, nor of a vote in that term.
func TestASaveThatWasCutShort(t *testing.T) {
	c := newCluster(t, 3)
	c.disks[1] = &Stored{CurrentTerm: 4, VotedFor: 2, Entries: []Entry{{Index: 1, Term: 5}}}
	c.Restart(1)
	s := c.servers[1].Status()
	require.EqualValues(t, 5, s.Term)
	require.Zero(t, s.VotedFor)
	c.Elect(1)
	require.EqualValues(t, 6, c.disks[1].CurrentTerm)
}
