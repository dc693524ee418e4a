package apply

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
)

func stored(t testing.TB, key, value string, rev int64) mvccpb.RawKeyValue {
	t.Helper()
	kv := &mvccpb.KeyValue{Key: []byte(key), Value: []byte(value), CreateRevision: rev, ModRevision: rev + 1, Version: 2}
	b, err := kv.MarshalVTStrict()
	require.NoError(t, err)
	return b
}

// An answer is a message of etcdserverpb to whoever receives it: its bytes must
// be those of the generated encoder.
func TestAnswersAreEncodedAsTheMessagesTheyStandFor(t *testing.T) {
	header := &pb.ResponseHeader{ClusterId: 1 << 63, MemberId: 7, Revision: 12, RaftTerm: 3}
	a, b := stored(t, "a", "", 4), stored(t, "b", "value", 5)
	rng := &RangeResponse{Header: header, Kvs: []mvccpb.RawKeyValue{a, b}, More: true, Count: 17}
	put := &PutResponse{Header: header, PrevKv: a}
	del := &DeleteRangeResponse{Header: header, Deleted: 2, PrevKvs: []mvccpb.RawKeyValue{b, a}}
	nested := &TxnResponse{Header: &pb.ResponseHeader{}, Responses: []ResponseOp{{Put: &PutResponse{Header: &pb.ResponseHeader{Revision: 5}}}}}
	txn := &TxnResponse{Header: header, Succeeded: true, Responses: []ResponseOp{
		{Range: rng}, {Put: put}, {DeleteRange: del}, {Txn: nested}, {},
	}}
	for name, answer := range map[string]interface {
		Size() int
		AppendTo([]byte) []byte
	}{
		"range": rng, "put": put, "delete": del, "txn": txn,
		"empty range":  &RangeResponse{},
		"empty put":    &PutResponse{Header: &pb.ResponseHeader{}},
		"empty delete": &DeleteRangeResponse{},
		"empty txn":    &TxnResponse{},
	} {
		t.Run(name, func(t *testing.T) {
			var message proto.Message
			var err error
			switch r := answer.(type) {
			case *RangeResponse:
				message, err = r.Proto()
			case *PutResponse:
				message, err = r.Proto()
			case *DeleteRangeResponse:
				message, err = r.Proto()
			case *TxnResponse:
				message, err = r.Proto()
			}
			require.NoError(t, err)
			want, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
			require.NoError(t, err)

			got := answer.AppendTo([]byte("before"))
			require.Equal(t, "before", string(got[:6]))
			require.Equal(t, want, got[6:])
			require.Equal(t, len(want), answer.Size())
		})
	}
}

func TestADamagedStoredValueIsAnErrorNotAPanic(t *testing.T) {
	_, err := (&RangeResponse{Kvs: []mvccpb.RawKeyValue{{0x0a, 0xff}}}).Proto()
	require.Error(t, err)
}

func BenchmarkAppendRangeOf1000(b *testing.B) {
	r := &RangeResponse{Header: &pb.ResponseHeader{ClusterId: 1 << 63, Revision: 1}}
	for range 1000 {
		r.Kvs = append(r.Kvs, stored(b, "key", string(make([]byte, 1024)), 5))
	}
	buf := make([]byte, 0, r.Size())
	b.ReportAllocs()
	b.SetBytes(int64(r.Size()))
	for b.Loop() {
		buf = r.AppendTo(buf[:0])
	}
}
