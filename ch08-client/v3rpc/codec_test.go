package v3rpc

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/interval"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch07-server/apply"
)

func header1() *pb.ResponseHeader {
	return &pb.ResponseHeader{ClusterId: 1<<64 - 1, MemberId: 0x8e9e05c52164694d, Revision: 42, RaftTerm: 2}
}

func stored(t testing.TB, key, value string) (mvccpb.RawKeyValue, *mvccpb.KeyValue) {
	kv := &mvccpb.KeyValue{Key: []byte(key), Value: []byte(value), CreateRevision: 2, ModRevision: 1 << 40, Version: 3, Lease: -1}
	raw, err := kv.MarshalVTStrict()
	require.NoError(t, err)
	return raw, kv
}

// oneList is a view of which only this can be seen, framed as it was asked for.
type oneList struct{ mvcc.RangeResult }

func (oneList) FirstRev() int64 { return -1 }
func (l oneList) Rev() int64    { return l.RangeResult.Rev }
func (l oneList) Range(_ interval.Interval, ro mvcc.RangeOptions) (mvcc.RangeResult, error) {
	for i, kv := range l.KVs {
		l.Framed = protowire.AppendBytes(append(l.Framed, ro.FrameTag), kv)
		l.KVs[i] = l.Framed[len(l.Framed)-len(kv):]
	}
	return l.RangeResult, nil
}

// encodings is one answer twice: as the server holds it and as the generated message.
type encodings struct {
	name  string
	own   any
	proto proto.Message
}

func answers(t testing.TB) []encodings {
	raw, kv := stored(t, "key", "value")
	big, bigKV := stored(t, "big", string(bytes.Repeat([]byte("x"), 70_000)))
	deletedRaw, deletedKV := stored(t, "", "")

	rng := &apply.RangeResponse{Header: header1(), Kvs: []mvccpb.RawKeyValue{raw, big}, More: true, Count: 300}
	rngP := &pb.RangeResponse{Header: header1(), Kvs: []*mvccpb.KeyValue{kv, bigKV}, More: true, Count: 300}
	putA := &apply.PutResponse{Header: &pb.ResponseHeader{Revision: 7}, PrevKv: raw}
	putP := &pb.PutResponse{Header: &pb.ResponseHeader{Revision: 7}, PrevKv: kv}
	delA := &apply.DeleteRangeResponse{Header: header1(), Deleted: 2, PrevKvs: []mvccpb.RawKeyValue{raw, deletedRaw}}
	delP := &pb.DeleteRangeResponse{Header: header1(), Deleted: 2, PrevKvs: []*mvccpb.KeyValue{kv, deletedKV}}
	inner := &apply.TxnResponse{Header: &pb.ResponseHeader{}, Responses: []apply.ResponseOp{{Put: putA}, {DeleteRange: delA}}}
	innerP := &pb.TxnResponse{Header: &pb.ResponseHeader{}, Responses: []*pb.ResponseOp{
		{Response: &pb.ResponseOp_ResponsePut{ResponsePut: putP}},
		{Response: &pb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: delP}},
	}}
	listed, err := apply.Range(oneList{mvcc.RangeResult{KVs: []mvccpb.RawKeyValue{big}, Count: 9, Rev: 3}}, &pb.RangeRequest{Limit: 1})
	require.NoError(t, err)
	return []encodings{
		{"range", rng, rngP},
		{"range in pieces", listed, &pb.RangeResponse{Header: &pb.ResponseHeader{Revision: 3}, Kvs: []*mvccpb.KeyValue{bigKV}, Count: 9}},
		{"empty range", &apply.RangeResponse{Header: header1()}, &pb.RangeResponse{Header: header1()}},
		{"put", &apply.PutResponse{Header: header1()}, &pb.PutResponse{Header: header1()}},
		{"put with the key-value before", putA, putP},
		{"delete", delA, delP},
		{"txn, nested", &apply.TxnResponse{Header: header1(), Succeeded: true, Responses: []apply.ResponseOp{{Range: rng}, {Txn: inner}}},
			&pb.TxnResponse{Header: header1(), Succeeded: true, Responses: []*pb.ResponseOp{
				{Response: &pb.ResponseOp_ResponseRange{ResponseRange: rngP}},
				{Response: &pb.ResponseOp_ResponseTxn{ResponseTxn: innerP}},
			}}},
		{"compaction", &pb.CompactionResponse{Header: header1()}, &pb.CompactionResponse{Header: header1()}},
		{"status", &pb.StatusResponse{Header: header1(), Version: "3.4.45", DbSize: 1 << 33, Errors: []string{"a", ""}}, &pb.StatusResponse{Header: header1(), Version: "3.4.45", DbSize: 1 << 33, Errors: []string{"a", ""}}},
	}
}

// What the codec writes is byte for byte what the protobuf library writes for the
// generated message (all these messages have their fields in order of number).
func TestCodecWritesTheProtobufEncoding(t *testing.T) {
	for _, a := range answers(t) {
		t.Run(a.name, func(t *testing.T) {
			want, err := proto.MarshalOptions{Deterministic: true}.Marshal(a.proto)
			require.NoError(t, err)
			for _, v := range []any{a.own, a.proto} {
				got, err := Codec{}.Marshal(v)
				require.NoError(t, err)
				require.Equal(t, v == a.own && a.name == "range in pieces", len(got) > 1)
				require.True(t, bytes.Equal(want, got.Materialize()), "%T: other bytes than protobuf's", v)
				got.Free()
			}

			back := a.proto.ProtoReflect().New().Interface()
			require.NoError(t, Codec{}.Unmarshal(mem.BufferSlice{mem.SliceBuffer(want)}, back))
			require.True(t, proto.Equal(a.proto, back))
		})
	}
}

