package v3rpc

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc/rpctypes"
)

// Requests in the words of the tests.

func put(key string) *pb.RequestOp { return putReq(&pb.PutRequest{Key: []byte(key)}) }

func putReq(r *pb.PutRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: r}}
}

func get(key string) *pb.RequestOp { return getReq(&pb.RangeRequest{Key: []byte(key)}) }

func getReq(r *pb.RangeRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: r}}
}

func del(key, end string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{
		RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(key), RangeEnd: []byte(end)},
	}}
}

func then(ops ...*pb.RequestOp) []*pb.RequestOp   { return ops }
func orElse(ops ...*pb.RequestOp) []*pb.RequestOp { return ops }

func txn(success []*pb.RequestOp, failure ...[]*pb.RequestOp) *pb.RequestOp {
	r := &pb.TxnRequest{Success: success}
	if len(failure) > 0 {
		r.Failure = failure[0]
	}
	return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: r}}
}

func puts(n int, prefix string) []*pb.RequestOp {
	ops := make([]*pb.RequestOp, n)
	for i := range ops {
		ops[i] = put(prefix + strconv.Itoa(i))
	}
	return ops
}

func TestCheckRange(t *testing.T) {
	for _, c := range []struct {
		name string
		r    *pb.RangeRequest
		want error
	}{
		{"one key", &pb.RangeRequest{Key: []byte("a")}, nil},
		{"no key", &pb.RangeRequest{RangeEnd: []byte("a")}, rpctypes.ErrGRPCEmptyKey},
		{"an end below the key is an empty range, not an error", &pb.RangeRequest{Key: []byte("b"), RangeEnd: []byte("a")}, nil},
		{"highest sort order and target", &pb.RangeRequest{Key: []byte("a"), SortOrder: 2, SortTarget: 4}, nil},
		{"unknown sort target", &pb.RangeRequest{Key: []byte("a"), SortOrder: 1, SortTarget: 5}, rpctypes.ErrGRPCInvalidSortOption},
		{"unknown sort order", &pb.RangeRequest{Key: []byte("a"), SortOrder: 3}, rpctypes.ErrGRPCInvalidSortOption},
		{"negative sort target", &pb.RangeRequest{Key: []byte("a"), SortTarget: -1}, rpctypes.ErrGRPCInvalidSortOption},
	} {
		require.Equal(t, c.want, checkRangeRequest(c.r), c.name)
	}
}

func TestCheckPutAndDelete(t *testing.T) {
	k := []byte("k")
	for _, c := range []struct {
		name string
		r    *pb.PutRequest
		want error
	}{
		{"key and value", &pb.PutRequest{Key: k, Value: k}, nil},
		{"an empty value is a value", &pb.PutRequest{Key: k}, nil},
		{"no key", &pb.PutRequest{Value: k}, rpctypes.ErrGRPCEmptyKey},
		{"keep the value, and bring one", &pb.PutRequest{Key: k, Value: k, IgnoreValue: true}, rpctypes.ErrGRPCValueProvided},
		{"keep the lease, and bring one", &pb.PutRequest{Key: k, Lease: 1, IgnoreLease: true}, rpctypes.ErrGRPCLeaseProvided},
		{"keep both", &pb.PutRequest{Key: k, IgnoreValue: true, IgnoreLease: true}, nil},
	} {
		require.Equal(t, c.want, checkPutRequest(c.r), c.name)
	}
	require.Equal(t, rpctypes.ErrGRPCEmptyKey, checkDeleteRequest(&pb.DeleteRangeRequest{RangeEnd: k}))
	require.NoError(t, checkDeleteRequest(&pb.DeleteRangeRequest{Key: k, RangeEnd: []byte("a")}))
}

