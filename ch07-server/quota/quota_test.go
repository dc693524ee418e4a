package quota

import (
	"bytes"
	"log/slog"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func put(key, value string) *pb.PutRequest {
	return &pb.PutRequest{Key: []byte(key), Value: []byte(value)}
}

func keepValue(key string) *pb.PutRequest {
	return &pb.PutRequest{Key: []byte(key), IgnoreValue: true}
}

func putOp(r *pb.PutRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: r}}
}

func txnOp(r *pb.TxnRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: r}}
}

func deleteOp(key string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(key)}}}
}

func rangeOp(key string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte(key)}}}
}

func then(ops ...*pb.RequestOp) *pb.TxnRequest      { return &pb.TxnRequest{Success: ops} }
func otherwise(ops ...*pb.RequestOp) *pb.TxnRequest { return &pb.TxnRequest{Failure: ops} }

func ofPut(r *pb.PutRequest) *pb.InternalRaftRequest { return &pb.InternalRaftRequest{Put: r} }
func ofTxn(r *pb.TxnRequest) *pb.InternalRaftRequest { return &pb.InternalRaftRequest{Txn: r} }

var (
	freeRequests = map[string]*pb.InternalRaftRequest{
		"read":            {Range: &pb.RangeRequest{Key: []byte("k")}},
		"reading txn":     ofTxn(then(rangeOp("k"))),
		"delete":          {DeleteRange: &pb.DeleteRangeRequest{Key: []byte("k")}},
		"deleting txn":    ofTxn(then(deleteOp("k"), txnOp(then(deleteOp("l"))))),
		"empty txn":       ofTxn(&pb.TxnRequest{}),
		"compaction":      {Compaction: &pb.CompactionRequest{Revision: 3}},
		"lease revoke":    {LeaseRevoke: &pb.LeaseRevokeRequest{ID: 1}},
		"alarm":           {Alarm: &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE}},
		"user add":        {AuthUserAdd: &pb.AuthUserAddRequest{Name: "u"}},
		"an op left open": ofTxn(then(&pb.RequestOp{})),
	}
	spendingRequests = map[string]*pb.InternalRaftRequest{
		"put":         ofPut(put("k", "")),
		"lease grant": {LeaseGrant: &pb.LeaseGrantRequest{TTL: 5}},
		"txn":         ofTxn(otherwise(deleteOp("k"), putOp(put("l", "")))),
	}
)

func TestTheCostOfARequest(t *testing.T) {
	stored := func(key []byte) int64 { return map[string]int64{"big": 1000}[string(key)] }
	for _, c := range []struct {
		name           string
		r              *pb.InternalRaftRequest
		cost, by34Rule int64
	}{
		{"a put", ofPut(put("key", "value")), 256 + 8, 256 + 8},
		{"a put that keeps the value writes it again", ofPut(keepValue("big")), 256 + 3 + 1000, 256 + 3},
		{"there is no value to keep", ofPut(keepValue("new")), 256 + 3, 256 + 3},
		{"a lease", &pb.InternalRaftRequest{LeaseGrant: &pb.LeaseGrantRequest{}}, 64, 64},
		{"a txn is the sum of its puts", ofTxn(then(putOp(put("a", "1")), rangeOp("b"), putOp(put("c", "22")), deleteOp("d"))), 2*256 + 5, 2*256 + 5},
		{"only one branch runs", ofTxn(&pb.TxnRequest{
			Success: []*pb.RequestOp{putOp(put("a", "1"))}, Failure: []*pb.RequestOp{putOp(put("b", "4444"))},
		}), 256 + 5, 256 + 5},
		{"nested puts", ofTxn(then(putOp(put("a", "1")), txnOp(then(putOp(put("b", "22")))))), 2*256 + 5, 256 + 2},
		{"only one nested branch runs", ofTxn(then(txnOp(&pb.TxnRequest{
			Success: []*pb.RequestOp{putOp(put("a", "1")), putOp(put("b", "1"))},
			Failure: []*pb.RequestOp{txnOp(otherwise(putOp(put("a", "22"))))},
		}))), 2*256 + 4, 0},
		{"a nested put that keeps the value", ofTxn(then(txnOp(then(putOp(keepValue("big")))))), 256 + 3 + 1000, 0},
	} {
		require.Equal(t, c.cost, Cost(c.r, stored), c.name)
		require.Equal(t, c.by34Rule, ApplyCost(c.r), "%s: by 3.4's rule", c.name)
	}
	require.Equal(t, int64(256+3), Cost(ofPut(keepValue("big")), nil), "nobody to ask for the value")
}

// TestTheLimitItselfIsNotReached, as recorded from 3.4.23: a file of 20,480 bytes, a
// put of key "a" (257 bytes and the value), a quota of 20,747.
func TestTheLimitItselfIsNotReached(t *testing.T) {
	q := New(quiet, 20_480+257+10, func() int64 { return 20_480 }, nil)
	require.Equal(t, int64(267), q.Remaining())
	for name, available := range map[string]func(*pb.InternalRaftRequest) bool{
		"before the proposal": q.Available, "at apply": q.AvailableAtApply,
	} {
		require.True(t, available(ofPut(put("a", "123456789"))), name)
		require.False(t, available(ofPut(put("a", "1234567890"))), name)
	}
}

func TestWhichLimitHolds(t *testing.T) {
	for _, c := range []struct {
		name         string
		bytes, limit int64
		warns        bool
	}{
		{"none given", 0, 2_147_483_648, false},
		{"some", 1, 1, false},
		{"as much as recommended", 8_589_934_592, 8_589_934_592, false},
		{"more", 8_589_934_593, 8_589_934_593, true},
		{"off", -1, 0, false},
		{"off, too", math.MinInt64, 0, false},
	} {
		var log bytes.Buffer
		size := int64(0)
		q := New(slog.New(slog.NewTextHandler(&log, nil)), c.bytes, func() int64 { return size }, nil)
		require.Equal(t, c.limit, q.Limit(), c.name)
		require.Equal(t, c.warns, bytes.Contains(log.Bytes(), []byte("level=WARN")), "%s: %s", c.name, log.String())

		size = math.MaxInt64 / 2
		for what, r := range spendingRequests {
			require.Equal(t, c.limit == 0, q.Available(r), "%s, %s", c.name, what)
			require.Equal(t, c.limit == 0, q.AvailableAtApply(r), "%s, %s", c.name, what)
		}
	}
}
