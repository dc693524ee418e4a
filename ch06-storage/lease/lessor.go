package lease

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"
)

// DefaultCheckpointInterval is the time between two checkpoints of a lease.
const DefaultCheckpointInterval = 5 * time.Minute

// TxnDelete is the write transaction in which the keys of a lease are deleted;
// mvcc.TxnWrite is one. It holds the lock of the lessor's backend from its begin to its
// end, so that the record of the lease goes with the keys.
type TxnDelete interface {
	DeleteRange(iv interval.Interval) (n, rev int64)
	// End makes the deletions visible.
	End()
	// Abort takes them back; after End it does nothing.
	Abort()
}

// RangeDeleter begins a TxnDelete. A server sets the consistent index in it.
type RangeDeleter func() TxnDelete

// Checkpointer has the checkpoints agreed on by all members, and returns when they are
// applied on this one. It must give up when ctx is done. Each member then calls Checkpoint.
type Checkpointer func(ctx context.Context, r *pb.LeaseCheckpointRequest) error

// Lessor keeps all leases of a member (book §6.2.3). Its methods are safe for concurrent
// use. Those of the first block are called when an entry is applied and nowhere else.
type Lessor interface {
	// Grant makes a lease that lasts at least ttlSeconds from now on. A TTL below the
	// minimum is raised to it. Errors: ErrLeaseNotFound for the ID NoLease,
	// ErrLeaseTTLTooLarge, ErrLeaseExists.
	Grant(id ID, ttlSeconds int64) (*Lease, error)
	// Revoke deletes the lease and its keys, in ascending order of keys, in one
	// transaction. Error: ErrLeaseNotFound.
	Revoke(id ID) error
	// Checkpoint records what the primary said a lease has left; 0 takes that back. Error:
	// ErrLeaseNotFound.
	Checkpoint(id ID, remainingTTLSeconds int64) error
	// Attach gives keys to a lease, and takes them from the leases that had them. Error:
	// ErrLeaseNotFound.
	Attach(id ID, items []LeaseItem) error
	// Detach takes keys from a lease; those of other leases stay. Error: ErrLeaseNotFound.
	Detach(id ID, items []LeaseItem) error
	// Assign says to which lease a key belongs from now on: what the store calls for every
	// record that it writes, or reads when it is opened. With NoLease, as for a tombstone,
	// the key belongs to none. So it does with ErrLeaseNotFound.
	Assign(key []byte, id ID) error

	// Lookup returns the lease, nil if there is none.
	Lookup(id ID) *Lease
	// Keys returns the keys of the lease in ascending order, nil if there is no such lease.
	Keys(id ID) []string
	// GetLease returns the lease to which the item belongs, or NoLease.
	GetLease(item LeaseItem) ID
	// Leases returns all leases. On the primary those come first that expire first.
	Leases() []*Lease

	// Promote makes this lessor primary: its member is raft's leader. Every lease lives
	// for its whole TTL again, or what its checkpoint says, and extend on top, the time
	// for which the old primary may have gone on (an election timeout). They are spread so
	// that few expire in the same second.
	Promote(extend time.Duration)
	// Demote ends that; afterwards no lease expires here.
	Demote()
	// Renew lets the lease live for its whole TTL from now on, and returns that in
	// seconds. If it has expired, Renew waits for what becomes of it. Errors:
	// ErrLeaseNotFound, ErrNotPrimary (also after Stop), ctx's, the Checkpointer's.
	//
	// A member that lost the leadership learns of it late. The server must be sure to be
	// leader, and to have applied what was committed, BEFORE it calls Renew.
	Renew(ctx context.Context, id ID) (ttlSeconds int64, err error)
	// ExpiredLeasesC offers leases to be revoked, at most 1000 a second. Until it is
	// revoked a lease is offered again every 3 seconds; nobody renews it meanwhile.
	ExpiredLeasesC() <-chan []*Lease
	// IsExpired tells whether this lessor still wants the lease to be revoked. The server
	// asks AFTER a quorum confirmed that it is leader, and right BEFORE it proposes to
	// revoke: a lease offered before a pause may have been given new life since, by
	// another leader or by this one after a second promotion (REGRESSIONS L1).
	IsExpired(id ID) bool

	// SetRangeDeleter is to be called before the first key is attached.
	SetRangeDeleter(rd RangeDeleter)
	// SetCheckpointer turns checkpoints on; without one there are none.
	SetCheckpointer(cp Checkpointer)
	// Recover forgets everything and reads the leases of another backend, after a
	// snapshot was received. The keys must be attached again. On an error nothing changed.
	// Nothing may be applied meanwhile.
	Recover(b backend.Backend, rd RangeDeleter) error
	// Stop demotes and ends the lessor's goroutine. What is called when an entry is
	// applied goes on working.
	Stop()
}

