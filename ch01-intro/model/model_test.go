package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/model"
)

func put(t *testing.T, s *model.Store, key, value string) {
	t.Helper()
	_, err := s.Put(&pb.PutRequest{Key: []byte(key), Value: []byte(value)})
	require.NoError(t, err)
}

// TestCloneGoesItsOwnWay: neither of two stores sees what happens to the other.
func TestCloneGoesItsOwnWay(t *testing.T) {
	s := model.New()
	for range 5 { // so that the list has room to grow in place
		put(t, s, "a", "1")
	}
	before := s.Timeline()
	c := s.Clone()
	require.Equal(t, s.Hash(), c.Hash())
	put(t, s, "a", "of s")
	put(t, c, "a", "of c")
	_, err := c.LeaseGrant(&pb.LeaseGrantRequest{ID: 1, TTL: 9})
	require.NoError(t, err)
	require.Equal(t, before+"7.0  put    a = of s   create 2, mod 7, version 6\n", s.Timeline())
	require.Equal(t, before+"7.0  put    a = of c   create 2, mod 7, version 6\n", c.Timeline())
	require.Empty(t, s.LeaseLeases(&pb.LeaseLeasesRequest{}).Leases)
}

// TestHashTellsStoresApart: two that any request could tell apart, now or later.
func TestHashTellsStoresApart(t *testing.T) {
	seen := map[uint64]string{}
	for name, requests := range map[string][]any{
		"nothing":        nil,
		"a = b":          {&pb.PutRequest{Key: []byte("a"), Value: []byte("b")}},
		"ab = ''":        {&pb.PutRequest{Key: []byte("ab")}},
		"put and delete": {&pb.PutRequest{Key: []byte("a")}, &pb.DeleteRangeRequest{Key: []byte("a")}},
		"two deletes": {&pb.PutRequest{Key: []byte("a")}, &pb.DeleteRangeRequest{Key: []byte("a")},
			&pb.PutRequest{Key: []byte("a")}, &pb.DeleteRangeRequest{Key: []byte("a")}},
		"compacted":      {&pb.CompactionRequest{Revision: 1}},
		"a lease":        {&pb.LeaseGrantRequest{ID: 1, TTL: 9}},
		"a longer lease": {&pb.LeaseGrantRequest{ID: 1, TTL: 10}},
		"another lease":  {&pb.LeaseGrantRequest{ID: 2, TTL: 9}},
		"a key of it":    {&pb.LeaseGrantRequest{ID: 1, TTL: 9}, &pb.PutRequest{Key: []byte("a"), Lease: 1}},
		"a key beside":   {&pb.LeaseGrantRequest{ID: 1, TTL: 9}, &pb.PutRequest{Key: []byte("a")}},
	} {
		s, again := model.New(), model.New()
		for _, r := range requests {
			for _, s := range []*model.Store{s, again} {
				_, err := s.Do(r)
				require.NoError(t, err)
			}
		}
		require.Equal(t, s.Hash(), again.Hash(), name)
		require.Empty(t, seen[s.Hash()], "as %s", name)
		seen[s.Hash()] = name
	}
}

// TestAnswersAndRequestsAreNotTheHistory: who has asked may do as he likes with both.
func TestAnswersAndRequestsAreNotTheHistory(t *testing.T) {
	s := model.New()
	request := &pb.PutRequest{Key: []byte("a"), Value: []byte("1")}
	_, err := s.Put(request)
	require.NoError(t, err)
	watch := &pb.WatchCreateRequest{Key: []byte("a"), StartRevision: 1}
	w, err := s.Watch(watch)
	require.NoError(t, err)
	watch.Key[0], request.Key[0], request.Value[0] = 'x', 'x', 'x'
	before := s.Timeline()
	got, err := s.Range(one("a"))
	require.NoError(t, err)
	got.Kvs[0].Value[0] = 'x'
	events, _, err := s.Events(w)
	require.NoError(t, err)
	require.Len(t, events, 1)
	events[0].Kv.Value[0] = 'x'
	resp, err := s.Put(&pb.PutRequest{Key: []byte("a"), PrevKv: true})
	require.NoError(t, err)
	resp.PrevKv.Value[0] = 'x'
	require.Contains(t, s.Timeline(), before)
}

// TestARefusedRequestChangesNothing: not even what a later request could see.
func TestARefusedRequestChangesNothing(t *testing.T) {
	s := model.New()
	put(t, s, "a", "1")
	put(t, s, "a", "2")
	_, err := s.Compact(&pb.CompactionRequest{Revision: 3})
	require.NoError(t, err)
	before := s.Hash()
	for _, r := range []any{
		&pb.PutRequest{Key: []byte("a"), Lease: 1}, &pb.PutRequest{Key: []byte("x"), IgnoreLease: true},
		&pb.RangeRequest{Key: []byte("a"), Revision: 2}, &pb.DeleteRangeRequest{}, &pb.CompactionRequest{Revision: 9},
		&pb.TxnRequest{Success: ops(opPut("b", "1"), opGet(&pb.RangeRequest{Key: []byte("a"), Revision: 2}))},
		&pb.LeaseGrantRequest{TTL: model.MaxTTL + 1}, &pb.LeaseRevokeRequest{ID: 1},
	} {
		response, err := s.Do(r)
		require.Error(t, err, "%v", r)
		require.Nil(t, response, "%v", r)
		require.Equal(t, before, s.Hash(), "%v", r)
	}
}

func TestDoKnowsRequestsOnly(t *testing.T) {
	require.PanicsWithValue(t, "model: *etcdserverpb.PutResponse is no request to a store", func() {
		model.New().Do(&pb.PutResponse{})
	})
}

// TestVersionBeginsAnewAfterADelete is the rule of generations, for a delete of its own, one
// in a transaction, and the end of a lease.
func TestVersionBeginsAnewAfterADelete(t *testing.T) {
	for _, end := range []any{
		&pb.DeleteRangeRequest{Key: []byte("a")},
		&pb.TxnRequest{Success: ops(opDel("a", "b"))},
		&pb.LeaseRevokeRequest{ID: 1},
	} {
		s := model.New()
		for _, r := range []any{
			&pb.LeaseGrantRequest{ID: 1, TTL: 9},
			&pb.PutRequest{Key: []byte("a"), Lease: 1}, &pb.PutRequest{Key: []byte("a"), Lease: 1},
			end, &pb.PutRequest{Key: []byte("a")},
		} {
			_, err := s.Do(r)
			require.NoError(t, err)
		}
		got, err := s.Range(one("a"))
		require.NoError(t, err)
		kv := got.Kvs[0]
		require.Equal(t, []int64{5, 5, 1}, []int64{kv.CreateRevision, kv.ModRevision, kv.Version},
			"a put after a delete begins a new generation: created now, version 1 (book §1.2); deleted by %T", end)
	}
}

// TestComparesSeeTheStateBefore is rule 1 of Txn, where it is easily forgotten: in a
// transaction inside, after a write outside.
func TestComparesSeeTheStateBefore(t *testing.T) {
	s := model.New()
	got, err := s.Txn(&pb.TxnRequest{Success: ops(
		opPut("a", "1"),
		opTxn(&pb.TxnRequest{Compare: exists("a"), Success: ops(opPut("seen", "")), Failure: ops(opPut("unseen", ""))}),
	)})
	require.NoError(t, err)
	require.False(t, got.Responses[1].GetResponseTxn().Succeeded,
		"all compares of a transaction look at the state before it (rule 1 of Txn)")
	require.Contains(t, s.Timeline(), "put    unseen")
}
