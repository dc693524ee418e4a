// Package election is lab 2.1, leader election: its tests drive one server of
// ch02-raft/paper by hand, message by message and tick by tick, and say what Raft expects
// of it. README.md tells what is to be written.
package election
