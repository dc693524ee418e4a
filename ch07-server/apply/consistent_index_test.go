package apply

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/interval"
	"insideetcd/ch06-storage/mvcc"
)

// tappedKV lets a test look into the store at the moments that matter for a
// crash, and make an operation of a transaction panic.
type tappedKV struct {
	mvcc.KV
	afterEnd      func()
	beforeCompact func()
	panicIn       int // the operation that panics, counted from 1; 0 for none
	ops           int
}

type tappedTxn struct {
	mvcc.TxnWrite
	kv *tappedKV
}

func (k *tappedKV) Write() mvcc.TxnWrite { return &tappedTxn{k.KV.Write(), k} }

func (k *tappedKV) Compact(rev int64) (<-chan struct{}, error) {
	if k.beforeCompact != nil {
		k.beforeCompact()
	}
	return k.KV.Compact(rev)
}

// count panics AFTER the operation: that leaves the most to be taken back.
func (k *tappedKV) count() {
	if k.ops++; k.ops == k.panicIn {
		panic(fmt.Sprintf("injected in operation %d", k.ops))
	}
}

func (t *tappedTxn) Put(key, value []byte, lease int64) int64 {
	rev := t.TxnWrite.Put(key, value, lease)
	t.kv.count()
	return rev
}

func (t *tappedTxn) DeleteRange(iv interval.Interval) (n, rev int64) {
	n, rev = t.TxnWrite.DeleteRange(iv)
	t.kv.count()
	return n, rev
}

func (t *tappedTxn) End() {
	t.TxnWrite.End()
	if t.kv.afterEnd != nil {
		t.kv.afterEnd()
	}
}

// tapped is a member whose store the test listens to.
func tapped(t *testing.T) (*member, *tappedKV) {
	m := newMember(t)
	kv := &tappedKV{KV: m.kv}
	m.a = NewApplierV3(kv, m.lessor, m.alarms)
	return m, kv
}

// changes are the requests that change keys: each does so in a transaction,
// with the number of operations that stands beside it.
var changes = []struct {
	name string
	ops  int
	r    *pb.InternalRaftRequest
}{
	{"put", 1, &pb.InternalRaftRequest{Put: kvPut("k", "changed")}},
	{"delete", 1, &pb.InternalRaftRequest{DeleteRange: &pb.DeleteRangeRequest{Key: []byte("k"), RangeEnd: []byte{0}, PrevKv: true}}},
	{"transaction", 4, &pb.InternalRaftRequest{Txn: &pb.TxnRequest{Success: []*pb.RequestOp{
		opPut(kvPut("k", "changed")),
		opDelete("other"),
		opTxn(&pb.TxnRequest{Success: []*pb.RequestOp{opPut(kvPut("new", "v")), opDelete("k")}}),
	}}}},
}

// S1 (REGRESSIONS): the moment a transaction has ended, it may be committed. A
// crash then must find the consistent index at the entry: without it the entry
// would be applied a second time.
func TestRegression_S1_AChangeCarriesItsConsistentIndex(t *testing.T) {
	for _, change := range changes {
		t.Run(change.name, func(t *testing.T) {
			m, kv := tapped(t)
			m.put("k", "v")
			m.put("other", "v")
			ends := 0
			kv.afterEnd = func() {
				ends++
				require.Equal(t, m.index, m.kv.ConsistentIndex(), "a crash here applies the entry twice")
			}
			require.NoError(t, m.apply(change.r).Err)
			require.NotZero(t, ends, "the change ended no transaction")
		})
	}
}

// The other way round: as long as the compaction may still be lost, the entry
// must not count as applied.
func TestACompactionIsOnDiskBeforeItsConsistentIndex(t *testing.T) {
	m, kv := tapped(t)
	m.put("k", "v")
	m.put("k", "v2")
	before := m.kv.ConsistentIndex()
	kv.beforeCompact = func() { require.Equal(t, before, m.kv.ConsistentIndex(), "a crash here loses the compaction") }
	require.NoError(t, m.apply(&pb.InternalRaftRequest{Compaction: &pb.CompactionRequest{Revision: 2}}).Err)
	require.EqualValues(t, 2, m.kv.FirstRev())
}

// S11 (REGRESSIONS): a panic in any operation of a change leaves nothing, and
// no lock either.
func TestRegression_S11_APanicLeavesNothingOfTheChange(t *testing.T) {
	for _, change := range changes {
		for op := 1; op <= change.ops; op++ {
			t.Run(fmt.Sprintf("%s/operation %d of %d", change.name, op, change.ops), func(t *testing.T) {
				m, kv := tapped(t)
				m.put("k", "v")
				m.put("other", "v")
				hash, rev, _, err := m.kv.HashByRev(0)
				require.NoError(t, err)
				index := m.kv.ConsistentIndex()

				kv.ops, kv.panicIn = 0, op
				require.PanicsWithValue(t, fmt.Sprintf("injected in operation %d", op), func() { m.apply(change.r) })

				hashAfter, revAfter, _, err := m.kv.HashByRev(0)
				require.NoError(t, err)
				require.Equal(t, rev, revAfter)
				require.Equal(t, hash, hashAfter)
				require.Equal(t, index, m.kv.ConsistentIndex())
				require.Equal(t, "v", m.value("k"))
				require.Equal(t, "v", m.value("other"))

				kv.panicIn = 0
				require.EqualValues(t, rev+1, m.put("k", "next").Header.Revision, "the store goes on")
			})
		}
	}
}

// A put that is refused inside its transaction is taken back as well.
func TestARefusedPutChangesNothing(t *testing.T) {
	m, _ := tapped(t)
	m.put("k", "v")
	index := m.kv.ConsistentIndex()
	res := m.apply(&pb.InternalRaftRequest{Put: &pb.PutRequest{Key: []byte("none"), IgnoreValue: true}})
	require.ErrorIs(t, res.Err, ErrKeyNotFound)
	require.Nil(t, res.Resp)
	require.EqualValues(t, 2, m.kv.Rev())
	require.Equal(t, index, m.kv.ConsistentIndex(), "moving it is left to the caller, AFTER Apply")
	require.EqualValues(t, 3, m.put("k", "next").Header.Revision)
}
