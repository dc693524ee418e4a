package lease_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"
	"insideetcd/ch06-storage/lease"
	"insideetcd/ch06-storage/mvcc"

	"github.com/stretchr/testify/require"
)

// member is a lessor and a store on one backend, put together as a server does it.
type member struct {
	t       *testing.T
	path    string
	b       backend.Backend
	kv      *mvcc.Store
	lessor  lease.Lessor
	applied uint64   // the raft entry that is being applied
	changes []string // revision and key, in the order in which a watcher would see them
}

func startMember(t *testing.T, path string) *member {
	lg := slog.New(slog.DiscardHandler)
	b, err := backend.Open(backend.Config{Path: path, BatchInterval: time.Hour, UnsafeNoFsync: true, Logger: lg})
	require.NoError(t, err)
	m := &member{t: t, path: path, b: b}
	m.lessor, err = lease.New(lg, b, lease.Config{OnWrite: func(tx backend.BatchTx) { tx.UnsafeSetConsistentIndex(m.applied) }})
	require.NoError(t, err)
	m.kv, err = mvcc.Open(lg, b, mvcc.Config{OnCommit: m.onCommit})
	require.NoError(t, err)
	m.lessor.SetRangeDeleter(func() lease.TxnDelete {
		txn := m.kv.Write()
		txn.SetConsistentIndex(m.applied)
		return txn
	})
	m.attachAgain()
	return m
}

// onCommit says for every change to which lease its key belongs now.
func (m *member) onCommit(_ int64, changes []mvcc.Change) {
	for _, c := range changes {
		m.changes = append(m.changes, fmt.Sprintf("%d.%d %s", c.Rev.Main, c.Rev.Sub, c.Record.Key()))
		if err := m.lessor.Assign(c.Record.Key(), lease.ID(c.Record.Lease())); err != nil {
			panic(err)
		}
	}
}

func (m *member) attachAgain() {
	all, err := m.kv.Range(interval.All(), mvcc.RangeOptions{})
	require.NoError(m.t, err)
	for _, kv := range all.KVs {
		require.NoError(m.t, m.lessor.Assign(kv.Key(), lease.ID(kv.Lease())))
	}
}

func (m *member) stop() {
	m.lessor.Stop()
	require.NoError(m.t, m.kv.Close())
	require.NoError(m.t, m.b.Close())
}

func (m *member) apply(entry func()) {
	m.applied++
	entry()
}

func (m *member) put(key string, id lease.ID) {
	m.apply(func() {
		txn := m.kv.Write()
		defer txn.Abort()
		txn.SetConsistentIndex(m.applied)
		txn.Put([]byte(key), []byte("v"), int64(id))
		txn.End()
	})
}

func (m *member) grant(id lease.ID, ttl int64) {
	m.apply(func() {
		_, err := m.lessor.Grant(id, ttl)
		require.NoError(m.t, err)
	})
}

func (m *member) revoke(id lease.ID) {
	m.apply(func() { require.NoError(m.t, m.lessor.Revoke(id)) })
}

// Two members that got the keys in another order, and one of them after a restart, delete
// them at the same sub revisions: otherwise their histories would differ for ever.
func TestEveryMemberDeletesTheKeysInTheSameOrder(t *testing.T) {
	live := startMember(t, filepath.Join(t.TempDir(), "db"))
	defer func() { live.stop() }()
	restarted := startMember(t, filepath.Join(t.TempDir(), "db"))
	defer func() { restarted.stop() }()
	for _, m := range []*member{live, restarted} {
		m.grant(11, 50)
		for _, key := range []string{"b", "a", "d", "c", "e"} {
			m.put(key, 11)
		}
		m.put("d", 0) // belongs to none any more
	}
	restarted.stop()
	applied := restarted.applied
	restarted = startMember(t, restarted.path)
	restarted.applied = applied
	live.changes = nil
	for _, m := range []*member{live, restarted} {
		require.Equal(t, []string{"a", "b", "c", "e"}, m.lessor.Keys(11))
		m.revoke(11)
		require.Equal(t, []string{"8.0 a", "8.1 b", "8.2 c", "8.3 e"}, m.changes) // as 3.4.23 does it
		require.EqualValues(t, 8, m.kv.Rev(), "one transaction")
		require.EqualValues(t, 8, m.kv.ConsistentIndex())
	}
}

// A crash finds the keys and the lease, or neither of them, whenever it comes.
func TestKeysAndLeaseGoInOneTransaction(t *testing.T) {
	m := startMember(t, filepath.Join(t.TempDir(), "db"))
	defer func() { m.stop() }()
	m.grant(1, 50)
	m.put("a", 1)
	m.put("b", 1)
	m.b.ForceCommit()
	m.revoke(1)
	m.b.ForceCommit()
	m.stop()
	m = startMember(t, m.path)
	require.Empty(t, m.lessor.Leases())
	all, err := m.kv.Range(interval.All(), mvcc.RangeOptions{})
	require.NoError(t, err)
	require.Empty(t, all.KVs)
	require.EqualValues(t, 4, m.b.ConsistentIndex())
}

// The last put decides to which lease a key belongs.
func TestAKeyChangesItsLease(t *testing.T) {
	m := startMember(t, filepath.Join(t.TempDir(), "db"))
	defer m.stop()
	m.grant(1, 50)
	m.grant(2, 50)
	m.put("k", 1)
	m.put("k", 2)
	m.revoke(1)
	require.Equal(t, lease.ID(2), m.lessor.GetLease(lease.LeaseItem{Key: "k"}))
	rev := m.kv.Rev()
	m.grant(3, 50)
	m.revoke(3)
	require.Equal(t, rev, m.kv.Rev(), "a lease without keys leaves no revision behind")
	m.apply(func() {
		txn := m.kv.Write()
		txn.DeleteRange(interval.Point([]byte("k")))
		txn.End()
	})
	require.Empty(t, m.lessor.Keys(2), "a deleted key belongs to nobody")
}
