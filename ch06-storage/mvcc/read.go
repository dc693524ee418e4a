package mvcc

import (
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"
)

// readers counts the read transactions that began between two compactions, so that the
// second one can wait until the last of them has ended. Guarded by Store.mu.
type readers struct {
	open   int
	sealed bool          // no more will begin
	gone   chan struct{} // closed when sealed and none is open
}

func newReaders() *readers { return &readers{gone: make(chan struct{})} }

func (r *readers) end() {
	if r.open--; r.open == 0 && r.sealed {
		close(r.gone)
	}
}

func (r *readers) seal() {
	if r.sealed = true; r.open == 0 {
		close(r.gone)
	}
}

// storeTxnRead is a read transaction. Its revision is taken BEFORE a backend transaction
// is pinned, so that one holds at least the changes up to that revision; later ones are
// hidden by the index. A read that needs no record, as a count, never pins one.
type storeTxnRead struct {
	s        *Store
	tx       backend.ReadTx
	pinned   bool // tx is locked: not before the first record is read
	firstRev int64
	rev      int64
	readers  *readers // nil once ended
	scratch  []byte   // for a revision's disk form
	ranges   int
}

// Read begins a read transaction at the current revision.
func (s *Store) Read() TxnRead {
	t := s.newReadTxn()
	t.begin()
	return t
}

// Range reads in a transaction of its own. Nobody else ever sees it, so it can be used
// again.
func (s *Store) Range(iv interval.Interval, ro RangeOptions) (RangeResult, error) {
	t := s.idleReads.Get().(*storeTxnRead)
	defer s.idleReads.Put(t)
	t.begin()
	defer t.End()
	return t.Range(iv, ro)
}

func (s *Store) newReadTxn() *storeTxnRead { return &storeTxnRead{s: s, tx: s.b.ReadTx()} }

func (t *storeTxnRead) begin() {
	s := t.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers.open++
	t.firstRev, t.rev, t.readers = s.compactRev, s.currentRev, s.readers
}

func (t *storeTxnRead) FirstRev() int64 { return t.firstRev }
func (t *storeTxnRead) Rev() int64      { return t.rev }

// End ends the transaction; a second call does nothing.
func (t *storeTxnRead) End() {
	if t.readers == nil {
		return
	}
	if t.pinned {
		t.tx.Unlock()
	}
	t.s.mu.Lock()
	t.readers.end()
	t.s.mu.Unlock()
	countOps(t.ranges, 0, 0)
	t.pinned, t.readers, t.ranges = false, nil, 0
}

func (t *storeTxnRead) Range(iv interval.Interval, ro RangeOptions) (RangeResult, error) {
	t.ranges++
	return rangeKeys(t.s.index, t.record, t.firstRev, t.rev, iv, ro)
}

// pin begins the backend transaction if that has not been done.
func (t *storeTxnRead) pin() backend.ReadTx {
	if !t.pinned {
		t.tx.Lock()
		t.pinned = true
	}
	return t.tx
}

func (t *storeTxnRead) record(rev Revision) []byte {
	t.scratch = rev.AppendTo(t.scratch[:0])
	return t.pin().UnsafeGet(backend.BucketKey, t.scratch)
}

// rangeKeys is Range for a reader at revision rev. record fetches a record, whose bytes
// are valid only until the caller's transaction ends.
func rangeKeys(x index, record func(Revision) []byte, firstRev, rev int64, iv interval.Interval, ro RangeOptions) (RangeResult, error) {
	at := ro.Rev
	switch {
	case at > rev:
		return RangeResult{Count: -1, Rev: rev}, ErrFutureRev
	case at <= 0:
		at = rev
	case at < firstRev:
		return RangeResult{Count: -1}, ErrCompacted
	}
	if ro.Count {
		return RangeResult{Count: x.count(iv, at), Rev: rev}, nil
	}
	revs, total := x.live(iv, at, ro.Limit)
	kvs, framed := fetch(revs, record, ro)
	return RangeResult{KVs: kvs, Framed: framed, Count: total, Rev: rev}, nil
}
