// Package raftexample is the smallest complete server on package raft: a replicated
// key-value store over HTTP (book §3.3). It shows what an application owes the library,
// and it keeps its promises: a PUT is answered when it is committed and applied, a GET
// sees every PUT that was answered before it began, on any member, and a member that
// was killed forgets nothing.
//
// # Who owns what
//
//	                    ┌────────── one goroutine, Server.run ───────────────────────┐
//	HTTP clients        │ raftNode                                                   │
//	  httpKVAPI ─call──▶│   ├ raft.RawNode    decides                                │
//	peers               │   ├ MemoryStorage   what raft reads of the log             │──▶ Log
//	  Transport ─Process│   ├ kvstore         pairs and members, what is replicated  │    (disk)
//	the clock  ─tick───▶│   ├ proposals       by request ID: who waits for which     │──▶ Transport
//	                    │   └ reads           who waits for which index              │    (network)
//	                    └────────────────────────────────────────────────────────────┘
//
// Everything in the box belongs to that goroutine, so nothing in it has a lock. Others
// send it functions over one channel, and it answers through a channel of theirs.
// raftNode itself knows no goroutine and no clock: tests drive it by hand.
//
// # The life of a PUT
//
//  1. httpKVAPI calls Server.Put, which sends propose to the goroutine.
//  2. propose gives the request an ID, notes under it who waits, and proposes the pair.
//  3. raft makes it an entry; a Ready carries it to the Log and to the other members.
//  4. A Ready has it in CommittedEntries. apply stores the pair, finds the ID among the
//     proposals and answers. Other members find nobody under that ID.
//
// # The life of a GET
//
//  1. read puts it among the arrived.
//  2. ask sends one question to the leader for all that have arrived: up to where must
//     a read see? The leader makes sure that it still leads before it answers.
//  3. The answer, an index, comes in ReadStates. Once that index is applied here, the
//     pair is read and the client answered. The log is not written.
//
// # The order of a Ready
//
//	save   Snapshot, then Entries, then HardState   on disk when it returns
//	send   Messages                                 a vote or an answer is a promise
//	apply  Snapshot, CommittedEntries, ReadStates   and only now answer clients
//	Advance
//
// The in-memory Log and the HTTP Transport are here; a Log on disk is
// ch05-wal-snap/cmd/raftexample.
//
// # Where to start reading
//
// raftnode.go is the Ready loop; then proposals.go and reads.go, the two lives above;
// kvstore.go, members.go and snapshot.go, what is replicated; log.go and transport.go, the
// two seams; server.go, the goroutine; httpapi.go.
package raftexample
