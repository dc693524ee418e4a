package raft_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// This file measures what a cluster in memory costs without disk and network. It uses only
// what every etcd-raft library of the same shape exports, and takes nothing from the other
// tests here, so that final/interop/raftbench can compile it against the reference library
// as well: one source, two programs.

// bench is members that hand messages to each other. Queues are used again, so what is
// allocated while it runs the library allocates.
type bench struct {
	nodes   []*raft.RawNode
	storage []*raft.MemoryStorage
	network []pb.Message
	arrived []pb.Message // the other array of the network, while it is delivered

	committed int // normal entries with data that member 1 was told to apply
	reads     int // that member 1 was told to answer
}

const benchMsgSize = 1 << 20

// newBench starts n voters and elects the first.
func newBench(tb testing.TB, n int) *bench {
	tb.Helper()
	b := &bench{}
	var voters []uint64
	for id := 1; id <= n; id++ {
		voters = append(voters, uint64(id))
	}
	for _, id := range voters {
		s := raft.NewMemoryStorage()
		must(tb, s.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: voters}}}))
		must(tb, s.SetHardState(pb.HardState{Term: 1, Commit: 1}))
		node, err := raft.NewRawNode(&raft.Config{
			ID: id, ElectionTick: 1 << 20, HeartbeatTick: 1, Storage: s, Applied: 1,
			MaxSizePerMsg: benchMsgSize, MaxCommittedSizePerReady: 1 << 40, MaxInflightMsgs: 256, Logger: quiet{},
		})
		must(tb, err)
		b.nodes, b.storage = append(b.nodes, node), append(b.storage, s)
	}
	must(tb, b.nodes[0].Campaign())
	b.settle()
	if got := b.nodes[0].BasicStatus().RaftState; got != raft.StateLeader {
		tb.Fatalf("member 1 is %v", got)
	}
	return b
}

func must(tb testing.TB, err error) {
	if err != nil {
		tb.Helper()
		tb.Fatal(err)
	}
}

// settle handles Readies and delivers messages until all is quiet.
func (b *bench) settle() {
	for {
		for i, node := range b.nodes {
			for node.HasReady() {
				b.handle(i, node)
			}
		}
		if len(b.network) == 0 {
			return
		}
		b.network, b.arrived = b.arrived[:0], b.network
		for _, m := range b.arrived {
			if err := b.nodes[m.To-1].Step(m); err != nil {
				panic(err)
			}
		}
	}
}

// handle does what a Ready asks for.
func (b *bench) handle(i int, node *raft.RawNode) {
	rd := node.Ready()
	if len(rd.Entries) > 0 {
		if err := b.storage[i].Append(rd.Entries); err != nil {
			panic(err)
		}
	}
	if !raft.IsEmptyHardState(rd.HardState) {
		_ = b.storage[i].SetHardState(rd.HardState)
	}
	b.network = append(b.network, rd.Messages...)
	if i == 0 {
		b.reads += len(rd.ReadStates)
		for j := range rd.CommittedEntries {
			if len(rd.CommittedEntries[j].Data) > 0 {
				b.committed++
			}
		}
	}
	node.Advance(rd)
}

// propose hands n proposals to the leader.
func (b *bench) propose(n int, data []byte) {
	for range n {
		if err := b.nodes[0].Propose(data); err != nil {
			panic(err)
		}
	}
}

// keepShort drops the log that everybody has, as an application with snapshots does.
func (b *bench) keepShort(tb testing.TB) {
	for _, s := range b.storage {
		first, _ := s.FirstIndex()
		if last, _ := s.LastIndex(); last-first > 20_000 {
			must(tb, s.Compact(last-5_000))
		}
	}
}

// One operation: a proposal of 256 bytes until the leader is told to apply it.
func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 3} {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			c, data := newBench(b, n), make([]byte, 256)
			b.ReportAllocs()
			for b.Loop() {
				c.propose(1, data)
				c.settle()
				c.keepShort(b)
			}
			if c.committed < b.N {
				b.Fatalf("%d of %d are committed", c.committed, b.N)
			}
		})
	}
}

// One operation: 1,000 entries of 1 KiB, one proposal each, until all three members have
// them and the leader is told to apply them.
func BenchmarkReplicate1000x1KiB(b *testing.B) {
	c, data := newBench(b, 3), make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(1000 * 1024)
	for b.Loop() {
		c.propose(1000, data)
		c.settle()
		c.keepShort(b)
	}
	if c.committed < 1000*b.N {
		b.Fatalf("%d of %d are committed", c.committed, 1000*b.N)
	}
}

// One operation: 1,000 readers of three members ask at the same time, until all are
// answered.
func BenchmarkReadIndex1000Readers(b *testing.B) {
	c := newBench(b, 3)
	contexts, next := make([]byte, 1000*8), uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		for i := range 1000 {
			context := contexts[8*i : 8*i+8 : 8*i+8]
			next++
			binary.BigEndian.PutUint64(context, next)
			c.nodes[0].ReadIndex(context)
		}
		c.settle()
	}
	if c.reads < 1000*b.N {
		b.Fatalf("%d of %d are answered", c.reads, 1000*b.N)
	}
}

// One operation: 10,000 proposals of 64 bytes to a single member, and the one Ready that
// has all of them.
func BenchmarkReadyOf10000(b *testing.B) {
	c, data := newBench(b, 1), make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		c.propose(10_000, data)
		c.settle()
		c.keepShort(b)
	}
	if c.committed < 10_000*b.N {
		b.Fatalf("%d of %d are committed", c.committed, 10_000*b.N)
	}
}

// One operation: a tick of the leader of three, its heartbeats and the answers.
func BenchmarkHeartbeat(b *testing.B) {
	c := newBench(b, 3)
	b.ReportAllocs()
	for b.Loop() {
		c.nodes[0].Tick()
		c.settle()
	}
}

// quiet is a logger of nothing but what ends a node.
type quiet struct{}

func (quiet) Debug(...any)            {}
func (quiet) Debugf(string, ...any)   {}
func (quiet) Info(...any)             {}
func (quiet) Infof(string, ...any)    {}
func (quiet) Warning(...any)          {}
func (quiet) Warningf(string, ...any) {}
func (quiet) Error(...any)            {}
func (quiet) Errorf(string, ...any)   {}
func (quiet) Fatal(v ...any)          { panic(fmt.Sprint(v...)) }
func (quiet) Fatalf(f string, v ...any) {
	panic(fmt.Sprintf(f, v...))
}
func (quiet) Panic(v ...any)            { panic(fmt.Sprint(v...)) }
func (quiet) Panicf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }
