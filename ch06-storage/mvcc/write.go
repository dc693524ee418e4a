package mvcc

import (
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"
)

// storeTxnWrite is a write transaction.
//
// Invariants:
//  1. Nothing of it is in the backend before End; in the index it is, at a revision that
//     no reader can ask for yet. So to drop the transaction is to undo the index.
//  2. changes[i] has revision (beginRev+1).i, so the transaction finds its own records
//     by their sub revision.
type storeTxnWrite struct {
	s        *Store
	batch    backend.BatchTx
	firstRev int64
	beginRev int64
	changes  []pendingChange
	index    uint64 // the raft entry; 0: not told
	scratch  []byte
	done     bool

	ranges, puts, deletes int
	putBytes              int
	keys                  int // how many more keys live than before
}

// pendingChange is a change and what is needed to take it back.
type pendingChange struct {
	rev    Revision
	data   encodedChange
	before generation
}

// Write begins a write transaction; it waits for the one before it.
func (s *Store) Write() TxnWrite {
	s.writeMu.Lock()
	batch := s.b.BatchTx()
	batch.Lock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return &storeTxnWrite{s: s, batch: batch, firstRev: s.compactRev, beginRev: s.currentRev}
}

func (t *storeTxnWrite) FirstRev() int64 { return t.firstRev }

func (t *storeTxnWrite) Rev() int64 {
	if len(t.changes) > 0 {
		return t.beginRev + 1
	}
	return t.beginRev
}

func (t *storeTxnWrite) Changes() int { return len(t.changes) }

func (t *storeTxnWrite) SetConsistentIndex(index uint64) { t.index = index }

func (t *storeTxnWrite) Range(iv interval.Interval, ro RangeOptions) (RangeResult, error) {
	t.ranges++
	return rangeKeys(t.s.index, t.record, t.firstRev, t.Rev(), iv, ro)
}

// record finds the transaction's own records among its changes, all others in the batch.
func (t *storeTxnWrite) record(rev Revision) []byte {
	if rev.Main > t.beginRev {
		return t.changes[rev.Sub].data.record
	}
	t.scratch = rev.AppendTo(t.scratch[:0])
	return t.batch.UnsafeGet(backend.BucketKey, t.scratch)
}

func (t *storeTxnWrite) nextRevision() Revision {
	return Revision{Main: t.beginRev + 1, Sub: int32(len(t.changes))}
}

func (t *storeTxnWrite) Put(key, value []byte, lease int64) (rev int64) {
	t.puts++
	t.putBytes += len(key) + len(value)
	next := t.nextRevision()
	open, before := t.s.index.put(key, next)
	if open.ver == 1 {
		t.keys++
	}
	t.changes = append(t.changes, pendingChange{next, encodePut(next, open, key, value, lease), before})
	return next.Main
}

func (t *storeTxnWrite) DeleteRange(iv interval.Interval) (n, rev int64) {
	t.deletes++
	keys := t.s.index.keys(iv, t.Rev())
	for _, key := range keys {
		next := t.nextRevision()
		next.Tombstone = true
		before := t.s.index.tombstone(key, next)
		t.changes = append(t.changes, pendingChange{next, encodeTombstone(next, key), before})
	}
	t.keys -= len(keys)
	return int64(len(keys)), t.Rev()
}

// End hands the changes to the batch and lets the locks go, in this order: the batch
// holds all of them and the consistent index BEFORE it is unlocked, as it may be
// committed from then on; readers can pin them BEFORE the revision moves on, so whoever
// sees the revision finds the records.
func (t *storeTxnWrite) End() {
	if t.done {
		return
	}
	// From here on Abort does nothing: should a put to the batch panic, the locks stay
	// held, and what is half there can never be committed.
	t.done = true
	for _, change := range t.changes {
		t.batch.UnsafeSeqPut(backend.BucketKey, change.data.revision, change.data.record)
	}
	if t.index != 0 {
		t.batch.UnsafeSetConsistentIndex(t.index)
	}
	t.batch.Unlock()
	if len(t.changes) > 0 {
		t.publish()
	}
	t.s.writeMu.Unlock()
	countOps(t.ranges, t.puts, t.deletes)
	putBytesTotal.Add(float64(t.putBytes))
	keysTotal.Add(float64(t.keys))
}

func (t *storeTxnWrite) publish() {
	s := t.s
	s.mu.Lock()
	s.currentRev = t.beginRev + 1
	observeRevisions(s.currentRev, s.compactRev)
	s.mu.Unlock()
	if s.cfg.OnCommit == nil {
		return
	}
	changes := make([]Change, len(t.changes))
	for i, change := range t.changes {
		changes[i] = Change{Rev: change.rev, Record: change.data.record, Event: change.data.event}
	}
	s.cfg.OnCommit(t.beginRev+1, changes)
}

func (t *storeTxnWrite) Abort() {
	if t.done {
		return
	}
	t.done = true
	for i := len(t.changes) - 1; i >= 0; i-- {
		change := t.changes[i]
		t.s.index.undo(change.data.record.Key(), change.before)
	}
	t.batch.Unlock()
	t.s.writeMu.Unlock()
}
