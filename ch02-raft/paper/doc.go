// Package paper is Raft as the paper tells it: «In Search of an Understandable Consensus
// Algorithm (Extended Version)», Ongaro and Ousterhout, 2014, with four additions from
// Ongaro's dissertation of the same year that book §2.5 needs. References are § to the paper, or to
// the dissertation where it says so.
//
// A Server is one member of a cluster as a value without I/O, clock, goroutine or
// randomness of its own. Whoever holds it tells it what happens, one thing at a time:
//
//	Tick()             time passes
//	Step(message)      a message has come
//	Propose, Read …    a client wants something
//	Saved, Applied     what was asked for is done
//
// and then asks, with Take, what is to be done: write this to disk, send these messages, apply
// these entries. So a whole cluster fits into a test, and the simulator next door can decide
// when everything happens.
//
// The life of a command: Propose appends it to the leader's log and sends it to the followers
// while the leader itself writes it to disk. A follower checks that its log agrees with the
// leader's before the entry, appends it, writes it to disk and only then answers. When a
// majority has it on disk, the leader itself among them or not, it is committed (commitIndex) and
// comes out of Take to be applied. The next message tells the followers.
//
// Words: the log is a row of entries, each with its index and the term in which a leader
// made it. A term has at most one leader. A quorum is a majority of the servers. An entry is
// committed if no future leader can lack it. Applied entries are in the state machine.
//
// Reading order: message.go (what servers say), server.go (what they know, and the invariants
// P1 to P8), step.go (who answers what), then the story: election.go, replicate.go and append.go,
// output.go (disk first, then speak), snapshot.go; and book §2.5: reads.go, prevote.go,
// transfer.go. rules.go names every rule for pictures and traces.
package paper
