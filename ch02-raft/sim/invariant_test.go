package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// steady is a run of three servers without faults, in which clients write all the time and
// snapshots are made.
func steady(actions ...Action) Case {
	c := Case{Engine: "toy", Nodes: 3, Seed: 1, Rates: Rates{Ticks: 200, ElectionTicks: 10, HeartbeatTicks: 1,
		DelayMin: 1000, DelayMax: 2000, TimeoutTicks: 20, KeepEvery: 1, LoseTail: true}}
	for at := int64(10); at < 190; at++ {
		c.Actions = append(c.Actions, Action{At: at * Tick, Kind: []string{Put, CAS, Get}[at%3], Node: uint64(at)%3 + 1, Key: "a"})
	}
	for _, a := range actions {
		for i := range c.Actions {
			if c.Actions[i].At >= a.At {
				c.Actions = append(c.Actions[:i], append([]Action{a}, c.Actions[i:]...)...)
				break
			}
		}
	}
	return c
}

// Each invariant is broken by an engine that does one thing wrong.
func TestEachInvariantCanFail(t *testing.T) {
	restart := Action{At: 40 * Tick, Kind: Crash, Node: 2, For: 5 * Tick}
	snapshots := func(c *Case) { c.Rates.CompactEvery = 5 }
	for _, c := range []struct {
		bug     string
		rule    Invariant
		message string
		actions []Action
		change  func(*Case)
	}{
		{"", 0, "", nil, nil},
		{"", 0, "", []Action{restart}, snapshots},
		{"two leaders", ElectionSafety, "leader of term 1, but S1 was elected leader of term 1", nil, nil},
		{"leader deletes", LeaderAppendOnly, "and now ends at", nil, nil},
		{"garbles entries", LogMatching, "its entry 4 of term 1, or one before it, differs", nil, nil},
		{"forgets its log", LeaderCompleteness, "elected leader of term 2 with a log up to", []Action{{At: 60 * Tick, Kind: Crash, Node: 1, For: Tick}},
			func(c *Case) { c.Rates.KeepEvery = 0 }},
		{"applies something else", StateMachineSafety, "it is to apply an entry 6 of term 1 that differs", nil, nil},
		{"applies twice after a restart", StateMachineSafety, "it is to apply entry 1, its state machine is at", []Action{restart}, nil},
		{"forgets its term", Monotonic, "its term fell from 1 to 0", nil, nil},
		{"uncommits", Monotonic, "its commit index fell", nil, nil},
		{"commits alone", NothingAcknowledgedLost, "of 3 servers only [1] have it on disk", []Action{{At: 20 * Tick, Kind: Mute, Node: 1, For: 20 * Tick}}, nil},
		{"answers before saving", NothingAcknowledgedLost, "of 3 servers only [1] have it on disk", nil,
			func(c *Case) { c.Rates.SyncMin, c.Rates.SyncMax = 1, 30_000 }},
		{"snapshots the wrong state", StateMachineSafety, "it is to install the state \"a=wrong\\n\" up to", []Action{{At: 20 * Tick, Kind: Crash, Node: 2, For: 150 * Tick}}, snapshots},
		{"does not save its term", StableStorage, "its disk says term 0", nil, nil},
		{"starves server 3", Liveness, "not applied by all", nil, nil},
		{"reads locally", Linearizability, "no order of the requests of key a", []Action{{At: 20 * Tick, Kind: Deafen, Node: 2, For: 100 * Tick}}, nil},
		{"proposes twice", EngineContract, "was proposed once and is committed twice", nil, nil},
		{"panics", EngineContract, "panic: fifty", nil, nil},
		{"refuses its disk", EngineContract, "it refuses what is on its own disk (term 1", []Action{restart}, nil},
		{"never ends", EngineContract, "it offered 50000 Readies", nil, nil},
	} {
		plan := steady(c.actions...)
		if c.change != nil {
			c.change(&plan)
		}
		r, err := Run(toy{c.bug}, plan)
		require.NoError(t, err)
		if c.rule == 0 {
			require.Nil(t, r.Failure, "without a bug")
			require.Greater(t, r.Stats.Answered, int64(100))
			continue
		}
		require.NotNil(t, r.Failure, "%s: nothing was noticed", c.bug)
		require.Equal(t, c.rule, r.Failure.Invariant, "%s: %v", c.bug, r.Failure)
		require.Contains(t, r.Failure.Error(), c.message, c.bug)
	}
}

func TestTheFailureNamesNumberAndName(t *testing.T) {
	r, err := Run(toy{"forgets its term"}, steady())
	require.NoError(t, err)
	require.Regexp(t, `^invariant 6, monotonic term and commit violated at \d+\.\d{3} ms: S\d: its term fell from 1 to 0$`, r.Failure.Error())
	for i := ElectionSafety; i < invariants; i++ {
		require.NotEmpty(t, invariantNames[i])
	}
}
