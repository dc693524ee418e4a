package raftexample

import (
	"flag"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch02-raft/sim"
)

var (
	seeds = flag.Uint64("seeds", 60, "number of storms")
	first = flag.Uint64("seed", 1, "seed of the first storm")
)

// storm is a cluster with clients, in bad weather: messages are late, mixed up and lost,
// members are cut off, paused, killed and started again.
type storm struct {
	*cluster
	history []sim.Op
	at      []uint64 // the member that each request of history was put to
	event   int64
	known   map[string]string // by key: what an answer has shown last, for a compare-and-swap to expect
}

// TestStormsAreLinearizable: whatever the network does, every answer fits one order of all
// requests in which each happens between its call and its answer. And when the weather
// clears, the members agree.
func TestStormsAreLinearizable(t *testing.T) {
	answered, total, snapshots := 0, 0, 0
	for seed := *first; seed < *first+*seeds; seed++ {
		s := &storm{cluster: newCluster(t, seed, 1, 2, 3).storm(), known: map[string]string{}}
		s.onCrash = s.hangUp
		for range 1500 {
			s.blow()
		}
		s.calm(seed)
		require.NoError(t, sim.Linearizable(s.history), "linearizable reads: seed %d; replay: go test ./ch03-etcdraft/raftexample -run %s -seed %d -seeds 1", seed, t.Name(), seed)
		for _, op := range s.history {
			total++
			if op.Outcome == sim.Answered {
				answered++
			}
		}
		if s.members[1].snapshotIndex > 0 {
			snapshots++
		}
	}
	t.Logf("%d storms, %d requests, %d answered, snapshots in %d storms", *seeds, total, answered, snapshots)
	if *seeds >= 20 { // one storm may be too bad for that
		require.Greater(t, answered*3, total, "storms in which nothing is answered prove nothing")
	}
}

// blow does one thing at random.
func (s *storm) blow() {
	s.event++
	m := s.members[1+s.rng.Uint64N(3)]
	switch dice := s.rng.IntN(1000); {
	case dice < 250:
		if m.running && !m.paused {
			m.pass(1)
		}
	case dice < 820:
		if n := len(s.wires); n > 0 {
			s.deliver(s.rng.IntN(min(n, 4)))
		}
	case dice < 840:
		if n := len(s.wires); n > 0 {
			s.lose(s.rng.IntN(n))
		}
	case dice < 975:
		if m.running && !m.paused {
			s.request(m)
		}
	case dice < 980:
		s.isolate(m.id)
	case dice < 988:
		s.heal()
	case dice < 992:
		m.paused = !m.paused
	case dice < 995:
		s.kill(m)
	default:
		s.startAgain(m)
	}
}

// kill ends a process now, or at one of its next writes.
func (s *storm) kill(m *member) {
	if s.rng.IntN(3) == 0 {
		m.crash()
	} else if m.running {
		m.crashAtWrite(s.rng.IntN(4))
	}
}

// hangUp: the clients of a member that has died get no answer.
func (s *storm) hangUp(id uint64) {
	for i := range s.history {
		if s.history[i].Outcome == sim.Waiting && s.at[i] == id {
			s.history[i].Outcome = sim.Unknown
		}
	}
}

func (s *storm) startAgain(m *member) {
	if !m.running {
		require.NoError(s.t, m.start())
	}
}

// maxWaiting bounds the requests that are under way at once: the search for an order of them
// grows with their permutations.
const maxWaiting = 6

func (s *storm) waiting() (n int) {
	for i := range s.history {
		if s.history[i].Outcome == sim.Waiting {
			n++
		}
	}
	return n
}

// request lets a client ask m for something. Every value is written once.
func (s *storm) request(m *member) {
	if s.waiting() >= maxWaiting {
		return
	}
	i := len(s.history)
	op := sim.Op{ID: uint64(i + 1), Key: string(rune('a' + s.rng.IntN(2))), Node: m.id, Call: s.event}
	s.event++
	answer := func(r Result, err error) {
		op := &s.history[i]
		if op.Outcome != sim.Waiting {
			return // its member was killed and the client gone
		}
		op.Seen, op.Return, op.Outcome = r.Value, s.event, sim.Answered
		switch err {
		case nil:
			s.known[op.Key] = op.Seen
			if op.Kind == "put" || op.Kind == "cas" && !r.Refused {
				s.known[op.Key] = op.New
			}
		case ErrNotTaken:
			op.Outcome, op.Return = sim.Refused, 0
		default:
			op.Outcome, op.Return = sim.Unknown, 0
		}
		s.event++
	}
	var input func()
	key := []byte(op.Key)
	switch s.rng.IntN(3) {
	case 0:
		op.Kind = "get"
		input = func() { m.read(op.Key, answer) }
	case 1:
		op.Kind, op.New = "put", strconv.Itoa(i+1)
		input = func() { m.propose(kv{Key: key, Val: []byte(op.New)}, answer) }
	default:
		op.Kind, op.New, op.Old = "cas", strconv.Itoa(i+1), s.known[op.Key]
		input = func() { m.propose(kv{Key: key, Val: []byte(op.New), If: true, Old: []byte(op.Old)}, answer) }
	}
	s.history, s.at = append(s.history, op), append(s.at, m.id)
	m.do(input)
}

// calm clears the weather and waits until all members agree and all requests have ended.
func (s *storm) calm(seed uint64) {
	s.heal()
	for _, id := range s.ids() {
		s.members[id].paused = false
		s.members[id].log = s.members[id].disk
		s.startAgain(s.members[id])
	}
	for tick := 0; ; tick++ {
		require.Less(s.t, tick, 200, "seed %d: the members do not agree long after the storm", seed)
		for _, id := range s.ids() {
			s.members[id].pass(1)
		}
		s.deliverAll()
		s.event++
		if tick > 60 && s.agree() {
			break
		}
	}
	for _, op := range s.history {
		require.NotEqual(s.t, sim.Waiting, op.Outcome, "seed %d: %v", seed, op)
	}
}

func (s *storm) agree() bool {
	a, b, c := s.members[1], s.members[2], s.members[3]
	if a.reign() != b.reign() || b.reign() != c.reign() || a.appliedIndex != b.appliedIndex || b.appliedIndex != c.appliedIndex {
		return false
	}
	require.Equal(s.t, string(a.kvstore.getSnapshot()), string(b.kvstore.getSnapshot()), fmt.Sprint("after entry ", a.appliedIndex))
	require.Equal(s.t, string(b.kvstore.getSnapshot()), string(c.kvstore.getSnapshot()), fmt.Sprint("after entry ", a.appliedIndex))
	return true
}
