package raft

import pb "insideetcd/ch03-etcdraft/raftpb"

// Storage is how raft reads what the application has persisted: the tail of the
// log, the newest snapshot and the HardState. The application writes it when it
// handles a Ready, and only then. An error other than the ones named here is not
// survivable, and the node panics rather than vote with a log that it cannot
// read. See book §3.1.2.
//
//	       snapshot           │  log
//	1 ……………………………………… F-1  │  F   F+1  …  L
//	only their effect is kept │  entries are kept
//	                  ▲          ▲            ▲
//	   Term still known          FirstIndex   LastIndex
type Storage interface {
	// InitialState returns the HardState and the configuration of the newest
	// snapshot. It is called once, when the node is built.
	InitialState() (pb.HardState, pb.ConfState, error)
	// Entries returns the entries in [lo, hi), cut off where their encoded size
	// would exceed maxSize bytes, but never fewer than one. ErrCompacted if lo is
	// below FirstIndex, ErrUnavailable if entries are missing.
	Entries(lo, hi, maxSize uint64) ([]pb.Entry, error)
	// Term returns the term of the entry at i, for i in [FirstIndex-1, LastIndex].
	// The term of the entry just before the first is kept, because the matching
	// rule of Raft §5.3 asks for it.
	Term(i uint64) (uint64, error)
	// LastIndex returns the index of the last entry, or of the snapshot if no entry
	// follows it.
	LastIndex() (uint64, error)
	// FirstIndex returns the index of the first entry that is kept, which is one
	// past the snapshot's at most; one past LastIndex when no entry is kept.
	FirstIndex() (uint64, error)
	// Snapshot returns the newest snapshot, or ErrSnapshotTemporarilyUnavailable.
	Snapshot() (pb.Snapshot, error)
}

// limitSize returns the longest prefix of ents whose encoded size is at most
// maxSize bytes, and the first entry in any case, so that one entry larger than
// the limit cannot block the ones behind it.
func limitSize(ents []pb.Entry, maxSize uint64) []pb.Entry {
	if len(ents) <= 1 || maxSize == noLimit {
		return ents
	}
	size := uint64(ents[0].Size())
	for n := 1; n < len(ents); n++ {
		if size += uint64(ents[n].Size()); size > maxSize {
			return ents[:n:n]
		}
	}
	return ents
}
