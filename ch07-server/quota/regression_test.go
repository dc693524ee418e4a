package quota

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch07-server/apply"
)

// Each test here is named after a row of the list of faults that etcd has had.

// store is what a member keeps keys in, with the applier that writes them.
type store struct {
	be      backend.Backend
	kv      *mvcc.Store
	applier apply.ApplierV3
	index   uint64
}

func newStore(t require.TestingT, path string) *store {
	be, err := backend.Open(backend.Config{Path: path, BatchInterval: 1000 * time.Hour, UnsafeNoFsync: true, Logger: quiet})
	require.NoError(t, err)
	kv, err := mvcc.Open(quiet, be, mvcc.Config{})
	require.NoError(t, err)
	return &store{be: be, kv: kv, applier: apply.NewApplierV3(kv, nil, nil)}
}

func (s *store) close(t require.TestingT) {
	require.NoError(t, s.kv.Close())
	require.NoError(t, s.be.Close())
}

// apply executes r and returns the bytes of the records that it wrote, tombstones apart.
func (s *store) apply(t require.TestingT, r *pb.InternalRaftRequest) (written int64) {
	before := s.kv.Rev()
	s.index++
	require.NoError(t, s.applier.Apply(s.index, r).Err)
	tx := s.be.ReadTx()
	tx.Lock()
	defer tx.Unlock()
	from := mvcc.Revision{Main: before + 1}.AppendTo(nil)
	end := mvcc.Revision{Main: before + 2}.AppendTo(nil)
	keys, records := tx.UnsafeRange(backend.BucketKey, from, end, 0)
	for i, key := range keys {
		rev, err := mvcc.ParseRevision(key)
		require.NoError(t, err)
		if !rev.Tombstone {
			written += int64(len(key) + len(records[i]))
		}
	}
	return written
}

// TestRegression_Q1_CostIsAtLeastWhatIsWritten executes generated transactions, nested
// ones included, on a real store: no put of theirs writes a byte that was not charged.
func TestRegression_Q1_CostIsAtLeastWhatIsWritten(t *testing.T) {
	s := newStore(t, filepath.Join(t.TempDir(), "db"))
	defer s.close(t)
	lengths := rapid.SampledFrom([]int{0, 1, 127, 128, 300, 5000, 20_000})
	wrote := false
	rapid.Check(t, func(t *rapid.T) {
		for _, key := range "abcdefgh" { // what ignore_value keeps
			s.apply(t, ofPut(put(string(key), strings.Repeat("x", lengths.Draw(t, "kept")))))
		}
		r := ofTxn(genTxn(t, &keyring{}, 3))
		cost := Cost(r, StoredIn(s.kv))
		written := s.apply(t, r)
		require.GreaterOrEqual(t, cost, written, "cost of %v", r)
		wrote = wrote || written > 0
	})
	require.True(t, wrote, "the generated transactions write something")
}

// keyring hands out each key once: a transaction must not write a key twice.
type keyring struct{ used int }

func (k *keyring) next() string {
	k.used++
	if k.used <= 8 {
		return string(rune('a' + k.used - 1)) // there
	}
	return fmt.Sprint("new", k.used) // not there
}

func genTxn(t *rapid.T, keys *keyring, depth int) *pb.TxnRequest {
	r := &pb.TxnRequest{Success: genOps(t, keys, depth), Failure: genOps(t, keys, depth)}
	if rapid.Bool().Draw(t, "fails") { // this key is never there, so its version is not 1
		r.Compare = []*pb.Compare{{Key: []byte("never"), Target: pb.Compare_VERSION, TargetUnion: &pb.Compare_Version{Version: 1}}}
	}
	return r
}

func genOps(t *rapid.T, keys *keyring, depth int) (ops []*pb.RequestOp) {
	for range rapid.IntRange(0, 3).Draw(t, "ops") {
		switch rapid.IntRange(0, 3+min(depth, 1)).Draw(t, "kind") {
		case 0, 1:
			r := put(keys.next(), strings.Repeat("y", rapid.IntRange(0, 300).Draw(t, "value")))
			ops = append(ops, putOp(r))
		case 2:
			if keys.used < 8 { // one that is there
				ops = append(ops, putOp(keepValue(keys.next())))
			}
		case 3:
			ops = append(ops, deleteOp(keys.next()))
		case 4:
			ops = append(ops, txnOp(genTxn(t, keys, depth-1)))
		}
	}
	return ops
}

// TestRegression_Q1_NestedPutsCannotPassAFullQuota: 3.4.23 lets this one through, as
// often as it is asked to.
func TestRegression_Q1_NestedPutsCannotPassAFullQuota(t *testing.T) {
	q := New(quiet, 1<<20, func() int64 { return 1<<20 - 200 }, nil)
	nested := ofTxn(then(txnOp(then(putOp(put("k", "v"))))))
	require.False(t, q.Available(nested))
	require.True(t, q.AvailableAtApply(nested), "what got into the log is judged as 3.4 judges it")
	require.Zero(t, ApplyCost(nested), "and executed under the alarm, as 3.4 does")
}

// TestRegression_Q2_WhatNeedsNoSpaceIsNeverRefused: as 3.4.23 answers it too, where the
// file is beyond the quota, and under the alarm.
func TestRegression_Q2_WhatNeedsNoSpaceIsNeverRefused(t *testing.T) {
	q := New(quiet, 1, func() int64 { return 1 << 40 }, nil)
	for name, r := range freeRequests {
		require.True(t, q.Available(r), name)
		require.True(t, q.AvailableAtApply(r), name)
		require.Zero(t, ApplyCost(r), "%s: the alarm refuses what costs something", name)
	}
	for name, r := range spendingRequests {
		require.False(t, q.Available(r), name)
		require.False(t, q.AvailableAtApply(r), name)
		require.Positive(t, ApplyCost(r), "%s: the alarm refuses what costs something", name)
	}
}
