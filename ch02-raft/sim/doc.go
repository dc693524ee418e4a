// Package sim runs clusters of Raft servers in which everything goes wrong that can, from
// one number, and watches that Raft's promises hold all the same.
//
// # The life of a run
//
// [Draw] makes a [Case] of a seed: the [Rates] of all faults (each may be off) and a list of
// [Action]s, the things that happen at a time: a server crashes, the network breaks, a
// client writes. [New] starts the servers, each an [Engine]'s [Node] with a disk, a clock and
// a state machine of its own, and [Sim.Step] lets one event happen after the other: a clock
// ticks, a message arrives, a write ends. Whenever a node has something to be done it says
// so with a [Ready], and the simulator does it: sometimes late, sometimes twice, sometimes
// not, but never what the contract of Ready excludes.
//
// After each event the [Invariant]s 1 to 8 are checked, at the cost of what is new only (see
// check.go for how). Then, the second phase: all faults end, and the cluster must elect a
// leader, commit and catch up (9). At the end one order of all requests must explain what
// clients were told (10). The first violation ends the run; [Shrink] makes it small.
//
// # One worked example
//
// An action says that S2 crashes while it is writing, and marks S2's disk as doomed. S2 gets
// AppendEntries; its Ready wants two entries saved and the answer sent after that. The write
// begins, and S2 stops: the case's dice say that one of the two records reached the disk,
// and the answer never leaves. S2 restarts with one entry more than anybody knows of, and no
// promise is broken.
//
// # Who else drives a cluster
//
// [Bench] is the same cluster without luck: nothing happens but what is called. The scripts
// of package scenario are written on it. [Sim.Frame] and [Bench.Frame] are pictures of a
// moment; since a run is its case, going back in time is running a shorter way, and a
// branch is a longer list of actions.
package sim
