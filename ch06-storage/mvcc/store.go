package mvcc

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"
)

const (
	// DefaultCompactionBatchLimit is the number of records looked at between two pauses.
	DefaultCompactionBatchLimit = 1000
	// DefaultCompactionSleepInterval is the length of the pause.
	DefaultCompactionSleepInterval = 10 * time.Millisecond

	// firstRevision is the revision of an empty store.
	firstRevision = 1
	// noRevision stands for a compaction that never was.
	noRevision = -1
)

// Config may be left zero.
type Config struct {
	CompactionBatchLimit    int           // records; 0: DefaultCompactionBatchLimit
	CompactionSleepInterval time.Duration // 0: DefaultCompactionSleepInterval
	// OnCommit, if set, is called at the end of every transaction with changes, in the
	// order of revisions, when readers see them already and BEFORE the next transaction
	// begins. It may read, but not begin a write transaction.
	OnCommit func(rev int64, changes []Change)
}

// Store implements KV on a backend.
//
// Invariants:
//  1. currentRev is the main revision of the newest change that readers may see, and
//     never falls, also not over a restart (REGRESSIONS S6).
//  2. When no transaction is open, the index is what rebuilding it from the backend would
//     give; during a compaction too, because both lose a record under one lock.
//  3. compactRev <= currentRev, and nothing that a read from compactRev on can need is
//     ever removed.
//
// Lock order: writeMu, the batch lock, mu. No lock is taken while a read transaction of
// the backend is open.
type Store struct {
	lg    *slog.Logger
	b     backend.Backend
	cfg   Config
	index index

	writeMu sync.Mutex // held from Write to End, and by Compact

	mu         sync.Mutex // held for a few instructions; guards:
	currentRev int64
	compactRev int64
	readers    *readers        // those who began since the last compaction
	compacted  <-chan struct{} // closed when all compactions begun so far are done

	idleReads sync.Pool // *storeTxnRead, for Store.Range

	stop     chan struct{}
	stopOnce sync.Once
	jobs     sync.WaitGroup
}

// Open reads the history in b and rebuilds the index from it. An unfinished compaction
// is taken up again. The store uses b until Close and does not close it.
func Open(lg *slog.Logger, b backend.Backend, cfg Config) (*Store, error) {
	if lg == nil {
		lg = slog.Default()
	}
	if cfg.CompactionBatchLimit <= 0 {
		cfg.CompactionBatchLimit = DefaultCompactionBatchLimit
	}
	if cfg.CompactionSleepInterval <= 0 {
		cfg.CompactionSleepInterval = DefaultCompactionSleepInterval
	}
	done := make(chan struct{})
	close(done)
	s := &Store{
		lg: lg, b: b, cfg: cfg, index: newTreeIndex(),
		currentRev: firstRevision, compactRev: noRevision,
		readers: newReaders(), compacted: done, stop: make(chan struct{}),
	}
	s.idleReads.New = func() any { return s.newReadTxn() }
	tx := b.BatchTx()
	tx.Lock()
	tx.UnsafeCreateBucket(backend.BucketKey)
	tx.UnsafeCreateBucket(backend.BucketMeta)
	tx.Unlock()
	if err := s.restore(); err != nil {
		return nil, fmt.Errorf("mvcc: cannot restore the store: %w", err)
	}
	return s, nil
}

// restore reads the whole backend once.
//
// The current revision is the largest found anywhere. The records alone do not tell it:
// compaction may have removed the newest one, a tombstone, and may have been interrupted
// before it said that it is finished; that it was scheduled was said before.
func (s *Store) restore() error {
	tx := s.b.ConcurrentReadTx()
	defer tx.Unlock()
	finished, err := readCompactRev(tx, backend.MetaFinishedCompactRev)
	if err != nil {
		return err
	}
	scheduled, err := readCompactRev(tx, backend.MetaScheduledCompactRev)
	if err != nil {
		return err
	}
	s.compactRev = max(finished, scheduled)
	s.currentRev = max(firstRevision, s.compactRev)
	if err := tx.UnsafeForEach(backend.BucketKey, s.restoreRecord); err != nil {
		return err
	}
	keysTotal.Set(float64(s.index.count(interval.All(), s.currentRev)))
	observeRevisions(s.currentRev, s.compactRev)
	if scheduled > finished {
		s.lg.Info("taking up an unfinished compaction", "revision", scheduled)
		s.startCompaction(scheduled)
	}
	return nil
}

func (s *Store) restoreRecord(k, v []byte) error {
	rev, err := ParseRevision(k)
	if err != nil {
		return err
	}
	record := mvccpb.RawKeyValue(v)
	var open generation
	if !rev.Tombstone {
		open = generation{created: record.CreateRevision(), ver: record.Version()}
		if open.created <= 0 || open.ver <= 0 || record.ModRevision() != rev.Main {
			return fmt.Errorf("record %v is damaged: create revision %d, mod revision %d, version %d",
				rev, open.created, record.ModRevision(), open.ver)
		}
	}
	s.index.restore(record.Key(), rev, open)
	s.currentRev = max(s.currentRev, rev.Main)
	return nil
}

func readCompactRev(tx backend.ReadTx, key []byte) (int64, error) {
	value := tx.UnsafeGet(backend.BucketMeta, key)
	if value == nil {
		return noRevision, nil
	}
	rev, err := ParseRevision(value)
	if err != nil {
		return 0, fmt.Errorf("meta/%s: %w", key, err)
	}
	return rev.Main, nil
}

// FirstRev is the compact revision.
func (s *Store) FirstRev() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.compactRev
}

// Rev is the current revision.
func (s *Store) Rev() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.currentRev
}

// Generations returns the lives of a key, oldest first, as far as they are not compacted:
// for demonstrations and tools.
func (s *Store) Generations(key []byte) [][]Revision { return s.index.generations(key) }

// SetConsistentIndex implements KV.
func (s *Store) SetConsistentIndex(index uint64) {
	tx := s.b.BatchTx()
	tx.Lock()
	tx.UnsafeSetConsistentIndex(index)
	tx.Unlock()
}

// ConsistentIndex implements KV.
func (s *Store) ConsistentIndex() uint64 { return s.b.ConsistentIndex() }

// Commit implements KV.
func (s *Store) Commit() { s.b.ForceCommit() }

// Close implements KV; a second call does nothing.
func (s *Store) Close() error {
	s.stopOnce.Do(func() { close(s.stop) })
	s.jobs.Wait()
	return nil
}

var _ KV = (*Store)(nil)
