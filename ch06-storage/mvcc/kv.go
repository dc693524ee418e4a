package mvcc

import (
	"errors"

	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/interval"
)

var (
	// ErrCompacted: the asked revision lies before the compact revision.
	ErrCompacted = errors.New("mvcc: required revision has been compacted")
	// ErrFutureRev: the asked revision lies after the current one.
	ErrFutureRev = errors.New("mvcc: required revision is a future revision")
)

// RangeOptions say how to read an interval. The zero value reads all of it, now.
type RangeOptions struct {
	Limit int64 // at most so many keys; 0 or less: all
	Rev   int64 // as of this revision; 0 or less: the reader's own
	Count bool  // only count

	KeysOnly bool // leave the values out
	// FrameTag, if not 0, asks for RangeResult.Framed. It is the tag of a repeated field of
	// messages.
	FrameTag byte
}

// RangeResult is the answer to a range.
type RangeResult struct {
	// KVs are the stored records in key order. They are copies that share one piece of
	// memory: whoever keeps one keeps all of them.
	KVs []mvccpb.RawKeyValue
	// Framed is that piece of memory: each record behind its tag and its length, so that
	// an answer can be sent as it lies there. Then Recycle may have it.
	Framed []byte
	// Count is the number of keys that match, whatever the limit.
	Count int64
	// Rev is the reader's own revision, which also an answer about the past carries.
	Rev int64
}

// ReadView reads one state of the store.
type ReadView interface {
	// FirstRev is the compact revision: the oldest that can be read, -1 if there was no
	// compaction.
	FirstRev() int64
	// Rev is the revision of the view. In a write transaction it is the revision at its
	// begin until the first change, and one more from then on.
	Rev() int64
	// Range returns ErrCompacted or ErrFutureRev if ro.Rev cannot be read.
	Range(iv interval.Interval, ro RangeOptions) (RangeResult, error)
}

// TxnRead is a view that stays as it is until End. A goroutine must not begin a write
// transaction while it holds one: a compaction, a defragmentation or a commit may be
// waiting for the reader, and the writer for those.
type TxnRead interface {
	ReadView
	End()
}

// TxnWrite changes the store. There is one at a time; it holds the batch lock of the
// backend from Write to End. It reads its own writes. Nobody else sees anything of it
// before End, and nothing of it is committed before End.
type TxnWrite interface {
	TxnRead // End makes all changes visible at once
	// Put writes key with a lease ID, 0 for none, and returns the revision of the change.
	Put(key, value []byte, lease int64) (rev int64)
	// DeleteRange deletes the keys of iv and returns their number, and the transaction's
	// revision.
	DeleteRange(iv interval.Interval) (n, rev int64)
	// Changes is the number of puts and deletions so far.
	Changes() int
	// SetConsistentIndex names the raft entry that this transaction applies; End writes
	// the index together with the changes, also if there are none.
	SetConsistentIndex(index uint64)
	// Abort takes all changes back and lets the locks go; after End it does nothing.
	// Deferred right after Write it makes sure that a panic leaves nothing half done.
	Abort()
}

// Change is one put or deletion of a transaction that has ended.
type Change struct {
	Rev    Revision
	Record mvccpb.RawKeyValue // of a deletion: the key alone
	Event  Event              // what watchers get; it holds the record
}

// KV is the store as the layers above see it.
type KV interface {
	ReadView
	Read() TxnRead
	Write() TxnWrite
	// Compact makes all revisions before rev unreadable. It returns when that is on disk;
	// the channel is closed when the records that are not needed any more are gone, which
	// a Close before that prevents. With ErrCompacted, which says that rev is not above
	// the compact revision, the channel is that of the compactions already begun.
	//
	// The consistent index of the entry is to be set AFTER Compact: to compact twice is
	// harmless, to skip it after a crash is not.
	Compact(rev int64) (<-chan struct{}, error)
	// SetConsistentIndex records a raft entry that was applied without a transaction. Not
	// to be called while the caller has one open.
	SetConsistentIndex(index uint64)
	ConsistentIndex() uint64
	// Hash is the hash over the whole file except the consistent index.
	Hash() (hash uint32, rev int64, err error)
	// HashByRev is the hash over the history up to rev, 0 for now; before the first
	// revision there is none. It is equal on all members with the same compact revision.
	HashByRev(rev int64) (hash uint32, currentRev, compactRev int64, err error)
	// Commit writes everything pending to disk.
	Commit()
	// Close ends the background work. The backend stays open.
	Close() error
}
