package apply

import (
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/lease"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch07-server/alarm"
)

// member is a store with an applier, and the raft index of its next entry.
type member struct {
	t      *testing.T
	kv     mvcc.KV
	lessor lease.Lessor
	alarms *alarm.AlarmStore
	a      ApplierV3
	index  uint64
}

func newMember(t *testing.T) *member {
	t.Helper()
	lg := slog.New(slog.NewTextHandler(io.Discard, nil))
	be, err := backend.Open(backend.Config{Path: filepath.Join(t.TempDir(), "db"), Logger: lg})
	require.NoError(t, err)
	kv, err := mvcc.Open(lg, be, mvcc.Config{})
	require.NoError(t, err)
	lessor, err := lease.New(lg, be, lease.Config{})
	require.NoError(t, err)
	lessor.SetRangeDeleter(func() lease.TxnDelete { return kv.Write() })
	alarms, err := alarm.NewAlarmStore(lg, getter{be})
	require.NoError(t, err)
	t.Cleanup(func() {
		lessor.Stop()
		require.NoError(t, kv.Close())
		require.NoError(t, be.Close())
	})
	return &member{t: t, kv: kv, lessor: lessor, alarms: alarms, a: NewApplierV3(kv, lessor, alarms)}
}

type getter struct{ be backend.Backend }

func (g getter) Backend() backend.Backend { return g.be }

func (m *member) apply(r *pb.InternalRaftRequest) Result {
	m.index++
	return m.a.Apply(m.index, r)
}

func (m *member) put(key, value string) *PutResponse {
	m.t.Helper()
	res := m.apply(&pb.InternalRaftRequest{Put: &pb.PutRequest{Key: []byte(key), Value: []byte(value)}})
	require.NoError(m.t, res.Err)
	return res.Resp.(*PutResponse)
}

func (m *member) get(r *pb.RangeRequest) *RangeResponse {
	m.t.Helper()
	resp, err := Range(m.kv, r)
	require.NoError(m.t, err)
	return resp
}

func (m *member) value(key string) string {
	m.t.Helper()
	resp := m.get(&pb.RangeRequest{Key: []byte(key)})
	if len(resp.Kvs) == 0 {
		return "<none>"
	}
	return string(resp.Kvs[0].Value())
}

func (m *member) txn(r *pb.TxnRequest) Result { return m.apply(&pb.InternalRaftRequest{Txn: r}) }

func opPut(r *pb.PutRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: r}}
}

func opGet(r *pb.RangeRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: r}}
}

func opDelete(key string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(key)}}}
}

func opTxn(r *pb.TxnRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: r}}
}

func kvPut(key, value string) *pb.PutRequest {
	return &pb.PutRequest{Key: []byte(key), Value: []byte(value)}
}

func ifVersion(key string, v int64) *pb.Compare {
	return &pb.Compare{Key: []byte(key), Target: pb.Compare_VERSION, TargetUnion: &pb.Compare_Version{Version: v}}
}

func TestATransactionReadsItsOwnWritesButComparesTheStateBefore(t *testing.T) {
	m := newMember(t)
	m.put("k", "old")
	res := m.txn(&pb.TxnRequest{
		Compare: []*pb.Compare{ifVersion("k", 1)},
		Success: []*pb.RequestOp{
			opPut(kvPut("k", "new")),
			opGet(&pb.RangeRequest{Key: []byte("k")}),
			opTxn(&pb.TxnRequest{ // compared before the put above
				Compare: []*pb.Compare{ifVersion("k", 1)},
				Success: []*pb.RequestOp{opDelete("k"), opGet(&pb.RangeRequest{Key: []byte("k")})},
			}),
		},
	})
	require.NoError(t, res.Err)
	resp := res.Resp.(*TxnResponse)
	require.True(t, resp.Succeeded)
	require.Equal(t, "new", string(resp.Responses[1].Range.Kvs[0].Value()))
	nested := resp.Responses[2].Txn
	require.True(t, nested.Succeeded)
	require.EqualValues(t, 1, nested.Responses[0].DeleteRange.Deleted)
	require.Empty(t, nested.Responses[1].Range.Kvs)
	require.EqualValues(t, 3, resp.Header.Revision, "all writes of a transaction share one revision")
	require.Equal(t, "<none>", m.value("k"))
}

