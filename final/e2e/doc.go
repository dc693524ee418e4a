// Package e2e judges the server from outside, as its clients do.
//
// A scenario is a short script of client commands (testdata/scenarios). It
// runs twice, each time in a fresh data directory on free loopback ports: once
// against the reference, Debian's etcd 3.4.23, once against this project's
// server. What the commands printed, with their exit statuses, is the
// transcript, and both transcripts must be equal:
//
//	script ──► Run(reference) ──► transcript ┐
//	       └─► Run(ours)      ──► transcript ┴─► Judge ──► nil, or a diff
//
// Vocabulary. A step is one command of a script. A mask replaces a part of the
// output that must differ between any two servers (IDs, ports, times, sizes);
// masks are few, named and tested, because a mask that eats a revision would
// hide a fault. A marked step ("differs: ID") must differ, and ID must stand
// in DIFFERS.md with the reason, so no difference is accepted in silence and
// none outlives its reason.
//
// Beside the scenarios this package kills servers under load and hands data
// directories from one program to the other (kill_test.go, exchange_test.go,
// surroundings_test.go).
package e2e
