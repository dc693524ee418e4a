// Package compactor lets a member compact its history by itself (flags
// --auto-compaction-mode and --auto-compaction-retention; the book's
// EtcdServer.compactor, §7.3).
//
// Every change of a key adds a revision, and none goes away until somebody compacts. A
// Policy says how much history is to stay:
//
//	periodic   the last so many hours: what was current that long ago can be read
//	revision   the last so many revisions
//
// A store does not know when a revision was made. So the periodic schedule writes the
// current revision down, ten times an hour or per retention, and compacts at what it wrote
// down one retention ago:
//
//	now             0    6m   12m  …  54m   60m   66m  …  120m
//	written down    1    20   35      170   200   210     400
//	retention 1h                            ↑ compact 1   ↑ compact 170
//
// The revision that a compaction takes was written down one step BEFORE the retention is
// over, or earlier; so never less than the retention stays.
//
// All members run the same schedule and write revisions down, but only the leader
// compacts: the server calls Pause and Resume as leadership goes and comes. A new leader
// thus knows the past as well as the old one did, and goes on at once. That two members
// compact at a time does no harm, the second is told that it is done.
//
// Schedules are values without clock or goroutine (periodic.go, revision.go); Compactor
// (compactor.go) is the goroutine around one.
package compactor
