package raft

import (
	"fmt"
	"sync"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// MemoryStorage is a Storage in memory. A real application keeps one beside its
// write-ahead log: it appends to the log on disk first and to the MemoryStorage
// after, so that raft never reads what could still be lost.
//
// ents[0] is a dummy: it has the index and term of the entry just before the
// first one kept, and no data. It is what is left of the compacted part. After
// entries 1 to 5 were appended and Compact(3) was called:
//
//	ents      [ 3 ] [ 4 ] [ 5 ]
//	           dummy  ▲     ▲
//	                  │     LastIndex = ents[0].Index + len(ents) - 1 = 5
//	                  FirstIndex = ents[0].Index + 1 = 4
//
// Invariants:
//
//	M1. ents is never empty.
//	M2. ents[i].Index == ents[0].Index + i.
//	M3. snapshot.Metadata.Index ≤ LastIndex, and either it is ≥ ents[0].Index or
//	    entries were compacted beyond it by the application's choice.
//
// All methods may be called from any goroutine. The slices that it returns stay
// as they are: a later Append or Compact never writes into them.
type MemoryStorage struct {
	sync.Mutex

	hardState pb.HardState
	snapshot  pb.Snapshot
	ents      []pb.Entry
}

var _ Storage = (*MemoryStorage)(nil)

// NewMemoryStorage returns an empty storage: the dummy has index 0 and term 0.
func NewMemoryStorage() *MemoryStorage {
	return &MemoryStorage{ents: make([]pb.Entry, 1)}
}

// InitialState returns the last HardState set and the snapshot's configuration.
func (ms *MemoryStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	ms.Lock()
	defer ms.Unlock()
	return ms.hardState, ms.snapshot.Metadata.ConfState, nil
}

// SetHardState stores st. The error is always nil.
func (ms *MemoryStorage) SetHardState(st pb.HardState) error {
	ms.Lock()
	defer ms.Unlock()
	ms.hardState = st
	return nil
}

// Entries returns [lo, hi) up to maxSize bytes; see Storage. It panics if hi is
// more than one beyond the last index, for then the caller lost count.
func (ms *MemoryStorage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	ms.Lock()
	defer ms.Unlock()
	dummy, last := ms.ents[0].Index, ms.lastIndex()
	if lo <= dummy {
		return nil, ErrCompacted
	}
	if hi > last+1 {
		panic(fmt.Sprintf("raft: entries up to %d asked of a storage whose last index is %d", hi-1, last))
	}
	if len(ms.ents) == 1 {
		return nil, ErrUnavailable
	}
	return limitSize(ms.ents[lo-dummy:hi-dummy:hi-dummy], maxSize), nil
}

// Term returns the term of entry i; see Storage.
func (ms *MemoryStorage) Term(i uint64) (uint64, error) {
	ms.Lock()
	defer ms.Unlock()
	switch dummy := ms.ents[0].Index; {
	case i < dummy:
		return 0, ErrCompacted
	case i > ms.lastIndex():
		return 0, ErrUnavailable
	default:
		return ms.ents[i-dummy].Term, nil
	}
}

// LastIndex returns the index of the last entry.
func (ms *MemoryStorage) LastIndex() (uint64, error) {
	ms.Lock()
	defer ms.Unlock()
	return ms.lastIndex(), nil
}

func (ms *MemoryStorage) lastIndex() uint64 {
	return ms.ents[0].Index + uint64(len(ms.ents)) - 1
}

// FirstIndex returns the index of the first entry kept.
func (ms *MemoryStorage) FirstIndex() (uint64, error) {
	ms.Lock()
	defer ms.Unlock()
	return ms.ents[0].Index + 1, nil
}

// Snapshot returns the newest snapshot, empty if there was none.
func (ms *MemoryStorage) Snapshot() (pb.Snapshot, error) {
	ms.Lock()
	defer ms.Unlock()
	return ms.snapshot, nil
}

// ApplySnapshot replaces all contents by snap, which came from a leader or from
// disk. ErrSnapOutOfDate if it is not newer than the snapshot that is there.
func (ms *MemoryStorage) ApplySnapshot(snap pb.Snapshot) error {
	ms.Lock()
	defer ms.Unlock()
	if snap.Metadata.Index <= ms.snapshot.Metadata.Index {
		return ErrSnapOutOfDate
	}
	ms.snapshot = snap
	ms.ents = []pb.Entry{{Index: snap.Metadata.Index, Term: snap.Metadata.Term}}
	return nil
}

// CreateSnapshot records that data is the state of the application after entry i,
// with configuration cs (nil keeps the one before). ErrSnapOutOfDate if there is
// such a snapshot already; panics if i is beyond the last entry. The log stays as
// it is: call Compact for the entries that nobody needs any more.
func (ms *MemoryStorage) CreateSnapshot(i uint64, cs *pb.ConfState, data []byte) (pb.Snapshot, error) {
	ms.Lock()
	defer ms.Unlock()
	if i <= ms.snapshot.Metadata.Index {
		return pb.Snapshot{}, ErrSnapOutOfDate
	}
	if last := ms.lastIndex(); i > last {
		panic(fmt.Sprintf("raft: snapshot of index %d asked of a storage whose last index is %d", i, last))
	}
	dummy := ms.ents[0].Index
	if i < dummy {
		return pb.Snapshot{}, ErrCompacted // its term is forgotten
	}
	ms.snapshot.Metadata.Index = i
	ms.snapshot.Metadata.Term = ms.ents[i-dummy].Term
	if cs != nil {
		ms.snapshot.Metadata.ConfState = *cs
	}
	ms.snapshot.Data = data
	return ms.snapshot, nil
}

// Compact forgets the entries up to and including i; entry i becomes the dummy.
// ErrCompacted if that was done before; panics if i is beyond the last entry. The
// caller must have a snapshot at i or later.
func (ms *MemoryStorage) Compact(i uint64) error {
	ms.Lock()
	defer ms.Unlock()
	dummy := ms.ents[0].Index
	if i <= dummy {
		return ErrCompacted
	}
	if last := ms.lastIndex(); i > last {
		panic(fmt.Sprintf("raft: compaction at index %d of a storage whose last index is %d", i, last))
	}
	kept := ms.ents[i-dummy:]
	ents := make([]pb.Entry, len(kept)) // a new array, or the old one would never be freed
	copy(ents, kept)
	ents[0] = pb.Entry{Index: kept[0].Index, Term: kept[0].Term}
	ms.ents = ents
	return nil
}

// Append adds entries, which must be consecutive. The part that is compacted
// already is ignored. Entries from the first given index on are replaced: a new
// leader may overwrite what was never committed (Raft §5.3). Panics on a gap.
func (ms *MemoryStorage) Append(entries []pb.Entry) error {
	ms.Lock()
	defer ms.Unlock()
	first, dummy := uint64(0), ms.ents[0].Index
	if len(entries) > 0 {
		first = entries[0].Index
	}
	if len(entries) == 0 || first+uint64(len(entries))-1 <= dummy {
		return nil
	}
	if first <= dummy {
		entries = entries[dummy+1-first:]
		first = dummy + 1
	}
	switch last := ms.lastIndex(); {
	case first == last+1:
		ms.ents = append(ms.ents, entries...)
	case first <= last: // into a new array: the old one may be lent out
		kept := ms.ents[: first-dummy : first-dummy]
		ms.ents = append(kept, entries...)
	default:
		panic(fmt.Sprintf("raft: append from index %d to a storage whose last index is %d", first, last))
	}
	return nil
}
