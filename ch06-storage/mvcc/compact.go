package mvcc

import (
	"bytes"
	"time"

	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/backend"
)

// Compact implements KV. What it does at once: nobody who begins to read from now on can
// ask for a revision before rev, and the disk knows it. What it leaves to a goroutine:
// the removal of records.
func (s *Store) Compact(rev int64) (<-chan struct{}, error) {
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	s.mu.Lock()
	currentRev, compactRev, begun := s.currentRev, s.compactRev, s.compacted
	s.mu.Unlock()
	if rev <= compactRev {
		return begun, ErrCompacted
	}
	if rev > currentRev {
		return nil, ErrFutureRev
	}
	// On disk BEFORE the first record goes: whoever finds the store half compacted
	// must know at which revision, and how far the revision had come (S6).
	tx := s.b.BatchTx()
	tx.Lock()
	tx.UnsafePut(backend.BucketMeta, backend.MetaScheduledCompactRev, Revision{Main: rev}.AppendTo(nil))
	tx.Unlock()
	s.b.ForceCommit()
	return s.startCompaction(rev), nil
}

// startCompaction closes the past before rev to new readers and starts the goroutine that
// removes it: AFTER the compaction before it, and AFTER the last reader that may still
// look into that past.
func (s *Store) startCompaction(rev int64) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	previous, olderReaders, done := s.compacted, s.readers, make(chan struct{})
	s.compactRev, s.readers, s.compacted = rev, newReaders(), done
	olderReaders.seal()
	observeRevisions(s.currentRev, s.compactRev)
	s.jobs.Go(func() {
		if s.await(previous) && s.await(olderReaders.gone) && s.removeUnneeded(rev) {
			close(done)
		}
	})
	return done
}

// await waits for c; false means that the store was closed first.
func (s *Store) await(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-s.stop:
		return false
	}
}

// unneeded is a record to be removed.
type unneeded struct {
	key []byte
	rev Revision
}

// removeUnneeded walks through the records up to compactRev in slices, with pauses. A
// record goes from index and disk under one batch lock. The last slice also says, in the
// same batch, that the compaction is finished.
func (s *Store) removeUnneeded(compactRev int64) (finished bool) {
	start := time.Now()
	from := Revision{}.AppendTo(nil)
	removed := 0
	for {
		sliceStart := time.Now()
		found, next := s.findUnneeded(from, compactRev)
		s.remove(found, compactRev, next == nil)
		removed += len(found)
		compactionPause.Observe(milliseconds(time.Since(sliceStart)))
		if next == nil {
			break
		}
		from = next
		pause := time.NewTimer(s.cfg.CompactionSleepInterval)
		if !s.awaitTimer(pause) {
			return false
		}
	}
	took := time.Since(start)
	compactionTotal.Observe(milliseconds(took))
	compactionLast.SetToCurrentTime()
	s.lg.Info("compacted", "revision", compactRev, "removed_records", removed, "took", took)
	return true
}

func (s *Store) awaitTimer(timer *time.Timer) bool {
	select {
	case <-timer.C:
		return true
	case <-s.stop:
		timer.Stop()
		return false
	}
}

// findUnneeded looks at one slice of records from the disk key from on. next is where the
// following slice begins, nil after the last.
func (s *Store) findUnneeded(from []byte, compactRev int64) (found []unneeded, next []byte) {
	tx := s.b.ConcurrentReadTx()
	defer tx.Unlock()
	end := Revision{Main: compactRev + 1}.AppendTo(nil)
	limit := s.cfg.CompactionBatchLimit
	keys, records := tx.UnsafeRange(backend.BucketKey, from, end, int64(limit))
	for i := range keys {
		rev := mustParse(keys[i])
		key := mvccpb.RawKeyValue(records[i]).Key()
		if !s.index.needs(key, rev, compactRev) {
			found = append(found, unneeded{bytes.Clone(key), rev})
		}
	}
	if len(keys) < limit {
		return found, nil
	}
	return found, append(bytes.Clone(keys[len(keys)-1]), 0)
}

func (s *Store) remove(found []unneeded, compactRev int64, last bool) {
	tx := s.b.BatchTx()
	tx.Lock()
	defer tx.Unlock()
	for _, v := range found {
		tx.UnsafeDelete(backend.BucketKey, v.rev.AppendTo(nil))
	}
	indexStart := time.Now()
	for _, v := range found {
		s.index.forget(v.key, v.rev)
	}
	indexCompactionPause.Observe(milliseconds(time.Since(indexStart)))
	compactionKeys.Add(float64(len(found)))
	if last {
		tx.UnsafePut(backend.BucketMeta, backend.MetaFinishedCompactRev, Revision{Main: compactRev}.AppendTo(nil))
	}
}

// mustParse reads a disk key that Open or this store itself has found to be in order.
func mustParse(b []byte) Revision {
	rev, err := ParseRevision(b)
	if err != nil {
		panic(err.Error())
	}
	return rev
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
