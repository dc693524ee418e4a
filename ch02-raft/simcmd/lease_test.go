package simcmd

import (
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch02-raft/paperengine"
	"insideetcd/ch02-raft/sim"
)

// leases is a run made to break lease reads: the leader is cut off again and again for two
// election timeouts, and clients write to the newest leader and read from the oldest.
func leases(seed uint64) sim.Case {
	c := sim.Case{Engine: "paper", Nodes: 3, Seed: seed, Rates: sim.Rates{Ticks: 600, ElectionTicks: 10, HeartbeatTicks: 1,
		CheckQuorum: true, LeaseRead: true, DriftPercent: 30, DelayMin: 200, DelayMax: 500, TimeoutTicks: 10}}
	for at := int64(0); at < 600*sim.Tick; at += sim.Tick / 4 {
		kind := []string{sim.Get, sim.Get, sim.Put}[at/(sim.Tick/4)%3]
		if phase := at % (60 * sim.Tick); phase == 40*sim.Tick {
			c.Actions = append(c.Actions, sim.Action{At: at, Kind: sim.Isolate, For: 20 * sim.Tick})
		} else if phase > 44*sim.Tick && phase < 60*sim.Tick {
			c.Actions = append(c.Actions, sim.Action{At: at, Kind: kind, Key: "a"})
		}
	}
	return c
}

// trusting is the paper's engine on servers that believe no clock to drift.
type trusting struct{ paperengine.Engine }

func (e trusting) Start(cfg sim.Config, disk sim.Stored) (sim.Node, error) {
	cfg.DriftPercent = 0
	return e.Engine.Start(cfg, disk)
}

// A lease is as good as the clocks: with the bound known, reads are never stale; a server
// that does not reckon with it sooner or later tells what no longer holds.
func TestLeasesReckonWithDrift(t *testing.T) {
	stale := 0
	for seed := range uint64(60) {
		r, err := sim.Run(paperengine.Engine{}, leases(seed))
		require.NoError(t, err)
		require.Nil(t, r.Failure, "seed %d", seed)
		r, err = sim.Run(trusting{}, leases(seed))
		require.NoError(t, err)
		if r.Failure != nil {
			require.Equal(t, sim.Linearizability, r.Failure.Invariant, "seed %d: %v", seed, r.Failure)
			stale++
		}
	}
	require.NotZero(t, stale, "the runs must be hard enough to tell")
	t.Logf("%d of 60 runs showed a stale read", stale)
}
