package backend

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// ErrInUse is returned by Open if another process holds the file.
var ErrInUse = errors.New("data directory in use by another process")

// Backend is the file. Its methods are safe for concurrent use.
type Backend interface {
	// ReadTx returns a handle that is not locked yet; Lock pins the newest state.
	ReadTx() ReadTx
	// ConcurrentReadTx returns a handle already locked; the caller must Unlock it.
	ConcurrentReadTx() ReadTx
	BatchTx() BatchTx

	// Snapshot commits and returns that state of the file, to be streamed and closed.
	Snapshot() Snapshot
	// Hash commits and returns a CRC-32C over all buckets, names and pairs in order,
	// without the pairs for which ignore, if not nil, says so.
	Hash(ignore func(bucket, key []byte) bool) (uint32, error)
	// Size is the number of bytes of the file, free pages included.
	Size() int64
	// SizeInUse is Size without the free pages.
	SizeInUse() int64
	// ConsistentIndex is the raft index up to which entries have been applied to the
	// batch: read from the file by Open, moved by BatchTx.UnsafeSetConsistentIndex.
	ConsistentIndex() uint64
	// Defrag rewrites the file without free pages. Readers and writers wait.
	Defrag() error
	// ForceCommit writes everything pending to disk.
	ForceCommit()
	// Close commits and closes the file. All read transactions and snapshots must have
	// ended. A second call does nothing.
	Close() error
}

// Config says how to open a file. Only Path is required.
type Config struct {
	Path          string
	BatchInterval time.Duration // 0: DefaultBatchInterval
	BatchLimit    int           // changes; 0: DefaultBatchLimit
	FreelistType  string        // "array" (also if empty) or "map"
	MmapSize      int64         // bytes; 0: DefaultMmapSize; see MmapSizeFor
	UnsafeNoFsync bool          // a crash of the machine may destroy the file
	LockTimeout   time.Duration // 0: DefaultLockTimeout
	Logger        *slog.Logger  // nil: slog.Default()
}

func (c *Config) fillDefaults() {
	if c.BatchInterval == 0 {
		c.BatchInterval = DefaultBatchInterval
	}
	if c.BatchLimit == 0 {
		c.BatchLimit = DefaultBatchLimit
	}
	if c.LockTimeout == 0 {
		c.LockTimeout = DefaultLockTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

// backend ties the batch, the readers and the committing goroutine together.
//
// Lock order: batch (the batch lock), then mu. mu is held for a few instructions,
// except while Defrag, or a commit that may move the memory map, keeps readers out.
type backend struct {
	cfg   Config
	db    *bolt.DB // replaced by Defrag only, under the batch lock and mu
	batch *batchTx

	mu        sync.Mutex // guards what readers pin:
	view      *boltView
	published [numBuckets]bucketBuffer

	consistentIndex atomic.Uint64
	size, sizeInUse atomic.Int64

	kick      chan struct{} // the batch has something to commit
	stop      chan struct{}
	stopped   chan struct{}
	closeOnce sync.Once
	closeErr  error

	defragStep func(step string) // for tests: called between the steps of Defrag
}

// Open opens the file, or makes it if it is not there, and removes what an interrupted
// Defrag left behind.
func Open(cfg Config) (Backend, error) { return open(cfg) }

func open(cfg Config) (*backend, error) {
	cfg.fillDefaults()
	opts, err := boltOptions(cfg)
	if err != nil {
		return nil, err
	}
	db, err := openBolt(cfg.Path, opts)
	if err != nil {
		return nil, err
	}
	// AFTER the file's lock is held: another process may be defragmenting.
	if err := removeDefragLeftovers(cfg); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	b := &backend{
		cfg: cfg, db: db,
		kick: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
		defragStep: func(string) {},
	}
	b.batch = &batchTx{backend: b}
	b.batch.begin()
	if err := b.readConsistentIndex(); err != nil {
		return nil, errors.Join(err, b.batch.tx.Rollback(), db.Close())
	}
	b.beginView()
	b.recordSizes(b.batch.tx)
	go b.commitLoop()
	return b, nil
}

func openBolt(path string, opts *bolt.Options) (*bolt.DB, error) {
	db, err := bolt.Open(path, 0o600, opts)
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("backend: %w: %s is locked; stop the other process, or use another data directory", ErrInUse, path)
	}
	if err != nil {
		return nil, fmt.Errorf("backend: cannot open %s: %w", path, err)
	}
	return db, nil
}

func removeDefragLeftovers(cfg Config) error {
	left, err := filepath.Glob(globQuote(cfg.Path) + ".tmp.*")
	if err != nil {
		return fmt.Errorf("backend: cannot look for leftovers of a defragmentation: %w", err)
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("backend: cannot remove what a defragmentation left behind: %w", err)
		}
		cfg.Logger.Warn("removed what an interrupted defragmentation left behind", "path", path)
	}
	return nil
}

