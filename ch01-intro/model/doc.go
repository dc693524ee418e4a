// Package model says what the v3 API of etcd means (book §1.2), as a program that a
// reader can run and a test can ask. No network, no disk, no goroutine, no clock of its
// own: a [Store] is a value, a request changes it, and the answer follows.
//
// One idea carries everything: etcd is a list of changes, and every answer can be computed
// from that list.
//
//	revision.sub  change                              what followed from the list so far
//	2.0           put    a = 1                         create 2, mod 2, version 1
//	3.0           put    a = 2                         create 2, mod 3, version 2
//	4.0           put    b = 1   ┐ one transaction:    create 4, mod 4, version 1
//	4.1           delete a       ┘ one revision
//	5.0           put    a = 3                         create 5, mod 5, version 1
//
// The keys at a revision are what is left when the list is read up to there. A generation
// of a key goes from the put that creates it to the delete that ends it; version counts the
// puts of one generation. A watch is the list from some place on, as far as it concerns the
// keys that are watched. A compaction forgets how to answer questions about the past; it
// changes no answer about the present. A lease is a promise to delete, at one revision, the
// keys whose newest version names it.
//
// Requests and answers are the messages of the wire (etcdserverpb): what stands in a field
// here is what a client sends and gets. Of an answer's header only the revision has a
// meaning; the rest names members, of which the model has none. An error is an [Error] with
// the code and the text that cross the wire.
//
// Read in this order: store.go (the list), range.go, write.go, txn.go, check.go (what is
// refused), compact.go, watch.go, lease.go. Nothing here is fast, and nothing needs to be:
// this is the oracle that the real stores are compared with (package compare), and the
// state machine against which recorded histories are checked (package linear). That it
// says the same as the etcd of Debian is itself tested, in final/e2e.
package model
