package raft

import (
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// entryChunk is the least number of entries that unstable makes room for at once,
// so that a trickle of proposals does not cost one array each.
const entryChunk = 32

// unstable is the part of the log that Storage does not have yet: entries that
// wait for the application to persist them, or a snapshot that came from a
// leader. See book §3.1.3.
//
// Example: Storage holds entries up to 5; 6, 7 and 8 were proposed since.
//
//	index          4     5  │  6     7     8
//	Storage        ■     ■  │
//	entries                 │ [0]   [1]   [2]
//	                          ▲ offset = 6
//
// The next Ready hands out 6 to 8. While the application writes them, 9 is
// proposed. Advance calls stableTo(8): offset becomes 9 and entries is [9].
//
// Had another leader's 7' and 8' replaced 7 and 8 in the meantime, stableTo(8,
// term of 8) would find another term at index 8 and do nothing: what was written
// is not what the log says now. Without the term, an entry that is not on disk
// would count as stored (the ABA problem).
//
// Invariants:
//
//	U1. entries[i].Index == offset + i.
//	U2. offset - 1 ≤ Storage's LastIndex, unless a snapshot is pending.
//	U3. if a snapshot is pending, offset > its index.
//	U4. an array that was lent out in a Ready is appended to behind the lent part
//	    but never overwritten.
//	U5. offset ≤ offsetInProgress ≤ offset + len(entries).
type unstable struct {
	snapshot *pb.Snapshot // nil unless one is pending
	entries  []pb.Entry
	offset   uint64
	logger   Logger

	// What was handed out to be written and is not known to be stored yet: the
	// snapshot, and the entries below offsetInProgress.
	snapshotInProgress bool
	offsetInProgress   uint64
}

// newUnstable returns an empty one behind a Storage that ends before offset.
func newUnstable(offset uint64, logger Logger) unstable {
	return unstable{offset: offset, offsetInProgress: offset, logger: logger}
}

// firstIndex is known here only if a snapshot is pending: the log then starts
// right behind it, whatever Storage still holds.
func (u *unstable) firstIndex() (uint64, bool) {
	if u.snapshot == nil {
		return 0, false
	}
	return u.snapshot.Metadata.Index + 1, true
}

// lastIndex is known here if there is an entry or a snapshot.
func (u *unstable) lastIndex() (uint64, bool) {
	if n := len(u.entries); n > 0 {
		return u.offset + uint64(n) - 1, true
	}
	if u.snapshot != nil {
		return u.snapshot.Metadata.Index, true
	}
	return 0, false
}

// term returns the term of entry i if it is here.
func (u *unstable) term(i uint64) (uint64, bool) {
	if u.snapshot != nil && i == u.snapshot.Metadata.Index {
		return u.snapshot.Metadata.Term, true
	}
	if i < u.offset || i-u.offset >= uint64(len(u.entries)) {
		return 0, false
	}
	return u.entries[i-u.offset].Term, true
}

// append puts ents, which are consecutive, behind the entry before the first of
// them, and drops whatever was there from that index on.
func (u *unstable) append(ents []pb.Entry) {
	first := ents[0].Index
	switch end := u.offset + uint64(len(u.entries)); {
	case first == end:
		u.grow(len(ents))
		u.entries = append(u.entries, ents...)
	case first <= u.offset:
		// Reaches below: Storage's entries from first on are void and will be
		// overwritten, because Ready hands out everything from offset.
		u.logger.Infof("replace the unstable entries from index %d", first)
		u.offset, u.offsetInProgress = first, first
		u.entries = append(make([]pb.Entry, 0, max(len(ents), entryChunk)), ents...)
	case first < end:
		u.logger.Infof("truncate the unstable entries before index %d", first)
		u.offsetInProgress = min(u.offsetInProgress, first)
		kept := u.entries[: first-u.offset : first-u.offset] // U4: full, so append copies
		u.entries = append(kept, ents...)
	default:
		u.logger.Panicf("invariant U1: append at index %d leaves a gap after %d", first, end-1)
	}
}

// grow makes room for n more entries, in one go for at least entryChunk.
func (u *unstable) grow(n int) {
	live := len(u.entries)
	if live+n <= cap(u.entries) {
		return
	}
	room := make([]pb.Entry, live, max(2*live, live+n, entryChunk))
	copy(room, u.entries)
	u.entries = room
}

// stableTo records that the entries up to i are in Storage, provided that the
// entry at i still has term t.
func (u *unstable) stableTo(i, t uint64) {
	if got, ok := u.term(i); !ok || got != t || i < u.offset {
		return // replaced, or covered by a snapshot, since it was handed out
	}
	u.entries = u.entries[i+1-u.offset:]
	u.offset = i + 1
	u.offsetInProgress = max(u.offsetInProgress, u.offset)
	if len(u.entries) == 0 && cap(u.entries) > entryChunk {
		u.entries = nil // let the large array of a burst go
	}
}

// stableSnapTo records that the snapshot at index i is in Storage.
func (u *unstable) stableSnapTo(i uint64) {
	if u.snapshot != nil && u.snapshot.Metadata.Index == i {
		u.snapshot, u.snapshotInProgress = nil, false
	}
}

// restore replaces everything by a snapshot.
func (u *unstable) restore(s pb.Snapshot) {
	u.offset, u.offsetInProgress = s.Metadata.Index+1, s.Metadata.Index+1
	u.entries = nil
	u.snapshot, u.snapshotInProgress = &s, false
}

// lend returns the entries that were not handed out yet, for a Ready; nil if there are
// none.
func (u *unstable) lend() []pb.Entry {
	from := u.offsetInProgress - u.offset
	if from == uint64(len(u.entries)) {
		return nil
	}
	return u.entries[from:len(u.entries):len(u.entries)]
}

// lendSnapshot returns the snapshot if it was not handed out yet.
func (u *unstable) lendSnapshot() *pb.Snapshot {
	if u.snapshotInProgress {
		return nil
	}
	return u.snapshot
}

// handOut records that everything is in the hands of the application.
func (u *unstable) handOut() {
	u.offsetInProgress = u.offset + uint64(len(u.entries))
	u.snapshotInProgress = u.snapshot != nil
}

// slice returns the entries in [lo, hi), which must all be here. The caller can
// not append into the array behind them.
func (u *unstable) slice(lo, hi uint64) []pb.Entry {
	if end := u.offset + uint64(len(u.entries)); lo > hi || lo < u.offset || hi > end {
		u.logger.Panicf("invariant U1: unstable entries [%d, %d) asked, [%d, %d) are there", lo, hi, u.offset, end)
	}
	return u.entries[lo-u.offset : hi-u.offset : hi-u.offset]
}
