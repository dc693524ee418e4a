package v3rpc

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch07-server/apply"
	"insideetcd/ch08-client/v3rpc/rpctypes"
)

// nested is the encoding of transactions one inside the other, the innermost empty. It is
// built from the inside out and from the back.
func nested(levels int) []byte {
	buf := make([]byte, 10*levels)
	start := len(buf)
	wrap := func(field protowire.Number) {
		head := protowire.AppendTag(nil, field, protowire.BytesType)
		head = protowire.AppendVarint(head, uint64(len(buf)-start))
		start -= copy(buf[start-len(head):], head)
	}
	for range levels - 1 {
		wrap(fieldRequestTxn)
		wrap(fieldTxnSuccess)
	}
	return buf[start:]
}

// levels is how deep a decoded transaction is.
func levels(r *pb.TxnRequest) int {
	deepest := 0
	for _, op := range append(append([]*pb.RequestOp{}, r.Success...), r.Failure...) {
		if inner := op.GetRequestTxn(); inner != nil {
			deepest = max(deepest, levels(inner))
		}
	}
	return deepest + 1
}

func TestTheDepthOfATransactionIsMeasuredOnItsEncoding(t *testing.T) {
	require.False(t, deeperThan(nested(1), 1))
	for _, n := range []int{2, 3, 128, 129, 5000} {
		require.False(t, deeperThan(nested(n), n), n)
		require.True(t, deeperThan(nested(n), n-1), n)
	}
	rapid.Check(t, func(t *rapid.T) {
		r := &pb.TxnRequest{Success: drawOps(t, 4), Failure: drawOps(t, 4)}
		encoded, err := r.MarshalVT()
		require.NoError(t, err)
		for n := 1; n <= 6; n++ {
			require.Equal(t, levels(r) > n, deeperThan(encoded, n), n)
		}
	})
}

// What is no proper encoding is left to the decoder; the measure reads it to its end or
// stops, and never reads beyond it.
func TestGarbageHasNoDepth(t *testing.T) {
	whole := nested(40)
	for cut := range whole {
		deeperThan(whole[:cut], 100)
	}
	const seed = 1
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		b := append([]byte(nil), whole[:rnd.IntN(len(whole))]...)
		for range rnd.IntN(4) {
			if len(b) > 0 {
				b[rnd.IntN(len(b))] = byte(rnd.Uint32())
			}
		}
		var r pb.TxnRequest
		if deep := deeperThan(b, 3); r.UnmarshalVT(b) == nil {
			require.Equal(t, levels(&r) > 3, deep, "seed %d: %x", seed, b)
		}
	}
}

// A request of two megabytes, a quarter of a million levels deep, is refused like any
// transaction of too many operations, and is never decoded.
func TestDeepNestingIsRefusedUndecoded(t *testing.T) {
	deep := nested(260_000)
	require.Greater(t, len(deep), 2_000_000)
	for _, c := range []struct {
		name      string
		maxTxnOps int
		request   []byte
		want      error
	}{
		{"as deep as operations allow", 128, nested(129), nil},
		{"one level more", 128, nested(130), rpctypes.ErrGRPCTooManyOps},
		{"very deep", 128, deep, rpctypes.ErrGRPCTooManyOps},
		{"as deep as answers can be", 1_000_000, nested(5000), nil},
		{"one more", 1_000_000, nested(5001), rpctypes.ErrGRPCTooManyOps},
		{"very deep, many operations allowed", 1_000_000, deep, rpctypes.ErrGRPCTooManyOps},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &onlyTxn{limit: deepestTxn(c.maxTxnOps)}
			_, err := call(s, c.request)
			require.Equal(t, c.want, err)
			if c.want != nil {
				require.Nil(t, s.got, "the service did not even see it")
				return
			}
			require.NoError(t, checkTxnRequest(s.got, c.maxTxnOps))
		})
	}
}

// call has the codec and the handler work as gRPC does.
func call(s keyValueServer, request []byte) (any, error) {
	var handle grpc.MethodHandler
	for _, m := range kvDesc.Methods {
		if m.MethodName == "Txn" {
			handle = m.Handler
		}
	}
	return handle(s, context.Background(), func(req any) error {
		return Codec{}.Unmarshal(mem.BufferSlice{mem.SliceBuffer(request)}, req)
	}, nil)
}

// onlyTxn keeps the transaction that it is asked for.
type onlyTxn struct {
	keyValueServer
	limit int
	got   *pb.TxnRequest
}

func (s *onlyTxn) deepestTxn() int { return s.limit }

func (s *onlyTxn) Txn(_ context.Context, r *pb.TxnRequest) (*apply.TxnResponse, error) {
	s.got = r
	return &apply.TxnResponse{}, nil
}

func BenchmarkTxnDepth(b *testing.B) {
	encoded, err := (&pb.TxnRequest{Success: puts(100, "key")}).MarshalVT()
	require.NoError(b, err)
	b.ReportAllocs()
	b.SetBytes(int64(len(encoded)))
	for b.Loop() {
		deeperThan(encoded, 129)
	}
}
