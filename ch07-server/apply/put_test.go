package apply

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/lease"
)

// storeWithLease writes behind the applier's back: what is under test is what
// becomes of a stored lease, not who may name one.
func (m *member) storeWithLease(key, value string, lease int64) {
	txn := m.kv.Write()
	txn.Put([]byte(key), []byte(value), lease)
	txn.End()
}

func (m *member) stored(key string) mvccpb.RawKeyValue {
	m.t.Helper()
	resp := m.get(&pb.RangeRequest{Key: []byte(key)})
	require.Len(m.t, resp.Kvs, 1, "key %s", key)
	return resp.Kvs[0]
}

func TestAPutKeepsWhatItIsToldToKeep(t *testing.T) {
	for _, tc := range []struct {
		name  string
		put   *pb.PutRequest
		value string
		lease int64
	}{
		{"nothing", &pb.PutRequest{Value: []byte("new")}, "new", 0},
		{"the value", &pb.PutRequest{IgnoreValue: true}, "old", 0},
		{"the lease", &pb.PutRequest{Value: []byte("new"), IgnoreLease: true}, "new", 7},
		{"both", &pb.PutRequest{IgnoreValue: true, IgnoreLease: true}, "old", 7},
	} {
		for _, inTxn := range []bool{false, true} {
			t.Run(tc.name, func(t *testing.T) {
				m := newMember(t)
				m.storeWithLease("k", "old", 7)
				r := &pb.InternalRaftRequest{Put: tc.put.CloneVT()}
				r.Put.Key = []byte("k")
				if inTxn {
					r = &pb.InternalRaftRequest{Txn: &pb.TxnRequest{Success: []*pb.RequestOp{opPut(r.Put)}}}
				}
				require.NoError(t, m.apply(r).Err)
				kv := m.stored("k")
				require.Equal(t, tc.value, string(kv.Value()))
				require.Equal(t, tc.lease, kv.Lease())
				require.EqualValues(t, 2, kv.Version(), "it is a new version whatever was kept")
			})
		}
	}
}

func TestAPutShowsThePreviousKeyValueOnlyWhenAsked(t *testing.T) {
	m := newMember(t)
	put := func(r *pb.PutRequest) *PutResponse {
		r.Key = []byte("k")
		res := m.apply(&pb.InternalRaftRequest{Put: r})
		require.NoError(t, res.Err)
		return res.Resp.(*PutResponse)
	}
	require.Nil(t, put(&pb.PutRequest{Value: []byte("1"), PrevKv: true}).PrevKv, "there was none")
	require.Nil(t, put(&pb.PutRequest{Value: []byte("2")}).PrevKv)
	require.Nil(t, put(&pb.PutRequest{IgnoreValue: true}).PrevKv, "it was read, but not asked for")
	shown := put(&pb.PutRequest{Value: []byte("3"), PrevKv: true}).PrevKv
	require.Equal(t, "2", string(shown.Value()))
	require.EqualValues(t, 4, shown.ModRevision())
}

func TestADeleteAnswersHowManyWhichAndWhen(t *testing.T) {
	m := newMember(t)
	for _, key := range []string{"a", "b", "c"} { // revisions 2 to 4
		m.put(key, "v"+key)
	}
	del := func(r *pb.DeleteRangeRequest) *DeleteRangeResponse {
		res := m.apply(&pb.InternalRaftRequest{DeleteRange: r})
		require.NoError(t, res.Err)
		return res.Resp.(*DeleteRangeResponse)
	}
	two := del(&pb.DeleteRangeRequest{Key: []byte("a"), RangeEnd: []byte("c"), PrevKv: true})
	require.EqualValues(t, 2, two.Deleted)
	require.EqualValues(t, 5, two.Header.Revision, "a delete takes a revision")
	require.Len(t, two.PrevKvs, 2)
	require.Equal(t, "va", string(two.PrevKvs[0].Value()))
	require.Equal(t, "vb", string(two.PrevKvs[1].Value()))

	none := del(&pb.DeleteRangeRequest{Key: []byte("a"), PrevKv: true})
	require.Zero(t, none.Deleted)
	require.Empty(t, none.PrevKvs)
	require.EqualValues(t, 5, none.Header.Revision, "one that deletes nothing takes none")

	last := del(&pb.DeleteRangeRequest{Key: []byte("c")})
	require.EqualValues(t, 1, last.Deleted)
	require.EqualValues(t, 6, last.Header.Revision)
	require.Empty(t, last.PrevKvs, "nobody asked for them")
}

// Where a put is wrong in two ways, etcd 3.4.23 answers a plain put with the
// lease and one in a transaction with the key.
func TestTheOrderOfThePutChecks(t *testing.T) {
	both := &pb.PutRequest{Key: []byte("none"), Lease: 7, IgnoreValue: true}
	leased := &pb.PutRequest{Key: []byte("k"), Value: []byte("v"), Lease: 7}
	for _, tc := range []struct {
		name string
		r    *pb.InternalRaftRequest
		want error
	}{
		{"a put names no lease that is missing", &pb.InternalRaftRequest{Put: leased}, lease.ErrLeaseNotFound},
		{"a put: lease first", &pb.InternalRaftRequest{Put: both}, lease.ErrLeaseNotFound},
		{"a transaction names none either", &pb.InternalRaftRequest{Txn: &pb.TxnRequest{Success: []*pb.RequestOp{opPut(leased)}}}, lease.ErrLeaseNotFound},
		{"a transaction: key first", &pb.InternalRaftRequest{Txn: &pb.TxnRequest{Success: []*pb.RequestOp{opPut(both)}}}, ErrKeyNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMember(t)
			require.ErrorIs(t, m.apply(tc.r).Err, tc.want)
			require.EqualValues(t, 1, m.kv.Rev(), "nothing was written")
			require.Equal(t, "<none>", m.value("k"))
		})
	}
}