// Config may be left zero.
type Config struct {
	MinTTL             int64         // seconds, see MinTTL; 0: that of the default timings, 2
	CheckpointInterval time.Duration // 0: DefaultCheckpointInterval
	// CheckpointPersist writes checkpoints to the backend, so that they outlive a restart.
	CheckpointPersist bool
	// OnWrite, if set, is called under the batch lock when Grant or Checkpoint wrote a
	// record. The server sets the consistent index there, and so never commits the record
	// without it. (To apply such an entry twice does no harm either: REGRESSIONS L6.)
	OnWrite func(tx backend.BatchTx)
}

func (c *Config) fillDefaults() {
	if c.MinTTL <= 0 {
		c.MinTTL = MinTTL(10, 100*time.Millisecond)
	}
	if c.CheckpointInterval <= 0 {
		c.CheckpointInterval = DefaultCheckpointInterval
	}
}

// lessor is the shell around core: locks, the clock, the bucket, one goroutine (run).
//
// Lock order: the store's locks, the batch lock, mu. mu is held for a few instructions,
// never while a transaction begins or ends: at its end the store calls Assign.
type lessor struct {
	lg  *slog.Logger
	cfg Config

	mu           sync.Mutex // guards:
	core         *core
	b            backend.Backend
	rangeDeleter RangeDeleter
	checkpointer Checkpointer
	term         context.Context // done when this lessor is no longer primary
	endTerm      context.CancelFunc
	waiting      map[ID]chan struct{} // for renewals of expired leases; closed when to look again
	stopped      bool

	// telling is held while checkpoints are handed out and agreed on. A renewal takes a
	// checkpoint back under the read lock, so none can slip in between that and the renewal.
	telling sync.RWMutex

	expiredC chan []*Lease
	stop     chan struct{}
	done     chan struct{}
}

