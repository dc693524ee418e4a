package raftlog

import (
	"fmt"
	"strings"
	"testing"

	"insideetcd/ch02-raft/sim"
	"insideetcd/ch02-raft/trace"
	"insideetcd/ch03-etcdraft/raftengine"
	"insideetcd/labs/explain"
	"insideetcd/labs/runner"

	"github.com/stretchr/testify/require"
)

// The checkpoint: whole clusters, with everything that can go wrong, in virtual time.

// openSeeds are those that everybody sees.
const openSeeds = 40

// TestLogs asks drawn logs for hints, and runs clusters of a seed's own size, with its own
// timeouts and faults; the simulator looks at its invariants after every event. With
// -lab.seed it does so with that seed alone.
func TestLogs(t *testing.T) {
	first, n := uint64(1), uint64(openSeeds)
	if testing.Short() {
		n = 4
	}
	if *seed != 0 {
		first, n = *seed, 12
	}
	for i := range n {
		drawnHints(t, first+i)
		c := membersStay(sim.Draw("raft", 3+int((first+i)%3), first+i))
		result, err := sim.Run(raftengine.Engine{}, c)
		require.NoError(t, err)
		if result.Failure != nil {
			report(t, c, result.Failure, i+1)
		}
	}
}

// membersStay leaves out what other labs are about: transfers and snapshots.
func membersStay(c sim.Case) sim.Case {
	c.Rates.CompactEvery = 0
	var actions []sim.Action
	for _, a := range c.Actions {
		if a.Kind != sim.Transfer && a.Kind != sim.CompactLog {
			actions = append(actions, a)
		}
	}
	c.Actions = actions
	return c
}

// report ends the test with the last events before the failure.
func report(t *testing.T, c sim.Case, failure *sim.Violation, tried uint64) {
	t.Helper()
	if at := strings.Index(failure.Message, runner.TodoMark); at >= 0 {
		line, _, _ := strings.Cut(failure.Message[at:], "\n")
		t.Fatal(line)
	}
	var events trace.Log
	_, err := sim.Run(raftengine.Engine{}, c, sim.To(&events))
	require.NoError(t, err)
	var told strings.Builder
	require.NoError(t, trace.Narrate(&told, events[max(0, len(events)-60):]))
	t.Logf("the last %d events of %d:\n%s", min(60, len(events)), len(events), told.String())
	t.Logf("seeds tried: %d", tried)
	explain.That(t, false, explain.Case{
		Given:    fmt.Sprintf("%d nodes, seed %d: -lab.seed=%d runs it again", c.Nodes, c.Seed, c.Seed),
		Expected: "every invariant of the simulator holds, and when all faults end a leader is elected",
		Got:      failure.Error(),
		Rule:     failure.Invariant.String() + " (Raft Figure 3; book §3.1)",
	})
}
