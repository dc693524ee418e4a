// Chapter 3 in one run: a raft node in memory, driven by hand, from its first tick
// to its restart from storage. Each Ready is shown, and what is done with it. Then three
// nodes, beside three of chapter 2: what does the library do that the paper does not?
package main

import (
	"fmt"
	"os"
	"strings"

	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// app is an application around a RawNode: a storage that stands for the disk, and a
// state machine that is a list of words.
type app struct {
	node    *raft.RawNode
	storage *raft.MemoryStorage
	words   []string
}

func main() {
	storage := raft.NewMemoryStorage()

	say("1. A cluster of one begins: its membership is the first entry of the log.")
	a := start(storage)
	must(a.node.Bootstrap([]raft.Peer{{ID: 1}}))
	a.handleAll()

	say("2. Nobody leads. Time passes, tick by tick, until the election timeout.")
	ticks := 0
	for ; a.node.BasicStatus().RaftState != raft.StateLeader && ticks < 100; ticks++ {
		a.node.Tick()
	}
	fmt.Printf("elected after %d ticks, of at least 10 and at most 19\n", ticks)
	check(ticks >= 10 && ticks <= 19, "the election timeout is between 10 and 19 ticks")
	a.handleAll()

	say("3. Three proposals: one Ready, so one fsync for all.")
	for _, word := range []string{"to", "be", "read"} {
		must(a.node.Propose([]byte(word)))
	}
	check(len(a.words) == 0, "proposed is not committed")
	a.handleAll()
	check(strings.Join(a.words, " ") == "to be read", "the state machine has all three, in order")

	say("4. A read: which index must be applied before the answer is linearizable?")
	a.node.ReadIndex([]byte("read-1"))
	rd := a.node.Ready()
	fmt.Print(raft.DescribeReady(rd, nil))
	check(len(rd.ReadStates) == 1 && rd.ReadStates[0].Index == 5, "the read must see entry 5")
	a.node.Advance(rd)

	say("5. A snapshot at index 4; the log before it is forgotten.")
	snap, err := storage.CreateSnapshot(4, &pb.ConfState{Voters: []uint64{1}}, []byte("to be"))
	must(err)
	must(storage.Compact(4))
	fmt.Println("Snapshot", raft.DescribeSnapshot(snap))

	say("6. The process dies; a new one starts from snapshot, entries and HardState.")
	b := start(storage)
	b.words = strings.Fields(string(snap.Data))
	b.handleAll()
	check(strings.Join(b.words, " ") == "to be read", "the new process knows every acknowledged word")
	must(b.node.Campaign())
	b.handleAll()
	fmt.Println(b.node.Status())
	check(b.node.BasicStatus().Term == 3, "a new reign has a new term")

	say("7. Three nodes, and Raft twice: as the paper tells it, and this library. One script.")
	compareEngines()

	say(`Try next
  less ch03-etcdraft/raft/testdata/life_of_a_proposal.txt   the same, with the log drawn
  less ch03-etcdraft/raft/testdata/joint_change.txt         three members: every message of a change
  go test ./ch03-etcdraft/raft -run S2 -v                   what a wrong order of steps loses
  go test ./ch03-etcdraft/raft -run xxx -bench Node -benchmem`)
}

func start(storage *raft.MemoryStorage) *app {
	node, err := raft.NewRawNode(&raft.Config{
		ID: 1, ElectionTick: 10, HeartbeatTick: 1, MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 512,
		Storage: storage, Logger: raft.DiscardLogger(),
	})
	must(err)
	return &app{node: node, storage: storage}
}

// handleAll does what each Ready asks for, in the order that the contract demands.
func (a *app) handleAll() {
	for a.node.HasReady() {
		rd := a.node.Ready()
		fmt.Print(raft.DescribeReady(rd, nil))
		must(a.storage.Append(rd.Entries)) // 1. persist, entries first
		if !raft.IsEmptyHardState(rd.HardState) {
			must(a.storage.SetHardState(rd.HardState))
		}
		for _, e := range rd.CommittedEntries { // 2. only then apply
			a.apply(e)
		}
		a.node.Advance(rd) // 3. and say so
		fmt.Printf("  -> persisted %d, applied %d\n", len(rd.Entries), len(rd.CommittedEntries))
	}
}

func (a *app) apply(e pb.Entry) {
	if e.Type == pb.EntryConfChange {
		var cc pb.ConfChange
		must(cc.Unmarshal(e.Data))
		a.node.ApplyConfChange(cc)
	} else if len(e.Data) > 0 {
		a.words = append(a.words, string(e.Data))
	}
}

func say(s string)   { fmt.Println("\n" + s) }
func must(err error) { check(err == nil, fmt.Sprint(err)) }

func check(holds bool, what string) {
	if !holds {
		fmt.Fprintln(os.Stderr, "ch03: does not hold:", what)
		os.Exit(1)
	}
}
