// Package raft is the production form of the Raft algorithm: a state machine
// that decides, and never does. It opens no file, sends no packet, starts no
// timer. The application drives it with three inputs and obeys one output.
//
//	            ┌────────────────────────────────────────────┐
//	ticks   ──▶ │ raft      roles, terms, the handler table  │
//	messages──▶ │  └ raftLog   committed, applied            │ ──▶ Ready
//	proposals▶  │      ├ unstable   entries not yet stored   │      persist
//	            │      └ Storage    entries already stored   │      send
//	            └────────────────────────────────────────────┘      apply
//	                     ▲                                            │
//	                     └──────────────── Advance ◀──────────────────┘
//
// # Vocabulary
//
// A log is a sequence of entries; each has an index (its place, from 1) and a
// term (the reign in which a leader made it). An entry is stable once it is in
// Storage on a disk that survives power loss, committed once raft promises that
// it will never be taken back, applied once the application acted on it.
// Always applied ≤ committed ≤ last index.
//
// # The life of one proposal
//
//  1. Propose(data) reaches the leader's handler, which stamps term and index on
//     the entry and puts it into unstable (Raft §5.3).
//  2. The next Ready carries it in Entries. The application writes it to disk
//     and into its Storage.
//  3. The same Ready carries it to the followers, in Messages. Their answers are
//     stepped in; once a majority holds the entry it is committed, and a Ready carries
//     it in CommittedEntries. With one voter that is the very same Ready, because the
//     majority of one is the node that the Ready tells to write.
//  4. The application applies it and calls Advance. unstable forgets the entry,
//     which is now read from Storage.
//
// # The order that is the contract
//
//		 1  persist Snapshot
//		 2  persist Entries, then HardState     one fsync if MustSync
//		─────────────────────── everything above is on disk ───────────────────
//		 3  send Messages                       a leader MAY send beside 1 and 2
//		 4  apply Snapshot, then CommittedEntries, and answer clients
//		 5  Advance
//
//	  - Snapshot and Entries MUST be on disk BEFORE a HardState whose Commit covers
//	    them, or together with it. A crash between them otherwise leaves a commit
//	    index that points past the end of the log, and the node refuses to start.
//	  - Entries and HardState MUST be on disk BEFORE any of CommittedEntries is
//	    applied or a client is answered: the same Ready may hold an entry in both
//	    lists. A single voter that answers first loses acknowledged writes in a
//	    power cut.
//	  - Messages MUST leave AFTER Entries and HardState are on disk, for a vote or an
//	    acknowledgement is a promise. Only what a leader sends may overlap with its
//	    fsync (Raft thesis §10.2.1), because it promises nothing on the leader's behalf;
//	    and not in a Ready that changes Term or Vote, for then its election itself is
//	    not on disk yet.
//	  - Advance MUST come AFTER ApplyConfChange for each configuration change among
//	    CommittedEntries: raft takes what it handed out as applied from then on, and
//	    campaigns again. Ordinary entries MAY still be in the hands of an apply
//	    goroutine when Advance is called.
//
// # Who owns what
//
// raft and RawNode hold no lock and belong to whoever drives them, one caller at
// a time. Node is RawNode plus one goroutine that owns it; all of Node's methods
// talk to that goroutine over channels and may be called from anywhere. Slices in
// a Ready are lent for reading: raft never writes to them again, and the
// application must not either. The data of a proposal is kept, not copied.
//
// # Where to start reading
//
// Ready (ready.go) is the contract; then unstable.go, raftlog.go, raft.go and
// handlers.go; then, one rule of the paper a file, election.go, replicate.go,
// follow.go, readonly.go, transfer.go and confchange.go; then rawnode.go, and node.go
// last. Majorities are counted in package quorum, what a leader knows of its members
// is kept in tracker, and what becomes of them is calculated in confchange.
//
// Sources: Ongaro and Ousterhout, "In Search of an Understandable Consensus
// Algorithm" (Raft §n); Ongaro's dissertation (Raft thesis §n); names and
// behaviour follow etcd 3.4.
package raft
