// Package paper is Raft as the paper tells it: a small state machine without I/O, clock, goroutine
// or randomness of its own, in the names and the order of the paper's Figure 2.
package paper
