package raftengine

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch02-raft/sim"
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