// New reads the leases in b, which it uses until Stop or Recover and does not close. The
// lessor is not primary. A nil lg is slog.Default().
func New(lg *slog.Logger, b backend.Backend, cfg Config) (Lessor, error) {
	if lg == nil {
		lg = slog.Default()
	}
	cfg.fillDefaults()
	c, err := recoverCore(b, cfg.MinTTL)
	if err != nil {
		return nil, err
	}
	term, endTerm := context.WithCancel(context.Background())
	endTerm()
	s := &lessor{
		lg: lg, cfg: cfg,
		core: c, b: b, term: term, endTerm: endTerm, waiting: map[ID]chan struct{}{},
		expiredC: make(chan []*Lease), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go s.run()
	return s, nil
}

func (s *lessor) SetRangeDeleter(rd RangeDeleter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rangeDeleter = rd
}

func (s *lessor) SetCheckpointer(cp Checkpointer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkpointer = cp
	s.core.setCheckpointInterval(s.checkpointInterval(), time.Now())
}

// checkpointInterval needs mu.
func (s *lessor) checkpointInterval() time.Duration {
	if s.checkpointer == nil {
		return 0
	}
	return s.cfg.CheckpointInterval
}

// write calls fn under the batch lock and mu, and writes the record of the lease that fn
// returns, if it is to be written.
func (s *lessor) write(fn func(c *core) (l *lease, isWritten bool, err error)) error {
	tx := s.batchTx()
	tx.Lock()
	defer tx.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	l, isWritten, err := fn(s.core)
	if err != nil || !isWritten {
		return err
	}
	writeRecord(tx, l)
	if s.cfg.OnWrite != nil {
		s.cfg.OnWrite(tx)
	}
	return nil
}

func (s *lessor) batchTx() backend.BatchTx {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.BatchTx()
}

func (s *lessor) Grant(id ID, ttlSeconds int64) (granted *Lease, err error) {
	err = s.write(func(c *core) (*lease, bool, error) {
		now := time.Now()
		l, err := c.grant(id, ttlSeconds, now)
		if err == nil {
			granted = l.snapshot(now)
		}
		return l, true, err
	})
	if err != nil {
		return nil, err
	}
	grantedTotal.Inc()
	grantedTTL.Observe(float64(granted.TTL))
	return granted, nil
}

func (s *lessor) Checkpoint(id ID, remainingTTLSeconds int64) error {
	return s.write(func(c *core) (*lease, bool, error) {
		l, err := c.setRemaining(id, remainingTTLSeconds, time.Now())
		return l, s.cfg.CheckpointPersist, err
	})
}

// Revoke changes the lease and its record when nothing can go wrong any more, right BEFORE
// the end of the transaction: an aborted one leaves the lease as it was.
func (s *lessor) Revoke(id ID) error {
	if s.Lookup(id) == nil { // begin no transaction for it
		return ErrLeaseNotFound
	}
	txn := s.beginDelete()
	defer txn.Abort()
	// Keys are attached at the end of transactions. None is open beside this one, so the
	// list stays true until its end.
	keys, err := s.keysOf(id)
	if err != nil {
		return err
	}
	for _, key := range keys {
		txn.DeleteRange(interval.Point([]byte(key)))
	}
	s.batchTx().UnsafeDelete(backend.BucketLease, recordKey(id))
	if err := s.forget(id); err != nil {
		panic(fmt.Sprintf("lease: lease %x with %d keys went away while it was revoked: %v", uint64(id), len(keys), err))
	}
	txn.End()
	revokedTotal.Inc()
	return nil
}

func (s *lessor) beginDelete() TxnDelete {
	s.mu.Lock()
	rd, tx := s.rangeDeleter, s.b.BatchTx()
	s.mu.Unlock()
	if rd == nil {
		tx.Lock()
		return &recordTxn{tx: tx}
	}
	return rd()
}

// recordTxn is the transaction of a lessor without a store: there are no keys.
type recordTxn struct {
	tx   backend.BatchTx
	done bool
}

func (t *recordTxn) DeleteRange(iv interval.Interval) (n, rev int64) {
	panic(fmt.Sprintf("lease: %v is attached to a lease, but no range deleter is set that could delete it", iv))
}

func (t *recordTxn) Abort() { t.End() }

func (t *recordTxn) End() {
	if !t.done {
		t.done = true
		t.tx.Unlock()
	}
}

func (s *lessor) keysOf(id ID) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.keys(id)
}

// forget revokes the lease in memory and lets those know who wait for it.
func (s *lessor) forget(id ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if waiting := s.waiting[id]; waiting != nil {
		close(waiting)
		delete(s.waiting, id)
	}
	return s.core.revoke(id)
}

func (s *lessor) Attach(id ID, items []LeaseItem) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.attach(id, items)
}

func (s *lessor) Detach(id ID, items []LeaseItem) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.detach(id, items)
}

func (s *lessor) Assign(key []byte, id ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.assign(key, id)
}

func (s *lessor) Lookup(id ID) *Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.core.leases[id]
	if l == nil {
		return nil
	}
	return l.snapshot(time.Now())
}

func (s *lessor) Keys(id ID) []string {
	keys, _ := s.keysOf(id)
	return keys
}

func (s *lessor) GetLease(item LeaseItem) ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.core.items[item]; l != nil {
		return l.id
	}
	return NoLease
}

func (s *lessor) Leases() []*Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.all(time.Now())
}

func (s *lessor) IsExpired(id ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.isExpired(id, time.Now())
}
