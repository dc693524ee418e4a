package sim

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch02-raft/trace"
)

func run(t *testing.T, engine Engine, c Case, options ...Option) Result {
	t.Helper()
	r, err := Run(engine, c, options...)
	require.NoError(t, err)
	return r
}

func TestARightEnginePasses(t *testing.T) {
	var total Stats
	for seed := range uint64(100) {
		r := run(t, toy{}, Draw("toy", 1+int(seed%7), seed))
		require.Nil(t, r.Failure, "seed %d on %d servers", seed, r.Case.Nodes)
		total.Add(r.Stats)
	}
	for what, n := range map[string]int64{"crashes": total.Crashes, "partitions": total.Partitions, "drops": total.Dropped,
		"snapshots": total.Snapshots, "answers": total.Answered, "lost records": total.LostRecords, "elections": total.Elections} {
		require.Greater(t, n, int64(10), "the runs must know %s", what)
	}
}

// The same case is the same run, whoever watches it; another seed is another run.
func TestACaseIsARun(t *testing.T) {
	hashes := map[trace.Hash]uint64{}
	for seed := range uint64(30) {
		c := Draw("toy", 5, seed)
		require.Equal(t, c, Draw("toy", 5, seed), "a seed draws one case")
		r := run(t, toy{}, c)
		var log trace.Log
		watched := run(t, toy{}, c, Explain, To(&log))
		require.Equal(t, r.Hash, watched.Hash)
		require.Equal(t, r.Stats, watched.Stats)
		var h trace.Hash
		for i := range log {
			h.Event(&log[i])
		}
		require.Equal(t, r.Hash, h, "the hash is that of the trace")
		require.NotContains(t, hashes, r.Hash, "seeds %d and %d", seed, hashes[r.Hash])
		hashes[r.Hash] = seed
	}
}

func TestACaseSurvivesJSON(t *testing.T) {
	c := Draw("toy", 5, 7)
	data, err := json.Marshal(c)
	require.NoError(t, err)
	var again Case
	require.NoError(t, json.Unmarshal(data, &again))
	require.Equal(t, run(t, toy{}, c).Hash, run(t, toy{}, again).Hash)
}

func TestACaseThatCannotBeRunIsRefused(t *testing.T) {
	good := steady()
	for name, change := range map[string]func(*Case){
		"no servers":         func(c *Case) { c.Nodes = 0 },
		"too many servers":   func(c *Case) { c.Nodes = 64 },
		"no heartbeat":       func(c *Case) { c.Rates.HeartbeatTicks = 0 },
		"heartbeats too far": func(c *Case) { c.Rates.HeartbeatTicks = 10 },
		"delay backwards":    func(c *Case) { c.Rates.DelayMax = 0 },
		"drift":              func(c *Case) { c.Rates.DriftPercent = 51 },
	} {
		c := good
		change(&c)
		_, err := New(toy{}, c)
		require.Error(t, err, name)
	}
}

// Frames are what a visualizer shows; looking at them does not disturb the run.
func TestFramesShowARun(t *testing.T) {
	c := steady(Action{At: 50 * Tick, Kind: Isolate, Node: 2, For: 50 * Tick}, Action{At: 120 * Tick, Kind: Crash, Node: 3, For: 20 * Tick})
	s, err := New(toy{}, c)
	require.NoError(t, err)
	var cut, down, flying bool
	at := int64(-1)
	for s.Step() {
		f := s.Frame()
		require.GreaterOrEqual(t, f.At, at)
		require.Len(t, f.Servers, 3)
		at = f.At
		cut = cut || len(f.Cuts) == 4
		down = down || !f.Servers[2].Up && len(f.Servers[2].Log) > 0
		for _, m := range f.Wire {
			flying = flying || m.Kind == "Feed" && m.Due > m.Sent && m.Text != ""
		}
	}
	require.NoError(t, s.Err())
	require.True(t, cut && down && flying, "cuts %v, a server that is down %v, messages %v", cut, down, flying)
	last := s.Frame()
	require.True(t, last.Over)
	require.Equal(t, "leader", last.Servers[0].Role)
	require.NotEmpty(t, last.Servers[0].State)
	require.Equal(t, run(t, toy{}, c).Hash, s.Hash())
}

// The worked example of the package: what a doomed write leaves, and what it does not tell.
func TestADoomedWriteTellsNobody(t *testing.T) {
	for keep, last := range map[uint64]uint64{0: 1, 1: 2, 2: 3} { // of two entries; entry 1 is old
		c := Case{Engine: "toy", Nodes: 2, Seed: 1, Rates: Rates{Ticks: 30, ElectionTicks: 10, HeartbeatTicks: 4, DelayMin: 100, DelayMax: 100,
			TimeoutTicks: 50, LoseTail: true, Torn: true, SyncMin: 1, SyncMax: 1}}
		c.Actions = []Action{
			{At: 10 * Tick, Kind: Put, Key: "a", Node: 1}, {At: 10 * Tick, Kind: Put, Key: "a", Node: 1},
			{At: 10 * Tick, Kind: CrashWriting, Node: 2, For: 5 * Tick, Arg: keep},
		}
		var log trace.Log
		r := run(t, toy{}, c, To(&log))
		require.Nil(t, r.Failure)
		for i, e := range log {
			if e.Kind == trace.Crash {
				require.Equal(t, last, e.Last, "%d of the records survive", keep)
				require.Equal(t, 2-keep, e.Value)
				require.Equal(t, trace.Save, log[i-1].Kind, "nothing is told between the beginning of the write and the crash")
			}
		}
		require.Equal(t, int64(1), r.Stats.Crashes)
	}
}