// scribblePool overwrites what is given back, as any next user of the buffer would.
type scribblePool struct {
	mu  sync.Mutex
	out int // buffers that are in use
}

func (p *scribblePool) Get(n int) *[]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out++
	b := bytes.Repeat([]byte{0xee}, n)
	return &b
}

func (p *scribblePool) Put(b *[]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out--
	for i := range (*b)[:cap(*b)] {
		(*b)[:cap(*b)][i] = 0xdd
	}
}

// C1: the message may be reused as soon as Marshal returned. C2: after Free the buffer is
// anybody's, and everything is given back exactly once.
func TestCodecGivesBuffersBack(t *testing.T) {
	pool := &scribblePool{}
	codec := Codec{pool: pool}
	for i := range answers(t) {
		a := answers(t)[i] // stored bytes of its own
		want, err := proto.Marshal(a.proto)
		require.NoError(t, err)
		out, err := codec.Marshal(a.own)
		require.NoError(t, err)
		if r, ok := a.own.(*apply.RangeResponse); ok && len(out) == 1 { // pieces are gRPC's now (C4)
			for _, kv := range r.Kvs {
				clear(kv) // the stored bytes are reused
			}
		}
		require.True(t, bytes.Equal(want, out.Materialize()), a.name)
		out.Free()
		if r, ok := a.own.(*apply.RangeResponse); ok && len(out) > 1 {
			require.Zero(t, len(r.Kvs), "the list was given back")
		}
	}
	require.Zero(t, pool.out, "buffers that were never given back")
}

// C3: what was decoded does not change when gRPC recycles the receive buffer.
func TestCodecCopiesWhatItDecodes(t *testing.T) {
	pool := &scribblePool{}
	want := &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: []byte("k"), RangeEnd: []byte("l"), TargetUnion: &pb.Compare_Value{Value: []byte("v")}}},
		Success: then(put("a"), del("b", "c"), txn(then(get("d")))),
	}
	data, err := want.MarshalVTStrict()
	require.NoError(t, err)
	for _, pieces := range []int{1, 3} { // in one buffer, and across several
		var slices mem.BufferSlice
		for i := range pieces {
			piece := data[i*len(data)/pieces : (i+1)*len(data)/pieces]
			b := pool.Get(2048) // above gRPC's threshold, so that it is really given back
			*b = (*b)[:copy(*b, piece)]
			slices = append(slices, mem.NewBuffer(b, pool))
		}
		got := new(pb.TxnRequest)
		require.NoError(t, Codec{}.Unmarshal(slices, got))
		slices.Free()
		require.True(t, proto.Equal(want, got), "%d pieces", pieces)
	}
	require.Zero(t, pool.out)
}

// liar announces another size than it writes.
type liar struct{ announced, written int }

func (l liar) Size() int                { return l.announced }
func (l liar) AppendTo(b []byte) []byte { return append(b, make([]byte, l.written)...) }

func TestCodecRefuses(t *testing.T) {
	_, err := Codec{}.Marshal(errors.New("no message"))
	require.ErrorContains(t, err, "it is no message")
	require.ErrorContains(t, Codec{}.Unmarshal(nil, "no message"), "it is no message")

	garbage := mem.BufferSlice{mem.SliceBuffer("\xff\xff\xff")}
	require.Error(t, Codec{}.Unmarshal(garbage, new(pb.PutRequest)))

	require.PanicsWithValue(t, "v3rpc: v3rpc.liar announced 3 bytes and wrote 4", func() {
		_, _ = Codec{}.Marshal(liar{3, 4})
	})
	require.PanicsWithValue(t, "v3rpc: v3rpc.liar announced 5000 bytes and wrote 4", func() {
		_, _ = Codec{}.Marshal(liar{5000, 4})
	})
}

func BenchmarkMarshal(b *testing.B) {
	raw, _ := stored(b, "key-0123456789", string(bytes.Repeat([]byte("v"), 256)))
	list := &apply.RangeResponse{Header: header1(), Count: 10_000}
	kib, _ := stored(b, "key-0123456789", string(bytes.Repeat([]byte("v"), 1024)))
	for range 10_000 {
		list.Kvs = append(list.Kvs, kib)
	}
	for _, c := range []struct {
		name string
		v    any
	}{
		{"put", &apply.PutResponse{Header: header1()}},
		{"get 256 B", &apply.RangeResponse{Header: header1(), Kvs: []mvccpb.RawKeyValue{raw}, Count: 1}},
		{"list 10000 × 1 KiB", list},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				out, err := Codec{}.Marshal(c.v)
				if err != nil {
					b.Fatal(err)
				}
				out.Free()
			}
		})
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	for _, size := range []int{256, 16 << 10} {
		data, err := (&pb.PutRequest{Key: []byte("key-0123456789"), Value: make([]byte, size)}).MarshalVT()
		require.NoError(b, err)
		in := mem.BufferSlice{mem.SliceBuffer(data)}
		b.Run(fmt.Sprintf("put %d B", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := (Codec{}).Unmarshal(in, new(pb.PutRequest)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
