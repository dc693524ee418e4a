package raftengine

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch02-raft/sim"
	"insideetcd/ch03-etcdraft/raft"
)

var (
	seeds = flag.Uint64("raft.seeds", 800, "how many seeds to run")
	from  = flag.Uint64("raft.from", 0, "the first seed")
)

// TestSeeds runs raft in the simulator of chapter 2, under its invariants: three to five
// members, every limit drawn anew at each start of a node.
//
//	go test ./ch03-etcdraft/raftengine -run Seeds -raft.from 4711 -raft.seeds 1 -v
func TestSeeds(t *testing.T) {
	var total sim.Stats
	engine := Engine{Tune: DrawLimits}
	for seed := *from; seed < *from+*seeds; seed++ {
		nodes := 3 + int(seed%3)
		r, err := sim.Run(engine, sim.DrawFor(engine, nodes, seed))
		require.NoError(t, err)
		if r.Failure != nil {
			t.Fatalf("%v\n%d members; again: go test ./ch03-etcdraft/raftengine -run Seeds -raft.from %d -raft.seeds 1\n%+v",
				r.Failure, nodes, seed, r.Case.Rates)
		}
		total.Add(r.Stats)
	}
	t.Logf("%d seeds, no violation: %+v", *seeds, total)
	if *seeds > 100 { // one may be calm
		require.Positive(t, total.Snapshots)
		require.Positive(t, total.Crashes)
	}
}

func TestTheSameSeedIsTheSameRun(t *testing.T) {
	run := func() sim.Result {
		r, err := sim.Run(Engine{Tune: DrawLimits}, sim.DrawFor(Engine{}, 5, 11))
		require.NoError(t, err)
		return r
	}
	require.Equal(t, run().Hash, run().Hash)
}

// R5: pre-vote and CheckQuorum, on at some members and off at others as in a cluster whose
// members are upgraded one by one, left a cluster without a leader for ever: a member with
// a higher term was not listened to, and did not listen. After the faults end there has to
// be a leader within a bound, and it has to stay.
func TestRegression_R5_MixedOptionsAlwaysElectALeader(t *testing.T) {
	mixed := Engine{Tune: func(c *raft.Config, cfg sim.Config) {
		c.PreVote, c.CheckQuorum = cfg.Rand.IntN(2) == 0, cfg.Rand.IntN(2) == 0
		c.ReadOnlyOption = raft.ReadOnlySafe
	}}
	for seed := range uint64(150) {
		plan := sim.Draw("raft", 3+int(seed%3), seed)
		plan.Rates.LeaseRead, plan.Rates.CheckQuorum = false, false
		r, err := sim.Run(mixed, plan)
		require.NoError(t, err)
		if r.Failure != nil {
			t.Fatalf("R5: seed %d: %v", seed, r.Failure)
		}
	}
}
