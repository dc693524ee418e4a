package linear

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch01-intro/model"
	"insideetcd/ch01-intro/model/compare"
)

// between is an operation from one moment to another. If it ends at 0 it has no outcome.
func between(from, to int64, request, response any) porcupine.Operation {
	op := porcupine.Operation{Input: request, Call: from, Output: compare.Outcome{Response: response}, Return: to}
	if to == 0 {
		op.Return = 1 << 62
	}
	return op
}

func put(value string) *pb.PutRequest {
	return &pb.PutRequest{Key: []byte("a"), Value: []byte(value)}
}

func done(rev int64) *pb.PutResponse {
	return &pb.PutResponse{Header: &pb.ResponseHeader{Revision: rev, MemberId: 7}}
}

func get() *pb.RangeRequest { return &pb.RangeRequest{Key: []byte("a")} }

// got is the answer to a get of a key that was put version times and nothing else.
func got(rev int64, value string, version int64) *pb.RangeResponse {
	r := &pb.RangeResponse{Header: &pb.ResponseHeader{Revision: rev}}
	if version > 0 {
		r.Count = 1
		r.Kvs = []*mvccpb.KeyValue{{Key: []byte("a"), Value: []byte(value), CreateRevision: 2, ModRevision: version + 1, Version: version}}
	}
	return r
}

// swap puts a new value if the key has had one put.
func swap(value string) *pb.TxnRequest {
	return &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: []byte("a"), Target: pb.Compare_VERSION, TargetUnion: &pb.Compare_Version{Version: 1}}},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: put(value)}}},
	}
}

func swapped(rev int64) *pb.TxnResponse {
	return &pb.TxnResponse{Header: &pb.ResponseHeader{Revision: rev}, Succeeded: true,
		Responses: []*pb.ResponseOp{{Response: &pb.ResponseOp_ResponsePut{ResponsePut: &pb.PutResponse{Header: &pb.ResponseHeader{Revision: rev}}}}}}
}

func TestHistoriesAreJudged(t *testing.T) {
	for _, c := range []struct {
		name string
		ops  []porcupine.Operation
		want bool
	}{
		{"one after the other", []porcupine.Operation{
			between(1, 2, put("x"), done(2)), between(3, 4, get(), got(2, "x", 1))}, true},
		{"at the same time, a read may be first", []porcupine.Operation{
			between(1, 9, put("x"), done(2)), between(3, 4, get(), got(1, "", 0))}, true},
		{"a stale read", []porcupine.Operation{
			between(1, 2, put("x"), done(2)), between(3, 4, get(), got(1, "", 0))}, false},
		{"a read that goes back", []porcupine.Operation{
			between(1, 9, put("x"), done(2)), between(2, 3, get(), got(2, "x", 1)), between(4, 5, get(), got(1, "", 0))}, false},
		{"a lost write", []porcupine.Operation{
			between(1, 2, put("x"), done(2)), between(3, 4, put("y"), done(2))}, false},
		{"no outcome, and it has happened", []porcupine.Operation{
			between(1, 0, put("x"), nil), between(3, 4, get(), got(1, "", 0)), between(5, 6, get(), got(2, "x", 1))}, true},
		{"no outcome, and it has not happened", []porcupine.Operation{
			between(1, 0, put("x"), nil), between(3, 4, get(), got(1, "", 0)), between(5, 6, get(), got(1, "", 0))}, true},
		{"no outcome, and it has happened and then not", []porcupine.Operation{
			between(1, 0, put("x"), nil), between(3, 4, get(), got(2, "x", 1)), between(5, 6, get(), got(1, "", 0))}, false},
		{"no outcome, and it has happened twice", []porcupine.Operation{
			between(1, 0, put("x"), nil), between(3, 4, get(), got(2, "x", 1)), between(5, 6, get(), got(3, "x", 2))}, false},
		{"no outcome, for many that do nothing", func() (ops []porcupine.Operation) {
			for i := range int64(40) {
				ops = append(ops, between(1, 0, swap("never"), nil), between(2*i+2, 2*i+3, get(), got(1, "", 0)))
			}
			return ops
		}(), true},
		{"one of two swaps", []porcupine.Operation{
			between(1, 2, put("x"), done(2)), between(3, 9, swap("y"), swapped(3)),
			between(3, 9, swap("z"), &pb.TxnResponse{Header: &pb.ResponseHeader{Revision: 3}})}, true},
		{"two swaps of one value", []porcupine.Operation{
			between(1, 2, put("x"), done(2)), between(3, 9, swap("y"), swapped(3)), between(3, 9, swap("z"), swapped(4))}, false},
		{"a wrong refusal", []porcupine.Operation{
			{Input: put("x"), Call: 1, Output: compare.Outcome{Err: model.ErrLeaseNotFound}, Return: 2}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &History{operations: c.ops}
			require.Equal(t, c.want, h.Check(time.Minute) == nil)
		})
	}
}

// TestRecordedHistory: what is recorded is what was done, and a failure tells it.
func TestRecordedHistory(t *testing.T) {
	h := NewHistory()
	h.Do(1, put("x"), func() compare.Outcome { return compare.Outcome{} })
	h.Do(2, get(), func() compare.Outcome { return compare.Outcome{Response: got(2, "x", 1)} })
	require.NoError(t, h.Check(time.Minute))
	all, answered := h.Len()
	require.Equal(t, []int{2, 1}, []int{all, answered})

	h.Do(2, get(), func() compare.Outcome { return compare.Outcome{Response: got(1, "", 0)} })
	err := h.Check(time.Minute)
	require.ErrorContains(t, err, "linearizable? Illegal")
	require.ErrorContains(t, err, "client 1")
	require.ErrorContains(t, err, "→ ?\nclient 2")
}

// TestDescriptions: what the pictures of porcupine show.
func TestDescriptions(t *testing.T) {
	m := StateMachine(1)
	require.Contains(t, m.DescribeOperation(put("x"), compare.Outcome{Err: model.ErrEmptyKey}), "refused: etcdserver: key is not provided")
	_, next := m.Step(m.Init(), put("x"), compare.Outcome{})
	require.Contains(t, m.DescribeState(next), "2.0  put    a = x")
	_, same := m.Step(m.Init(), put("x"), compare.Outcome{})
	require.True(t, m.Equal(next, same))
	require.False(t, m.Equal(next, m.Init()))
	require.Equal(t, m.Hash(next), m.Hash(same))
}