// Actions that no seed draws, for runs that are made by hand.
func TestActionsMadeByHand(t *testing.T) {
	s, err := New(toy{}, steady(
		Action{At: 20 * Tick, Kind: Crash, Node: 2}, Action{At: 50 * Tick, Kind: Restart, Node: 2},
		Action{At: 60 * Tick, Kind: Partition, Arg: 0b100}, Action{At: 90 * Tick, Kind: Heal},
		Action{At: 100 * Tick, Kind: CompactLog, Node: 1}, Action{At: 110 * Tick, Kind: Hurry, Node: 3, Arg: 500}))
	require.NoError(t, err)
	var down, apart bool
	for s.Step() {
		f := s.Frame()
		down = down || f.At > 40*Tick && !f.Servers[1].Up
		apart = apart || len(f.Cuts) == 4
		if f.At > 95*Tick {
			require.True(t, f.Servers[1].Up)
			require.Empty(t, f.Cuts)
		}
	}
	require.NoError(t, s.Err())
	require.True(t, down && apart)
	f := s.Frame()
	require.NotZero(t, f.Servers[0].Snapshot)
	require.Greater(t, s.Stats().Ticks, int64(3*200+500))
}

func TestActionsAndRatesReadWell(t *testing.T) {
	for want, a := range map[string]Action{
		"   20.000 ms crash S2 for 5.0 ms":                     {At: 20_000, Kind: Crash, Node: 2, For: 5000, Arg: 77},
		"   20.000 ms partition S1 S3 | others":                {At: 20_000, Kind: Partition, Arg: 0b101},
		"   20.000 ms cut S1 → S3":                             {At: 20_000, Kind: Cut, Node: 1, Peer: 3},
		"   20.000 ms heal":                                    {At: 20_000, Kind: Heal},
		"   20.000 ms transfer the leader → S3":                {At: 20_000, Kind: Transfer, Peer: 3},
		"   20.000 ms lag S1 by 3.0 ms for 5.0 ms":             {At: 20_000, Kind: Lag, Node: 1, For: 5000, Arg: 3000},
		"   20.000 ms slow-disk S1 ×20 for 5.0 ms":             {At: 20_000, Kind: SlowDisk, Node: 1, For: 5000, Arg: 20},
		"   20.000 ms isolate-elected after 1.0 ms for 5.0 ms": {At: 20_000, Kind: IsolateElected, For: 5000, Arg: 1000},
		"   20.000 ms cas a at the leader":                     {At: 20_000, Kind: CAS, Key: "a"},
		"   20.000 ms put a at S2":                             {At: 20_000, Kind: Put, Key: "a", Node: 2},
	} {
		require.Equal(t, want, a.String())
	}
	require.Equal(t, "200 ticks; election after 10–19 ticks, heartbeat every 1\nmessages take 1–2 ms\nwrites take 0 ms, a crash loses them, durable state every 1",
		steady().Rates.String())
}

// Of hundreds of actions on five servers, one crash is enough to make an engine refuse its
// disk, and a crash at random dice is never needed.
func TestShrinkLeavesWhatMatters(t *testing.T) {
	engine := toy{"refuses its disk"}
	for seed := uint64(1); seed < 20; seed++ {
		c := Draw("toy", 5, seed)
		r := run(t, engine, c)
		if r.Failure == nil {
			continue // no crash
		}
		small := Shrink(engine, c, r.Failure, 300)
		require.Equal(t, EngineContract, small.Failure.Invariant)
		require.LessOrEqual(t, len(small.Case.Actions), 2, "seed %d: %v", seed, small.Case.Actions)
		require.LessOrEqual(t, small.Case.Nodes, 2, "seed %d", seed)
		require.Zero(t, small.Case.Rates.Loss+small.Case.Rates.Repeat+small.Case.Rates.Late, "seed %d", seed)
		require.LessOrEqual(t, small.Runs, 300)
		again := run(t, engine, small.Case)
		require.Equal(t, small.Failure, again.Failure, "the small case fails as told")
		require.Equal(t, small, Shrink(engine, c, r.Failure, 300), "shrinking is deterministic")
	}
}

// A quiet cluster costs no allocation but what the engine and its messages take.
func TestIdleTicksAllocateNothing(t *testing.T) {
	c := Case{Engine: "toy", Nodes: 3, Seed: 1, Rates: Rates{Ticks: 1 << 30, ElectionTicks: 1 << 20, HeartbeatTicks: 1 << 19, TimeoutTicks: 1}}
	s, err := New(toy{}, c)
	require.NoError(t, err)
	for range 100 {
		s.Step()
	}
	require.Zero(t, testing.AllocsPerRun(1000, func() { s.Step() }))
}
