package paper

import (
	"math/rand/v2"
	"testing"
)

// The costs that a simulated tick is made of.

func benchServer(b *testing.B, id uint64, disk Stored) *Server {
	s, err := New(Config{ID: id, Servers: []uint64{1, 2, 3}, ElectionTicks: 10, HeartbeatTicks: 1, Rand: rand.New(rand.NewPCG(1, id))}, disk)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// carryAll delivers and saves at once until nothing is under way.
func carryAll(servers []*Server) {
	for busy := true; busy; {
		busy = false
		for _, s := range servers {
			out, ok := s.Take()
			if !ok {
				continue
			}
			busy = true
			if !out.Save.isEmpty() {
				s.Saved()
			}
			for _, m := range out.Send {
				servers[m.To-1].Step(m)
			}
			for _, m := range out.SendAfterSave {
				servers[m.To-1].Step(m)
			}
			if n := len(out.Committed); n > 0 {
				s.Applied(out.Committed[n-1].Index)
			}
		}
	}
}

func benchCluster(b *testing.B) (servers []*Server, leader *Server) {
	for id := uint64(1); id <= 3; id++ {
		servers = append(servers, benchServer(b, id, Stored{}))
	}
	for leader == nil {
		for _, s := range servers {
			s.Tick()
			carryAll(servers)
			if s.role == Leader {
				leader = s
			}
		}
	}
	return servers, leader
}

func BenchmarkTickFollower(b *testing.B) {
	s := benchServer(b, 1, Stored{})
	for b.Loop() {
		s.election.elapsed = 0
		s.Tick()
	}
}

// One tick of three servers with all that it leads to: two heartbeats and their answers.
func BenchmarkTickCluster(b *testing.B) {
	servers, _ := benchCluster(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range servers {
			s.Tick()
		}
		carryAll(servers)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ticks/s")
}

// A command from Propose until three servers have applied it, but for the heartbeat.
func BenchmarkPropose(b *testing.B) {
	servers, leader := benchCluster(b)
	command := make([]byte, 64)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := leader.Propose(command); err != nil {
			b.Fatal(err)
		}
		carryAll(servers)
		if n++; n%1000 == 0 {
			for _, s := range servers {
				if err := s.Compact(s.lastApplied, nil); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
}

// The cost of a message must not grow with the log.
func BenchmarkStepAppendEntries(b *testing.B) {
	for _, size := range []struct {
		name    string
		entries int
	}{{"log=10", 10}, {"log=100000", 100_000}} {
		b.Run(size.name, func(b *testing.B) {
			disk := Stored{CurrentTerm: 1}
			for i := range size.entries {
				disk.Entries = append(disk.Entries, Entry{Index: uint64(i + 1), Term: 1})
			}
			s := benchServer(b, 2, disk)
			m := Message{From: 1, To: 2, Term: 1, Body: &AppendEntries{
				PrevLogIndex: uint64(size.entries) - 5, PrevLogTerm: 1, Entries: disk.Entries[size.entries-5:],
			}}
			b.ReportAllocs()
			for b.Loop() {
				s.Step(m)
				s.out.SendAfterSave = s.out.SendAfterSave[:0]
			}
		})
	}
}
