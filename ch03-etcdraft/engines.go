package main

import (
	"fmt"
	"strings"

	"insideetcd/ch02-raft/paperengine"
	"insideetcd/ch02-raft/scenario"
	"insideetcd/ch03-etcdraft/raftengine"
)

// script is in the words of chapter 2: an election, a write, and a moment later.
const script = `
cluster nodes=3
hide messages
elect 1
propose 1 x=1
deliver
logs`

const aMomentLater = `
hide commits applies
run 1
logs`

// compareEngines plays the script on Raft as the paper tells it and on this chapter's
// library, and shows the first thing that they do differently.
func compareEngines() {
	paper, raft := scenario.NewPlayer(paperengine.Engine{}), scenario.NewPlayer(raftengine.Engine{})
	told, toldByRaft := play(paper, script), play(raft, script)
	same := 0
	for same < min(len(told), len(toldByRaft))-1 && told[same] == toldByRaft[same] {
		same++
	}
	for _, line := range told[:same] {
		fmt.Println("  both   ", line)
	}
	fmt.Println("  paper  ", told[same])
	fmt.Println("  raft   ", toldByRaft[same])
	check(toldByRaft[same] == "S2 commits up to 1", "the library tells its followers of a commit at once")
	fmt.Println(`
The paper's leader lets the next AppendEntries, of a write or a heartbeat, carry its new
commit index. The library sends it at once (announceCommit in raft/replicate.go): a message
without entries, and followers need not wait to apply. So before any clock has ticked:`)
	show(told, toldByRaft)
	fmt.Println("\nand after one tick with its heartbeats it is the same log, and all of it is committed:")
	told, toldByRaft = play(paper, aMomentLater), play(raft, aMomentLater)
	show(told, toldByRaft)
	check(strings.Join(told, "\n") == strings.Join(toldByRaft, "\n"), "both engines agree in the end")
}

// show prints the last three lines of each: the logs; | stands behind the last committed entry.
func show(paper, raft []string) {
	for i := range 3 {
		fmt.Printf("  paper   %-24s raft   %s\n", paper[len(paper)-3+i], raft[len(raft)-3+i])
	}
}

func play(p *scenario.Player, commands string) []string {
	output, err := p.Play(commands)
	must(err)
	return strings.Split(strings.TrimSpace(output), "\n")
}
