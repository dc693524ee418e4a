package paper

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// Fuzz data is a program: each few bytes are one input to one server, which must not fall
// over it, whoever sent it. Numbers are small, so that they often meet.

// program reads the data; at its end it reads zeros.
type program struct{ data []byte }

func (p *program) byte() byte {
	if len(p.data) == 0 {
		return 0
	}
	b := p.data[0]
	p.data = p.data[1:]
	return b
}

// number is mostly below 16, and now and then anything.
func (p *program) number() uint64 {
	b := p.byte()
	if b < 250 {
		return uint64(b % 16)
	}
	var wide [8]byte
	copy(wide[:], p.data)
	p.data = p.data[min(len(p.data), 8):]
	return binary.LittleEndian.Uint64(wide[:])
}

func (p *program) entries(index uint64) (entries []Entry) {
	term := p.number()
	for range p.byte() % 5 {
		index++
		entries = append(entries, Entry{Index: index, Term: term, Command: []byte{byte(term)}})
		term += uint64(p.byte() % 2)
	}
	return entries
}

func (p *program) body() Body {
	switch Kind(p.byte()) % kinds {
	case KindRequestVote:
		return &RequestVote{LastLogIndex: p.number(), LastLogTerm: p.number(), Transfer: p.byte()%2 == 0}
	case KindRequestVoteReply:
		return &RequestVoteReply{VoteGranted: p.byte()%4 != 0}
	case KindAppendEntries:
		prev := p.number()
		return &AppendEntries{PrevLogIndex: prev, PrevLogTerm: p.number(), Entries: p.entries(prev), LeaderCommit: p.number(), Stamp: p.stamp()}
	case KindAppendEntriesReply:
		return &AppendEntriesReply{Success: p.byte()%2 == 0, MatchIndex: p.number(), PrevLogIndex: p.number(),
			ConflictIndex: p.number(), ConflictTerm: p.number(), Stamp: p.stamp()}
	case KindInstallSnapshot:
		return &InstallSnapshot{Snapshot: Snapshot{Index: p.number(), Term: p.number()}, Stamp: p.stamp()}
	case KindInstallSnapshotReply:
		return &InstallSnapshotReply{MatchIndex: p.number(), Stamp: p.stamp()}
	case KindPreVote:
		return &PreVote{LastLogIndex: p.number(), LastLogTerm: p.number()}
	case KindPreVoteReply:
		return &PreVoteReply{VoteGranted: p.byte()%4 != 0}
	case KindReadIndex:
		return &ReadIndex{ID: p.number()}
	case KindReadIndexReply:
		return &ReadIndexReply{ID: p.number(), Index: p.number()}
	default:
		return &TimeoutNow{}
	}
}

func (p *program) stamp() Stamp { return Stamp{Round: p.number(), SentAt: int64(p.number())} }

// runProgram gives a server of three the inputs of a program.
func runProgram(t *testing.T, data []byte) {
	p := &program{data: data}
	flags := p.byte()
	cfg := Config{
		ID: 1, Servers: []uint64{1, 2, 3}, ElectionTicks: 4, HeartbeatTicks: 1,
		PreVote: flags&1 != 0, CheckQuorum: flags&2 != 0, LeaseRead: flags&4 != 0, Explain: flags&8 != 0,
	}
	c := &cluster{t: t, config: cfg, ids: cfg.Servers, servers: map[uint64]*Server{}, disks: map[uint64]*Stored{1: {}},
		applied: map[uint64][]string{}, reads: map[uint64][]ReadState{}, rules: map[Rule]bool{}, slow: map[uint64]bool{1: flags&16 != 0},
		writing: map[uint64][]Output{}}
	c.Start(1)
	for len(p.data) > 0 {
		s := c.servers[1]
		switch p.byte() % 16 {
		case 0, 1, 2:
			s.Tick()
		case 3:
			_ = s.Propose([]byte{1})
		case 4:
			_ = s.Read(p.number())
		case 5:
			s.Transfer(p.number())
		case 6:
			_ = s.Compact(p.number(), nil)
		case 7:
			c.Flush(1)
		case 8:
			c.Restart(1)
		default:
			term := s.currentTerm + uint64(p.byte()%4) - 1
			if p.byte() == 255 {
				term = p.number()
			}
			s.Step(Message{From: 2 + uint64(p.byte()%2), To: 1, Term: term, Body: p.body()})
		}
		c.take(1)
		c.wire = nil
	}
}

// FuzzStep gives a server messages that nobody would send: whatever is well formed, in any
// state, it must bear. What no leader would ask for it refuses; what it cannot know to be wrong it
// takes, and its own invariants (P1 to P8) hold still.
func FuzzStep(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(randomProgram(seed, 200))
	}
	f.Fuzz(runProgram)
}

// TestFuzzStepWithSeeds is a short fixed run of the fuzz test.
func TestFuzzStepWithSeeds(t *testing.T) {
	for seed := range uint64(3000) {
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.Fatalf("seed %d: %v", seed, r)
				}
			}()
			runProgram(t, randomProgram(seed, 300))
		}()
	}
}

func randomProgram(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

// TestEveryMessageHasAName also reads what a trace would print of it.
func TestEveryMessageHasAName(t *testing.T) {
	p := &program{data: randomProgram(1, 4000)}
	seen := map[Kind]bool{}
	for len(p.data) > 0 {
		b := p.body()
		seen[b.Kind()] = true
		if fmt.Sprint(b.Kind(), " ", b) == "" || b.String() == "" {
			t.Fatalf("%T has no name", b)
		}
	}
	if len(seen) != int(kinds) {
		t.Fatalf("%d kinds of %d", len(seen), kinds)
	}
}
