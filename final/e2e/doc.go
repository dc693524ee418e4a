// Package e2e judges the server from outside, as its clients do.
//
// A scenario is a short script of client commands (testdata/scenarios). It
// runs in four combinations at the same time, each in a fresh data directory on
// free loopback ports: Debian's etcdctl 3.4.23 and this project's, each on
// Debian's etcd 3.4.23 and on this project's. What the commands printed, with
// their exit statuses, is the transcript, and all transcripts must be equal to
// that of the reference, Debian's etcdctl on Debian's etcd:
//
//	              Debian's etcd    our etcd
//	Debian's ctl  the reference ── is the server right?
//	our ctl       is etcdctl right? ── are they together?
//
// A script that never calls etcdctl runs on both servers only, one without a
// server with both etcdctl only (matrix.go).
//
// Vocabulary. A step is one command of a script. A mask replaces a part of the
// output that must differ between any two servers (IDs, ports, times, sizes);
// masks are few, named and tested, because a mask that eats a revision would
// hide a fault. A marked step ("differs: ID") must differ, and ID must stand
// in DIFFERS.md with the reason, so no difference is accepted in silence and
// none outlives its reason. A conversation is a stream or a program that runs
// on across steps, such as a watch.
//
// Beside the scenarios this package kills servers under load and hands data
// directories from one program to the other (kill_test.go, exchange_test.go,
// surroundings_test.go).
package e2e
