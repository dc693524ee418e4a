package lease

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	quiet = slog.New(slog.DiscardHandler)
	start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// check asserts the invariants of the core, as far as one state can show them, and those of
// its queues. It returns the number of the one that does not hold.
func (c *core) check(now time.Time) error {
	for item, l := range c.items {
		if _, has := l.items[item]; !has || c.leases[l.id] != l {
			return fmt.Errorf("invariant 1: key %q names lease %d, which does not list it or is gone", item.Key, l.id)
		}
	}
	attached := 0
	for id, l := range c.leases {
		attached += len(l.items)
		switch {
		case l.id != id || id == NoLease:
			return fmt.Errorf("lease %d is kept as %d", l.id, id)
		case c.primary && (l.expiry.IsZero() || l.offer.place == 0 || l.offer.at.Before(l.expiry)):
			return fmt.Errorf("invariant 3: primary, lease %d expires %v, is offered %v (place %d)", id, l.expiry, l.offer.at, l.offer.place)
		case !c.primary && (!l.expiry.IsZero() || l.offer.place != 0 || l.checkpoint.place != 0 || l.told):
			return fmt.Errorf("invariant 3: not primary, lease %d has an expiry or an appointment", id)
		case l.hasExpired(now) && l.offer.at.After(now.Add(retryInterval)):
			return fmt.Errorf("invariant 5: lease %d has expired and is offered only at %v, now is %v", id, l.offer.at, now)
		case l.ttl < c.minTTL || l.ttl > MaxTTL:
			return fmt.Errorf("lease %d has TTL %d", id, l.ttl)
		}
	}
	if attached != len(c.items) {
		return fmt.Errorf("invariant 1: leases list %d keys, %d keys name a lease", attached, len(c.items))
	}
	for name, q := range map[string]*queue{"offers": &c.offers, "checkpoints": &c.checkpoints} {
		if err := q.check(c.leases); err != nil {
			return fmt.Errorf("queue %s: %w", name, err)
		}
	}
	return nil
}

func (q *queue) check(leases map[ID]*lease) error {
	for i, l := range q.leases {
		if leases[l.id] != l || q.of(l).place != i+1 {
			return fmt.Errorf("invariant 1: lease %d is at %d, believes to be at %d", l.id, i+1, q.of(l).place)
		}
		if i > 0 && q.Less(i, (i-1)/2) {
			return fmt.Errorf("invariant 2: lease %d at %d comes before its parent", l.id, i+1)
		}
	}
	return nil
}

// ids of leases, in their order.
func ids(list []*Lease) (all []ID) {
	for _, l := range list {
		all = append(all, l.ID)
	}
	return all
}

// fakeStore stands for the store: its transactions hold the batch lock and tell the lessor
// at their end who is attached to what.
type fakeStore struct {
	Lessor
	b       backend.Backend
	deleted []string // in the order of deletion
	fail    func()   // called before each deletion
}

type fakeTxn struct {
	s    *fakeStore
	tx   backend.BatchTx
	keys []string
	done bool
}

func (s *fakeStore) write() *fakeTxn {
	tx := s.b.BatchTx()
	tx.Lock()
	return &fakeTxn{s: s, tx: tx}
}

func (t *fakeTxn) DeleteRange(iv interval.Interval) (n, rev int64) {
	if t.s.fail != nil {
		t.s.fail()
	}
	t.keys = append(t.keys, string(iv.Begin()))
	return 1, 1
}

func (t *fakeTxn) End() {
	t.done = true
	for _, key := range t.keys {
		if err := t.s.Assign([]byte(key), NoLease); err != nil {
			panic(err)
		}
	}
	t.s.deleted = append(t.s.deleted, t.keys...)
	t.tx.Unlock()
}

func (t *fakeTxn) Abort() {
	if !t.done {
		t.done = true
		t.tx.Unlock()
	}
}

// member is a lessor with its backend, as one etcd member has it.
type member struct {
	*fakeStore
	t           *testing.T
	path        string
	cfg         Config
	checkpoints []*pb.LeaseCheckpointRequest // agreed on, see withCheckpoints
}

func startMember(t *testing.T, path string, cfg Config) *member {
	b, err := backend.Open(backend.Config{Path: path, BatchInterval: 1000 * time.Hour, UnsafeNoFsync: true, Logger: quiet})
	require.NoError(t, err)
	le, err := New(quiet, b, cfg)
	require.NoError(t, err)
	store := &fakeStore{Lessor: le, b: b}
	le.SetRangeDeleter(func() TxnDelete { return store.write() })
	return &member{fakeStore: store, t: t, path: path, cfg: cfg}
}

func newMember(t *testing.T, cfg Config) *member {
	return startMember(t, filepath.Join(t.TempDir(), "db"), cfg)
}

func (m *member) stop() {
	m.Stop()
	require.NoError(m.t, m.b.Close())
}

func (m *member) restart() *member {
	m.stop()
	return startMember(m.t, m.path, m.cfg)
}

// withCheckpoints makes m a cluster of one that agrees on checkpoints at once.
func (m *member) withCheckpoints() {
	m.SetCheckpointer(func(_ context.Context, r *pb.LeaseCheckpointRequest) error {
		m.checkpoints = append(m.checkpoints, r)
		for _, c := range r.Checkpoints {
			if err := m.Checkpoint(ID(c.ID), c.Remaining_TTL); err != nil {
				return err
			}
		}
		return nil
	})
}

func (m *member) grant(id ID, ttl int64) {
	_, err := m.Grant(id, ttl)
	require.NoError(m.t, err)
}

func (m *member) attach(id ID, keys ...string) {
	for _, key := range keys {
		require.NoError(m.t, m.Attach(id, []LeaseItem{{key}}))
	}
}

// records is the bucket as it stands on disk.
func (m *member) records() map[ID]string {
	m.b.ForceCommit()
	tx := m.b.ConcurrentReadTx()
	defer tx.Unlock()
	all := map[ID]string{}
	require.NoError(m.t, tx.UnsafeForEach(backend.BucketLease, func(k, v []byte) error {
		var id ID
		for _, b := range k {
			id = id<<8 | ID(b)
		}
		all[id] = fmt.Sprintf("%x", v)
		return nil
	}))
	return all
}

// sleep lets virtual time pass, and everybody do what is to be done until then.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// offered is what the lessor offers right now.
func (m *member) offered() []ID {
	synctest.Wait()
	select {
	case list := <-m.ExpiredLeasesC():
		return ids(list)
	default:
		return nil
	}
}

// offeredWithin collects all that is offered in a time.
func (m *member) offeredWithin(d time.Duration) (all []ID) {
	for end := time.After(d); ; {
		select {
		case list := <-m.ExpiredLeasesC():
			all = append(all, ids(list)...)
		case <-end:
			return all
		}
	}
}

type pbCheckpoints = pb.LeaseCheckpointRequest

// withCheckpointsUnrecorded is withCheckpoints for several goroutines.
func (m *member) withCheckpointsUnrecorded() {
	m.SetCheckpointer(func(_ context.Context, r *pb.LeaseCheckpointRequest) error {
		for _, c := range r.Checkpoints {
			_ = m.Checkpoint(ID(c.ID), c.Remaining_TTL)
		}
		return nil
	})
}

// lockedAssign assigns as the store does: while its transaction holds the batch lock.
func (m *member) lockedAssign(key string, id ID) {
	tx := m.b.BatchTx()
	tx.Lock()
	defer tx.Unlock()
	_ = m.Assign([]byte(key), id)
}
