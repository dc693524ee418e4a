package election

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"insideetcd/ch02-raft/paperengine"
	"insideetcd/ch02-raft/sim"
	"insideetcd/ch02-raft/trace"

	"github.com/stretchr/testify/require"
)

// TestTrace tells the story that the questions of this lab are about: five servers, of
// which the first leader crashes and comes back. Its last line holds the answers.
func TestTrace(t *testing.T) {
	c := sim.Case{Engine: "paper", Nodes: 5, Seed: max(1, *seed), Rates: sim.Rates{
		Ticks: 120, ElectionTicks: shortest, HeartbeatTicks: 3, TimeoutTicks: 20,
		DelayMin: 500, DelayMax: 9000, Loss: 100,
	}}
	c.Actions = []sim.Action{{At: 60 * sim.Tick, Kind: sim.Crash, For: 30 * sim.Tick}} // node 0: the leader
	var events trace.Log
	result, err := sim.Run(paperengine.Engine{}, c, sim.To(&events))
	require.NoError(t, err)
	require.Nil(t, result.Failure)
	answers, story := explainElections(events)
	var told strings.Builder
	require.NoError(t, trace.Narrate(&told, story))
	line, err := json.Marshal(answers)
	require.NoError(t, err)
	t.Logf("\n%s\n", told.String())
	t.Logf("ANSWERS %s", line)
}

// explainElections picks the events that tell of elections, and the answers to the
// questions of lab.json.
func explainElections(events []trace.Event) (answers []string, story []trace.Event) {
	var leader, term, last uint64
	votes := map[[2]uint64][]uint64{} // by term and candidate: who voted for it
	terms, forFirst := map[uint64]bool{}, 0
	for _, e := range events {
		switch e.Kind {
		case trace.Term:
			if id := [2]uint64{e.Term, e.Peer}; e.Peer != 0 && !slices.Contains(votes[id], e.Node) {
				votes[id] = append(votes[id], e.Node)
			}
		case trace.Role:
			if e.Text == "leader" {
				terms[e.Term], last = true, e.Node
				if leader == 0 {
					leader, term, forFirst = e.Node, e.Term, len(votes[[2]uint64{e.Term, e.Node}])
				}
			}
		case trace.Run, trace.Crash, trace.Start, trace.Fault:
		case trace.Send, trace.Deliver, trace.Drop:
			if !strings.HasPrefix(e.Msg, "RequestVote") {
				continue
			}
		default:
			continue
		}
		if e.Kind != trace.Send {
			story = append(story, e)
		}
	}
	return []string{fmt.Sprint(leader), fmt.Sprint(term), fmt.Sprint(len(terms)), fmt.Sprint(forFirst), fmt.Sprint(last)}, story
}
