// Package etcdserver is the server between the raft log and the stores
// (book §7).
//
// The life of a write: a client's call arrives at Put, Txn, DeleteRange or
// Compact (v3.go). The request gets an ID and becomes the payload of a raft
// proposal (propose.go); the call waits under that ID (wait.go). The raft node
// hands out a Ready; raftNode (raftnode.go) appends its entries to the
// write-ahead log with one fsync for all of them (storage.go) and only then
// passes the committed ones on. The apply loop (applyloop.go) executes them in
// order through ch07's apply package and wakes the waiting call by its ID.
// Every so many entries the raft log is cut behind a snapshot (snapshot.go).
//
// The life of a linearizable read: one ReadIndex round for all readers that
// wait (read.go), then wait until apply has reached that index, then read this
// member's store.
//
// Start-up, with everything that can be wrong with a data directory, is
// bootstrap.go and datadir.go; server.go holds the EtcdServer and its goroutines:
//
//	who                 goroutine        owns
//	raftNode.run        1                the WAL, the raft storage, Ready and Advance
//	applyLoop           1                the stores: nobody else writes them
//	linearizableReads   1                ReadIndex rounds
//	campaignAlone       1, short         nothing; it asks raft for an election
//	announce            1, short         nothing; it proposes like a client
//	revokeExpiredLeases 1, and up to 16  nothing; they propose like clients
//	saveSnapshot        at most 1        one .snap file and its record in the WAL
//	callers             any              nothing; they propose and wait
package etcdserver
