package paperengine

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch02-raft/sim"
)

func TestStartRefusesWhatNoRunStores(t *testing.T) {
	cfg := sim.Config{ID: 1, Voters: []uint64{1, 2, 3}, ElectionTicks: 10, HeartbeatTicks: 1, Rand: rand.New(rand.NewPCG(1, 1))}
	_, err := Engine{}.Start(cfg, sim.Stored{State: sim.HardState{Term: 3}, Entries: []sim.Entry{{Index: 1, Term: 2}, {Index: 2, Term: 1}}})
	require.EqualError(t, err, "paper: stored state of server 1: entry 2 has term 1 after term 2")
	cfg.ID = 9
	_, err = Engine{}.Start(cfg, sim.Stored{})
	require.EqualError(t, err, "paper: configuration: server 9 is none of [1 2 3]")
}

// A few storms for clusters of every size, each twice: no invariant breaks, and one case
// gives one run.
func TestStorms(t *testing.T) {
	for nodes := 1; nodes <= 7; nodes++ {
		for seed := range uint64(10) {
			c := sim.Draw("paper", nodes, seed)
			once, err := sim.Run(Engine{}, c)
			require.NoError(t, err)
			require.Nil(t, once.Failure, "%d servers, seed %d: go run ./ch02-raft/cmd/sim -nodes %[1]d -seed %[2]d -replay", nodes, seed)
			again, err := sim.Run(Engine{}, c, sim.Explain)
			require.NoError(t, err)
			require.Equal(t, once.Stats, again.Stats, "%d servers, seed %d: explaining changes nothing", nodes, seed)
		}
	}
}

// TestExplainNamesRules also sees that a leader shows what it knows of the others.
func TestExplainNamesRules(t *testing.T) {
	cfg := sim.Config{ID: 1, Voters: []uint64{1}, ElectionTicks: 10, HeartbeatTicks: 1, Rand: rand.New(rand.NewPCG(1, 1)), Explain: true}
	node, err := Engine{}.Start(cfg, sim.Stored{})
	require.NoError(t, err)
	for range 20 {
		node.Tick()
	}
	r, ok := node.Ready()
	require.True(t, ok)
	require.Equal(t, []string{"Followers 2", "Candidates 1", "Candidates 2", "Leaders 1"}, r.Rules[:4])
	require.Equal(t, sim.Leader, node.Status().Role)
	require.NotNil(t, node.Status().Match)
}

// Simulated ticks of three servers a second, with the invariants checked after each event:
// a leader, its heartbeats, no client, no faults.
func BenchmarkQuietCluster(b *testing.B) {
	c := sim.Case{Engine: "paper", Nodes: 3, Seed: 1, Rates: sim.Rates{
		Ticks: 20_000, ElectionTicks: 10, HeartbeatTicks: 1, DelayMin: 100, DelayMax: 1000, TimeoutTicks: 20}}
	ticks := int64(0)
	for b.Loop() {
		r, err := sim.Run(Engine{}, c)
		if err != nil || r.Failure != nil {
			b.Fatal(err, r.Failure)
		}
		ticks += r.Stats.Ticks / int64(c.Nodes)
	}
	b.ReportMetric(float64(ticks)/b.Elapsed().Seconds(), "ticks/s")
}