// The answers are those that etcd 3.4.23 gave to the same transactions, but for the
// rows that say "stricter".
func TestCheckTxn(t *testing.T) {
	tooMany, dup, noKey := rpctypes.ErrGRPCTooManyOps, rpctypes.ErrGRPCDuplicateKey, rpctypes.ErrGRPCEmptyKey
	emptyCompare := []*pb.Compare{{}}
	for _, c := range []struct {
		name string
		r    *pb.TxnRequest
		want error
	}{
		{"nothing", &pb.TxnRequest{}, nil},
		{"different keys", &pb.TxnRequest{Success: then(put("a"), put("b"))}, nil},
		{"one key twice", &pb.TxnRequest{Success: then(put("a"), put("a"))}, dup},
		{"one key in both branches", &pb.TxnRequest{Success: then(put("a")), Failure: orElse(put("a"))}, nil},
		{"twice in the else branch", &pb.TxnRequest{Failure: orElse(put("a"), put("a"))}, dup},
		{"put and delete", &pb.TxnRequest{Success: then(put("a"), del("a", ""))}, dup},
		{"delete and put", &pb.TxnRequest{Success: then(del("a", ""), put("a"))}, dup},
		{"put in a deleted range", &pb.TxnRequest{Success: then(del("a", "c"), put("b"))}, dup},
		{"put at the end of a deleted range", &pb.TxnRequest{Success: then(del("a", "b"), put("b"))}, nil},
		{"put below a deleted range", &pb.TxnRequest{Success: then(del("b", "c"), put("a"))}, nil},
		{"the deleted range is empty", &pb.TxnRequest{Success: then(del("c", "a"), put("b"))}, nil},
		{"the deleted range is empty, at its key", &pb.TxnRequest{Success: then(del("c", "c"), put("c"))}, nil},
		{"deletes may overlap", &pb.TxnRequest{Success: then(del("a", "c"), del("b", "d"))}, nil},
		{"reads and writes may meet", &pb.TxnRequest{Success: then(put("a"), get("a"))}, nil},
		{"stricter: put behind the key of a delete without end", &pb.TxnRequest{Success: then(del("a", "\x00"), put("b"))}, dup},
		{"stricter: everything is deleted", &pb.TxnRequest{Success: then(put("b"), del("\x00", "\x00"))}, dup},
		{"put before the key of a delete without end", &pb.TxnRequest{Success: then(del("b", "\x00"), put("a"))}, nil},

		{"outside and inside", &pb.TxnRequest{Success: then(put("a"), txn(then(put("a"))))}, dup},
		{"outside and inside, else", &pb.TxnRequest{Success: then(put("a"), txn(nil, orElse(put("a"))))}, dup},
		{"both branches inside", &pb.TxnRequest{Success: then(txn(then(put("a")), orElse(put("a"))))}, nil},
		{"put or delete, by branch", &pb.TxnRequest{Success: then(txn(then(put("a")), orElse(del("a", ""))))}, nil},
		{"delete or put, by branch", &pb.TxnRequest{Success: then(txn(then(del("a", "")), orElse(put("a"))))}, nil},
		{"two inside", &pb.TxnRequest{Success: then(txn(then(put("a"))), txn(then(put("a"))))}, dup},
		{"stricter: one inside puts, a later one deletes", &pb.TxnRequest{Success: then(txn(then(put("a"))), txn(then(del("a", ""))))}, dup},
		{"one inside deletes, a later one puts", &pb.TxnRequest{Success: then(txn(then(del("a", ""))), txn(then(put("a"))))}, dup},
		{"inside puts, outside deletes", &pb.TxnRequest{Success: then(txn(then(put("a"))), del("a", ""))}, dup},
		{"inside deletes, outside puts", &pb.TxnRequest{Success: then(txn(then(del("a", ""))), put("a"))}, dup},
		{"both branches of one, else of another", &pb.TxnRequest{Success: then(txn(then(put("a")), orElse(put("a"))), txn(nil, orElse(put("a"))))}, dup},
		{"own delete reaches farther than that of another", &pb.TxnRequest{Success: then(txn(then(put("b")), orElse(del("a", "z"))), del("a", "c"))}, dup},
		{"three deep", &pb.TxnRequest{Success: then(put("a"), txn(then(txn(then(put("a"))))))}, dup},
		{"three deep, by branch", &pb.TxnRequest{Success: then(txn(then(txn(then(put("a")))), orElse(txn(then(put("a"))))))}, nil},

		{"no request in an operation", &pb.TxnRequest{Success: then(&pb.RequestOp{})}, rpctypes.ErrGRPCKeyNotFound},
		{"put without a key", &pb.TxnRequest{Success: then(put(""))}, noKey},
		{"range without a key", &pb.TxnRequest{Success: then(get(""))}, noKey},
		{"delete without a key", &pb.TxnRequest{Success: then(del("", "a"))}, noKey},
		{"compare without a key", &pb.TxnRequest{Compare: emptyCompare}, noKey},
		{"inside: compare without a key", &pb.TxnRequest{Success: then(&pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: &pb.TxnRequest{Compare: emptyCompare}}})}, noKey},
		{"inside: value and ignore_value", &pb.TxnRequest{Failure: orElse(putReq(&pb.PutRequest{Key: []byte("a"), Value: []byte("v"), IgnoreValue: true}))}, rpctypes.ErrGRPCValueProvided},
		{"inside: unknown sort order", &pb.TxnRequest{Success: then(getReq(&pb.RangeRequest{Key: []byte("a"), SortOrder: 7}))}, rpctypes.ErrGRPCInvalidSortOption},

		{"as many as allowed", &pb.TxnRequest{Success: puts(128, "k")}, nil},
		{"one more", &pb.TxnRequest{Success: puts(129, "k")}, tooMany},
		{"one more, else", &pb.TxnRequest{Failure: puts(129, "k")}, tooMany},
		{"one more compare", &pb.TxnRequest{Compare: make([]*pb.Compare, 129)}, tooMany},
		{"branches are counted apart", &pb.TxnRequest{Success: puts(128, "k"), Failure: puts(128, "k")}, nil},
		{"inside gets what is left", &pb.TxnRequest{Success: then(txn(puts(127, "k")))}, nil},
		{"inside gets no more", &pb.TxnRequest{Success: then(txn(puts(128, "k")))}, tooMany},
		{"each inside gets all that is left", &pb.TxnRequest{Success: then(txn(puts(120, "k")), txn(puts(120, "l")))}, nil},

		{"too many comes before no key", &pb.TxnRequest{Compare: emptyCompare, Success: puts(129, "k")}, tooMany},
		{"no key comes before twice", &pb.TxnRequest{Success: then(put("a"), put("a")), Failure: orElse(put(""))}, noKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, checkTxnRequest(c.r, 128))
		})
	}
}

// TestRegression_S9_DeleteWithoutEndCoversPut: with "\x00" as range end a delete reaches to
// the end of the key space, so a put behind its key would give the key two writes at
// one main revision. 3.4 accepts this transaction.
func TestRegression_S9_DeleteWithoutEndCoversPut(t *testing.T) {
	for _, ops := range [][]*pb.RequestOp{
		then(del("a", "\x00"), put("b")),
		then(put("b"), del("a", "\x00")),
		then(put("b"), txn(nil, orElse(del("\x00", "\x00")))),
	} {
		require.Equal(t, rpctypes.ErrGRPCDuplicateKey, checkTxnRequest(&pb.TxnRequest{Success: ops}, 128))
	}
}
