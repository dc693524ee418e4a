package trace

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func election() []Event {
	return []Event{
		{Seq: 1, Kind: Run, Text: "paper, 2 nodes", Value: 7},
		{Seq: 2, At: 12400, Kind: Role, Node: 1, Term: 2, Text: "candidate"},
		{Seq: 3, At: 12400, Kind: Send, Node: 1, Peer: 2, Msg: "RequestVote", Term: 2, Text: "last 0/0"},
		{Seq: 4, At: 13900, Kind: Deliver, Node: 2, Peer: 1, Msg: "RequestVote", Term: 2, Value: 3},
		{Seq: 5, At: 13900, Kind: Term, Node: 2, Peer: 1, Term: 2},
		{Seq: 6, At: 15000, Kind: Role, Node: 1, Peer: 1, Term: 2, Text: "leader"},
	}
}

// The lines are the contract with other programs: a change here is a new schema version.
func TestSchemaVersion1(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	for _, e := range election()[:3] {
		w.Event(e)
	}
	require.NoError(t, w.Flush())
	require.Equal(t, `{"v":1,"seq":1,"at":0,"kind":"run","value":7,"text":"paper, 2 nodes"}
{"v":1,"seq":2,"at":12400,"kind":"role","node":1,"term":2,"text":"candidate"}
{"v":1,"seq":3,"at":12400,"kind":"send","node":1,"peer":2,"msg":"RequestVote","term":2,"text":"last 0/0"}
`, out.String())
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	for _, e := range election() {
		w.Event(e)
	}
	require.NoError(t, w.Flush())
	got, err := Read(&out)
	require.NoError(t, err)
	want := election()
	for i := range want {
		want[i].V = Version
	}
	require.Equal(t, want, got)
}

func TestReadRefusesWhatIsNoTrace(t *testing.T) {
	good := `{"v":1,"seq":1,"at":0,"kind":"run"}` + "\n"
	for _, c := range []struct {
		name, text, wants string
		events            int
	}{
		{"a line cut off by a crash is left out", good + `{"v":1,"se`, "", 1},
		{"a field of a later writer is ignored", `{"v":1,"seq":1,"at":0,"kind":"new","colour":"red"}` + "\n", "", 1},
		{"a line that is no JSON", good + "hello\n", "line 2 is no event", 1},
		{"a later version", `{"v":2,"seq":1,"at":0,"kind":"run"}` + "\n", "version 2", 0},
	} {
		events, err := Read(strings.NewReader(c.text))
		require.Len(t, events, c.events, c.name)
		if c.wants == "" {
			require.NoError(t, err, c.name)
		} else {
			require.ErrorContains(t, err, c.wants, c.name)
		}
	}
}

func hash(events []Event) (h Hash) {
	for i := range events {
		h.Event(&events[i])
	}
	return h
}

func TestHashTellsRunsApart(t *testing.T) {
	base := hash(election())
	require.Equal(t, base, hash(election()))
	explained := append(election(), Event{Kind: Rule, Node: 1, Text: "Candidates 2"})
	explained[2].Text = "more words"
	require.Equal(t, base, hash(explained), "explaining a run does not make it another run")

	for name, change := range map[string]func(*Event){
		"time":  func(e *Event) { e.At++ },
		"kind":  func(e *Event) { e.Kind = Drop },
		"node":  func(e *Event) { e.Node = 3 },
		"peer":  func(e *Event) { e.Peer = 3 },
		"msg":   func(e *Event) { e.Msg = "AppendEntries" },
		"term":  func(e *Event) { e.Term++ },
		"index": func(e *Event) { e.Index++ },
		"last":  func(e *Event) { e.Last++ },
		"value": func(e *Event) { e.Value++ },
	} {
		events := election()
		change(&events[3])
		require.NotEqual(t, base, hash(events), name)
	}
	swapped := election()
	swapped[1], swapped[2] = swapped[2], swapped[1]
	require.NotEqual(t, base, hash(swapped), "order counts")
}

func TestNarrativeAndTable(t *testing.T) {
	var text, table strings.Builder
	require.NoError(t, Narrate(&text, election()))
	require.Equal(t, `    0.000 ms  run paper, 2 nodes
   12.400 ms  S1 candidate, term 2
   12.400 ms  S1 → S2 RequestVote term 2 (last 0/0)
   13.900 ms  S2 ← S1 RequestVote term 2
   13.900 ms  S2 term 2, votes for S1
   15.000 ms  S1 IS LEADER of term 2
`, text.String())
	require.NoError(t, Table(&table, election(), 24))
	require.Equal(t, `              S1                        S2
    0.000 ms  ── run paper, 2 nodes
   12.400 ms  candidate, term 2
   12.400 ms  → S2 RequestVote term 2…
   13.900 ms                            ← S1 RequestVote term 2
   13.900 ms                            term 2, votes for S1
   15.000 ms  IS LEADER of term 2
`, table.String(), "one column a server")
}