func (b *backend) readConsistentIndex() error {
	value := b.batch.UnsafeGet(BucketMeta, MetaConsistentIndex)
	if value == nil {
		return nil
	}
	if len(value) != 8 {
		return fmt.Errorf("backend: consistent index in %s has %d bytes (%x), want 8: the file is damaged, restore it from a snapshot", b.cfg.Path, len(value), value)
	}
	b.batch.index = binary.BigEndian.Uint64(value)
	b.consistentIndex.Store(b.batch.index)
	return nil
}

func (b *backend) BatchTx() BatchTx { return b.batch }

func (b *backend) ReadTx() ReadTx { return &concurrentReadTx{backend: b} }

func (b *backend) ConcurrentReadTx() ReadTx {
	tx := &concurrentReadTx{backend: b}
	tx.Lock()
	return tx
}

// beginView gives readers a view of the last commit, with empty buffers. The caller holds
// mu, or nobody else knows b yet, and has released the view before.
//
// It is called AFTER the next write transaction was begun: when that begins, bbolt takes
// back the pages that no reader can need any more, and as yet there is no new reader.
func (b *backend) beginView() {
	tx, err := b.db.Begin(false)
	if err != nil {
		panic(fmt.Sprintf("backend: cannot begin a read transaction on %s: %v", b.cfg.Path, err))
	}
	b.view = newBoltView(tx)
	b.published = [numBuckets]bucketBuffer{}
}

// publish shows the writer's buffer to readers who come from now on.
func (b *backend) publish() {
	b.mu.Lock()
	b.batch.buf.publish(&b.published)
	b.mu.Unlock()
}

// mapMayMove tells whether committing the batch may make the file outgrow its address
// space. bbolt then moves its memory map, and waits for all read transactions first; a
// view that stays open would be waited for for ever. As long as the space surely
// suffices, readers go on during a commit and none ever waits.
func (b *backend) mapMayMove(newBytes int64, changes int) bool {
	growth := maxGrowth(b.SizeInUse(), newBytes, changes, b.db.Info().PageSize)
	return b.Size() > initialMmap(b.cfg)-growth
}

// excludeReaders takes mu, which keeps new readers out, and ends the view when the last
// reader has left. The caller begins the next view and unlocks mu.
func (b *backend) excludeReaders() {
	b.mu.Lock()
	b.view.release()
	<-b.view.closed
}

// scheduleCommit wakes the committing goroutine, which waits for the batch interval.
func (b *backend) scheduleCommit() {
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

// commitLoop commits each batch one interval after its first change. An idle backend
// has no timer running.
func (b *backend) commitLoop() {
	defer close(b.stopped)
	for {
		select {
		case <-b.kick:
		case <-b.stop:
			return
		}
		timer := time.NewTimer(b.cfg.BatchInterval)
		select {
		case <-timer.C:
			b.batch.Commit()
		case <-b.stop:
			timer.Stop()
			return
		}
	}
}

func (b *backend) ForceCommit() { b.batch.Commit() }

func (b *backend) Close() error {
	b.closeOnce.Do(func() {
		close(b.stop)
		<-b.stopped
		b.batch.CommitAndStop()
		b.mu.Lock()
		b.view.release()
		b.view = nil
		b.mu.Unlock()
		if err := b.db.Close(); err != nil {
			b.closeErr = fmt.Errorf("backend: cannot close %s: %w", b.cfg.Path, err)
		}
	})
	return b.closeErr
}

func (b *backend) Size() int64             { return b.size.Load() }
func (b *backend) SizeInUse() int64        { return b.sizeInUse.Load() }
func (b *backend) ConsistentIndex() uint64 { return b.consistentIndex.Load() }

// recordSizes measures the file at the beginning of a batch; after the last one there
// is nothing to measure with.
func (b *backend) recordSizes(tx *bolt.Tx) {
	if tx == nil {
		return
	}
	stats := b.db.Stats()
	size := tx.Size()
	inUse := size - int64(stats.FreePageN)*int64(b.db.Info().PageSize)
	b.size.Store(size)
	b.sizeInUse.Store(inUse)
	observeSizes(size, inUse, stats.OpenTxN)
}

// globQuote makes path match itself only.
func globQuote(path string) string {
	if os.PathSeparator == '\\' { // Windows has no escape character, nor * and ? in names
		return path
	}
	quoted := make([]byte, 0, len(path))
	for i := range len(path) {
		switch path[i] {
		case '*', '?', '[', '\\':
			quoted = append(quoted, '\\')
		}
		quoted = append(quoted, path[i])
	}
	return string(quoted)
}