func TestATransactionWithAWrongOperationChangesNothing(t *testing.T) {
	for name, wrong := range map[string]struct {
		op  *pb.RequestOp
		err error
	}{
		"keeps the value of a missing key": {opPut(&pb.PutRequest{Key: []byte("none"), IgnoreValue: true}), ErrKeyNotFound},
		"keeps the lease of a missing key": {opPut(&pb.PutRequest{Key: []byte("none"), IgnoreLease: true}), ErrKeyNotFound},
		"names a missing lease":            {opPut(&pb.PutRequest{Key: []byte("k"), Lease: 7}), lease.ErrLeaseNotFound},
		"reads a future revision":          {opGet(&pb.RangeRequest{Key: []byte("k"), Revision: 99}), mvcc.ErrFutureRev},
		"reads a compacted revision":       {opGet(&pb.RangeRequest{Key: []byte("k"), Revision: 1}), mvcc.ErrCompacted},
		"in a nested transaction": {opTxn(&pb.TxnRequest{Success: []*pb.RequestOp{
			opGet(&pb.RangeRequest{Key: []byte("k"), Revision: 99})}}), mvcc.ErrFutureRev},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMember(t)
			m.put("k", "v")
			m.put("k", "v2")
			require.NoError(t, m.apply(&pb.InternalRaftRequest{Compaction: &pb.CompactionRequest{Revision: 2}}).Err)
			res := m.txn(&pb.TxnRequest{Success: []*pb.RequestOp{opPut(kvPut("k", "changed")), wrong.op}})
			require.ErrorIs(t, res.Err, wrong.err)
			require.Equal(t, "v2", m.value("k"))
			require.EqualValues(t, 3, m.kv.Rev())
		})
	}
}

func TestComparesOnAMissingKey(t *testing.T) {
	m := newMember(t)
	compare := func(target pb.Compare_CompareTarget, result pb.Compare_CompareResult) bool {
		return holds(m.kv, &pb.Compare{Key: []byte("none"), Target: target, Result: result})
	}
	require.True(t, compare(pb.Compare_VERSION, pb.Compare_EQUAL), "its version counts as 0")
	require.True(t, compare(pb.Compare_CREATE, pb.Compare_EQUAL))
	require.True(t, compare(pb.Compare_LEASE, pb.Compare_EQUAL))
	require.False(t, compare(pb.Compare_MOD, pb.Compare_GREATER))
	require.False(t, compare(pb.Compare_VALUE, pb.Compare_EQUAL), "it has no value, not even an empty one")
	require.False(t, compare(pb.Compare_VALUE, pb.Compare_NOT_EQUAL))
}

func TestACompareOfARangeMustHoldForEveryKey(t *testing.T) {
	m := newMember(t)
	m.put("a", "x")
	m.put("b", "x")
	all := &pb.Compare{Key: []byte("a"), RangeEnd: []byte("c"), Target: pb.Compare_VALUE, TargetUnion: &pb.Compare_Value{Value: []byte("x")}}
	require.True(t, holds(m.kv, all))
	m.put("b", "y")
	require.False(t, holds(m.kv, all))
}

func TestRangeOrdersFiltersAndCuts(t *testing.T) {
	m := newMember(t)
	for _, kv := range [][2]string{{"a", "3"}, {"b", "1"}, {"c", "2"}, {"a", "2"}} { // revisions 2 to 5
		m.put(kv[0], kv[1])
	}
	keys := func(r *pb.RangeRequest) (out string) {
		r.Key, r.RangeEnd = []byte("a"), []byte("z")
		resp := m.get(r)
		require.EqualValues(t, 3, resp.Count, "count is that of the interval")
		for _, kv := range resp.Kvs {
			out += string(kv.Key())
		}
		if resp.More {
			out += "+"
		}
		return out
	}
	asc, desc := pb.RangeRequest_ASCEND, pb.RangeRequest_DESCEND
	require.Equal(t, "abc", keys(&pb.RangeRequest{}))
	require.Equal(t, "ab+", keys(&pb.RangeRequest{Limit: 2}))
	require.Equal(t, "abc", keys(&pb.RangeRequest{Limit: 3}))
	require.Equal(t, "cba", keys(&pb.RangeRequest{SortOrder: desc}))
	require.Equal(t, "cb+", keys(&pb.RangeRequest{SortOrder: desc, Limit: 2}))
	require.Equal(t, "bac", keys(&pb.RangeRequest{SortTarget: pb.RangeRequest_VALUE}), "another target means ascending")
	require.Equal(t, "bca", keys(&pb.RangeRequest{SortTarget: pb.RangeRequest_MOD, SortOrder: asc}))
	require.Equal(t, "cba", keys(&pb.RangeRequest{SortTarget: pb.RangeRequest_CREATE, SortOrder: desc}))
	require.Equal(t, "abc", keys(&pb.RangeRequest{SortTarget: pb.RangeRequest_VERSION, SortOrder: desc}))
	require.Equal(t, "ac", keys(&pb.RangeRequest{MinModRevision: 4}))
	require.Equal(t, "bc", keys(&pb.RangeRequest{MaxModRevision: 4}))
	require.Equal(t, "c", keys(&pb.RangeRequest{MinCreateRevision: 4}))
	require.Equal(t, "a+", keys(&pb.RangeRequest{MaxCreateRevision: 3, Limit: 1}))
	require.Equal(t, "", keys(&pb.RangeRequest{CountOnly: true}))

	resp := m.get(&pb.RangeRequest{Key: []byte("a"), KeysOnly: true})
	require.Empty(t, resp.Kvs[0].Value())
	require.EqualValues(t, 5, resp.Kvs[0].ModRevision())
}

