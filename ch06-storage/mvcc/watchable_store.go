package mvcc

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"
)

// WatchableStore is a Store that can be watched. The hub says what is to be done; here
// are the lock, and the one goroutine that reads history for watchers who lag.
//
// Lock order: what Store says; reading, then mu, then an outbox. mu may be held when a
// read transaction begins, but MUST NOT be waited for while one is open: the writer may
// hold mu and wait for a commit, which waits for readers.
type WatchableStore struct {
	lg          *slog.Logger
	cfg         Config
	limits      syncLimits
	streamBytes int
	store       atomic.Pointer[Store] // replaced by Restore only

	mu  sync.Mutex
	hub *watchHub

	reading sync.Mutex // held by the sync loop while it uses store
	wake    chan struct{}
	stop    chan struct{}
	once    sync.Once
	done    sync.WaitGroup
}

// OpenWatchable is Open for a store that can be watched.
func OpenWatchable(lg *slog.Logger, b backend.Backend, cfg Config) (*WatchableStore, error) {
	s, err := openWatchable(lg, b, cfg)
	if err != nil {
		return nil, err
	}
	s.done.Go(s.syncLoop)
	return s, nil
}

// openWatchable starts no goroutine: a test may make the rounds of the sync loop itself.
func openWatchable(lg *slog.Logger, b backend.Backend, cfg Config) (*WatchableStore, error) {
	if lg == nil {
		lg = slog.Default()
	}
	s := &WatchableStore{
		lg: lg, cfg: cfg, limits: defaultSyncLimits, streamBytes: outboxBytes,
		wake: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	store, err := s.open(b)
	if err != nil {
		return nil, err
	}
	s.store.Store(store)
	s.hub = newWatchHub(store.Rev())
	return s, nil
}

// open opens a store that tells whoever cfg names what it commits, and then the watchers:
// when they hear of a change, everything that follows from it has been done.
func (s *WatchableStore) open(b backend.Backend) (*Store, error) {
	cfg := s.cfg
	cfg.OnCommit = func(rev int64, changes []Change) {
		if s.cfg.OnCommit != nil {
			s.cfg.OnCommit(rev, changes)
		}
		s.notify(rev, changes)
	}
	return Open(s.lg, b, cfg)
}

// notify is called at the end of a write transaction, and the next one waits for it. No
// compaction can begin meanwhile, so what the changes have replaced can be read.
func (s *WatchableStore) notify(rev int64, changes []Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hub.commit(rev, changes, s.store.Load())
}

// WatcherCounts says how many watchers are in which state.
type WatcherCounts struct{ Synced, Unsynced, Victims int }

// Watchers counts the watchers of all streams.
func (s *WatchableStore) Watchers() WatcherCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return WatcherCounts{s.hub.synced.size, s.hub.unsynced.Len(), s.hub.victims}
}

// WatcherMoves says how often a watcher was put into each state since the store was opened,
// so that nothing is lost between two looks at Watchers. One that catches up is put among
// the unsynced once for each slice of history.
func (s *WatchableStore) WatcherMoves() WatcherCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hub.moves
}

// Restore goes on with the contents of another backend, which replace everything, as a
// snapshot from the leader does. Watchers stay: they get what they have not seen yet of
// the new history, or are told that it was compacted. The caller makes sure that no
// transaction is open or begins meanwhile. The old backend may be closed afterwards.
func (s *WatchableStore) Restore(b backend.Backend) error {
	store, err := s.open(b)
	if err != nil {
		return err
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	s.mu.Lock()
	old := s.store.Swap(store)
	s.hub.restored(store.Rev())
	s.wakeSyncLoop()
	s.mu.Unlock()
	return old.Close()
}

// Close ends the background work. Streams are closed by those who opened them.
func (s *WatchableStore) Close() error {
	s.once.Do(func() { close(s.stop) })
	s.done.Wait()
	return s.store.Load().Close()
}

// The methods of KV are those of the store.

func (s *WatchableStore) FirstRev() int64 { return s.store.Load().FirstRev() }
func (s *WatchableStore) Rev() int64      { return s.store.Load().Rev() }
func (s *WatchableStore) Read() TxnRead   { return s.store.Load().Read() }
func (s *WatchableStore) Write() TxnWrite { return s.store.Load().Write() }
func (s *WatchableStore) Commit()         { s.store.Load().Commit() }

func (s *WatchableStore) Range(iv interval.Interval, ro RangeOptions) (RangeResult, error) {
	return s.store.Load().Range(iv, ro)
}

func (s *WatchableStore) Compact(rev int64) (<-chan struct{}, error) {
	return s.store.Load().Compact(rev)
}

func (s *WatchableStore) SetConsistentIndex(index uint64) { s.store.Load().SetConsistentIndex(index) }
func (s *WatchableStore) ConsistentIndex() uint64         { return s.store.Load().ConsistentIndex() }

func (s *WatchableStore) Hash() (hash uint32, rev int64, err error) { return s.store.Load().Hash() }

func (s *WatchableStore) HashByRev(rev int64) (hash uint32, currentRev, compactRev int64, err error) {
	return s.store.Load().HashByRev(rev)
}

// Generations is Store.Generations.
func (s *WatchableStore) Generations(key []byte) [][]Revision {
	return s.store.Load().Generations(key)
}

// replacedBy returns a copy of what a change has replaced; see storeTxnRead.replacedBy.
func (s *Store) replacedBy(c Change) mvccpb.RawKeyValue {
	t := s.idleReads.Get().(*storeTxnRead)
	defer s.idleReads.Put(t)
	t.begin()
	defer t.End()
	record := t.replacedBy(c.Rev, c.Record)
	return append(mvccpb.RawKeyValue(nil), record...)
}

var _ WatchableKV = (*WatchableStore)(nil)
