package apply

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/mvcc"
)

// keysOf is the answer in one word: its keys, and a plus if there are more.
func keysOf(resp *RangeResponse) (out string) {
	for _, kv := range resp.Kvs {
		out += string(kv.Key())
	}
	if resp.More {
		out += "+"
	}
	return out
}

// The limit counts what is left after filtering, in the order asked for.
func TestTheLimitComesLast(t *testing.T) {
	m := newMember(t)
	for _, kv := range [][2]string{{"c", "1"}, {"a", "3"}, {"b", "2"}, {"d", "0"}} { // revisions 2 to 5
		m.put(kv[0], kv[1])
	}
	for _, tc := range []struct {
		name string
		r    *pb.RangeRequest
		want string
	}{
		{"no order", &pb.RangeRequest{}, "a+"},
		{"descending keys", &pb.RangeRequest{SortOrder: pb.RangeRequest_DESCEND}, "d+"},
		{"ascending values", &pb.RangeRequest{SortOrder: pb.RangeRequest_ASCEND, SortTarget: pb.RangeRequest_VALUE}, "d+"},
		{"newest first", &pb.RangeRequest{SortOrder: pb.RangeRequest_DESCEND, SortTarget: pb.RangeRequest_MOD}, "d+"},
		{"oldest first", &pb.RangeRequest{SortOrder: pb.RangeRequest_ASCEND, SortTarget: pb.RangeRequest_CREATE}, "c+"},
		{"at least modified", &pb.RangeRequest{MinModRevision: 5}, "d"},
		{"at most modified", &pb.RangeRequest{MaxModRevision: 2}, "c"},
		{"at least created", &pb.RangeRequest{MinCreateRevision: 5}, "d"},
		{"at most created", &pb.RangeRequest{MaxCreateRevision: 2}, "c"},
		{"a filter leaves two", &pb.RangeRequest{MinModRevision: 4}, "b+"},
		{"a filter and an order", &pb.RangeRequest{MinModRevision: 4, SortOrder: pb.RangeRequest_DESCEND}, "d+"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.r.Key, tc.r.RangeEnd, tc.r.Limit = []byte("a"), []byte{0}, 1
			resp := m.get(tc.r)
			require.Equal(t, tc.want, keysOf(resp))
			require.EqualValues(t, 4, resp.Count)
		})
	}
}

func TestARangeReadsTheRevisionItNames(t *testing.T) {
	m := newMember(t)
	m.put("a", "2")
	m.put("b", "3")
	m.put("a", "4")
	all := func(rev int64) *pb.RangeRequest {
		return &pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte{0}, Revision: rev}
	}
	past := m.get(all(2))
	require.Equal(t, "a", keysOf(past))
	require.Equal(t, "2", string(past.Kvs[0].Value()))
	require.EqualValues(t, 1, past.Count)
	require.EqualValues(t, 4, past.Header.Revision, "the header tells the present revision")
	require.Equal(t, "ab", keysOf(m.get(all(3))))
	require.Equal(t, "4", string(m.get(all(0)).Kvs[0].Value()))

	resp, err := ReadTxn(m.kv, &pb.TxnRequest{Success: []*pb.RequestOp{opRev("a", 3)}})
	require.NoError(t, err)
	require.Equal(t, "2", string(resp.Responses[0].Range.Kvs[0].Value()))

	_, err = Range(m.kv, all(5))
	require.ErrorIs(t, err, mvcc.ErrFutureRev)
}