// As etcd 3.4 does: with a target but no order, the limit comes before sorting.
func TestATargetWithoutAnOrderSortsTheFirstKeys(t *testing.T) {
	m := newMember(t)
	for _, key := range []string{"d", "c", "b", "a"} {
		m.put(key, "v")
	}
	resp := m.get(&pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte{0}, Limit: 2, SortTarget: pb.RangeRequest_MOD})
	require.Len(t, resp.Kvs, 2)
	require.Equal(t, "c", string(resp.Kvs[0].Key()))
	require.Equal(t, "b", string(resp.Kvs[1].Key()))
	require.True(t, resp.More)
}

func TestAnEntryThatCannotBeExecutedIsNeverSkipped(t *testing.T) {
	m := newMember(t)
	enable := &pb.InternalRaftRequest{Header: &pb.RequestHeader{ID: 1}, AuthEnable: &pb.AuthEnableRequest{}}
	require.False(t, Supported(enable))
	require.Panics(t, func() { m.apply(enable) })
	require.Zero(t, m.kv.ConsistentIndex())

	require.True(t, Supported(&pb.InternalRaftRequest{Header: &pb.RequestHeader{ID: 1}}), "nothing to do is supported")
	require.True(t, Supported(&pb.InternalRaftRequest{AuthUserList: &pb.AuthUserListRequest{}}), "a question changes nothing")
	require.True(t, SupportedV2(&pb.Request{Method: "PUT", Path: "/0/members/8e9e05c52164694d/attributes"}))
	require.True(t, SupportedV2(&pb.Request{Method: "PUT", Path: "/0/version"}))
	require.False(t, SupportedV2(&pb.Request{Method: "PUT", Path: "/1/foo"}))
	require.False(t, SupportedV2(&pb.Request{Method: "PUT", Path: "/0/members/8e9e05c52164694d/raftAttributes"}))
}

// S10 (REGRESSIONS): applying is a function of state and entry. Two members
// apply the same entries, and a client waits at one of them, who reads between;
// after each entry both have the same answer and the same hash.
func TestRegression_S10_MembersAgreeAfterEveryEntry(t *testing.T) {
	quiet, serving := newMember(t), newMember(t)
	require.Equal(t, -1, firstDisagreement(t, quiet, serving))
}

// The fault itself, as etcd has it: a member where nobody waits for the answer
// leaves out the ranges of a transaction. One of them fails, and so does the
// transaction, but not there. The scenario above has to notice.
func TestRegression_S10_LeavingOutNeedlessRangesIsNoticed(t *testing.T) {
	quiet, serving := newMember(t), newMember(t)
	quiet.a = withoutRanges{quiet.a}
	require.Equal(t, 3, firstDisagreement(t, quiet, serving), "the entry with a range that fails")
}

// withoutRanges applies transactions without their ranges.
type withoutRanges struct{ ApplierV3 }

func (a withoutRanges) Apply(index uint64, r *pb.InternalRaftRequest) Result {
	if r.Txn != nil {
		r = r.CloneVT()
		r.Txn.Success = slices.DeleteFunc(r.Txn.Success, func(op *pb.RequestOp) bool { return op.GetRequestRange() != nil })
	}
	return a.ApplierV3.Apply(index, r)
}

// firstDisagreement applies the same entries on both members, and returns the
// position of the first one that they do not agree about, -1 if there is none.
func firstDisagreement(t *testing.T, quiet, serving *member) int {
	t.Helper()
	for i, e := range []*pb.InternalRaftRequest{
		{Put: kvPut("a", "1")},
		{Put: kvPut("b", "1")},
		{Compaction: &pb.CompactionRequest{Revision: 2}},
		{Txn: &pb.TxnRequest{Success: []*pb.RequestOp{opPut(kvPut("a", "2")), opGet(&pb.RangeRequest{Key: []byte("a"), Revision: 1})}}},
		{Txn: &pb.TxnRequest{Success: []*pb.RequestOp{opGet(&pb.RangeRequest{Key: []byte("a")}), opDelete("b")}}},
		{DeleteRange: &pb.DeleteRangeRequest{Key: []byte("a"), RangeEnd: []byte{0}, PrevKv: true}},
	} {
		one, two := quiet.apply(e), serving.apply(e)
		serving.get(&pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte{0}})
		h1, r1, c1, err := quiet.kv.HashByRev(0)
		require.NoError(t, err)
		h2, r2, c2, err := serving.kv.HashByRev(0)
		require.NoError(t, err)
		if h1 != h2 || r1 != r2 || c1 != c2 || !errors.Is(one.Err, two.Err) {
			return i
		}
	}
	return -1
}
