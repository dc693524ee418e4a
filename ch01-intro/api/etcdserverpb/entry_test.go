package etcdserverpb

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// writeRequest3_4 writes a v2 request as etcd 3.4 does: fields 1 to 16, zero or not, except
// the two optional ones. It uses nothing of this package on purpose.
func writeRequest3_4(id uint64, method, path, val string, dir bool, prevExist, refresh *bool) []byte {
	var b []byte
	number := func(num protowire.Number, v uint64) {
		b = protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
	}
	text := func(num protowire.Number, s string) {
		b = protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
	}
	number(1, id)
	text(2, method)
	text(3, path)
	text(4, val)
	number(5, protowire.EncodeBool(dir))
	text(6, "") // prevValue
	number(7, 0)
	if prevExist != nil {
		number(8, protowire.EncodeBool(*prevExist))
	}
	number(9, 0)
	for num := protowire.Number(10); num <= 16; num++ {
		number(num, 0)
	}
	if refresh != nil {
		number(17, protowire.EncodeBool(*refresh))
	}
	return b
}

func TestBareRequestIsNeverTakenForInternalRaftRequest(t *testing.T) {
	yes := true
	const attributes = `{"name":"m1","clientURLs":["http://127.0.0.1:2379"]}`
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"publish", writeRequest3_4(7, "PUT", "/0/members/8e9e05c52164694d/attributes", attributes, false, nil, nil)},
		{"cluster version", writeRequest3_4(7, "PUT", "/0/version", "3.4.0", false, nil, nil)},
		{"sync: path and value are empty, as valid embedded messages are", writeRequest3_4(7, "SYNC", "", "", false, nil, nil)},
		{"delete", writeRequest3_4(7, "DELETE", "/1/k", "", false, nil, nil)},
		{"directory", writeRequest3_4(7, "PUT", "/1/d", "", true, &yes, &yes)},
		{"no method at all", writeRequest3_4(0, "", "", "", false, nil, nil)},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Error(t, new(InternalRaftRequest).UnmarshalVT(c.data))
			raftReq, v2, err := DecodeRaftEntry(c.data)
			require.NoError(t, err)
			require.Nil(t, raftReq)
			again, err := v2.Marshal()
			require.NoError(t, err)
			require.Equal(t, c.data, again)
		})
	}
}

func TestAnyBareRequestIsToldApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		optional := rapid.SampledFrom([]*bool{nil, new(bool)})
		data := writeRequest3_4(rapid.Uint64().Draw(t, "ID"), rapid.String().Draw(t, "Method"),
			rapid.String().Draw(t, "Path"), rapid.String().Draw(t, "Val"), rapid.Bool().Draw(t, "Dir"),
			optional.Draw(t, "PrevExist"), optional.Draw(t, "Refresh"))
		raftReq, v2, err := DecodeRaftEntry(data)
		if err != nil || raftReq != nil || v2 == nil {
			t.Fatalf("a bare Request %x decoded as (%v, %v, %v), want it alone", data, raftReq, v2, err)
		}
	})
}

func TestInternalRaftRequestIsDecodedAsItself(t *testing.T) {
	want := &InternalRaftRequest{
		Header: &RequestHeader{ID: 9, Username: "root", AuthRevision: 3},
		Put:    &PutRequest{Key: []byte("k"), Value: []byte("v")},
	}
	data, err := want.MarshalVTStrict()
	require.NoError(t, err)
	raftReq, v2, err := DecodeRaftEntry(data)
	require.NoError(t, err)
	require.Nil(t, v2)
	require.True(t, want.EqualVT(raftReq))
}

func TestEmbeddedV2RequestIsDecodedToo(t *testing.T) {
	inner := writeRequest3_4(7, "PUT", "/1/k", "v", false, nil, nil)
	data, err := (&InternalRaftRequest{ID: 7, V2: inner}).MarshalVTStrict()
	require.NoError(t, err)
	raftReq, v2, err := DecodeRaftEntry(data)
	require.NoError(t, err)
	require.Equal(t, uint64(7), raftReq.ID)
	require.Equal(t, "/1/k", v2.Path)
}

// The field v2 is declared as bytes, so the generated decoder takes whatever stands there;
// the strictness that a message field would bring is DecodeRaftEntry's own.
func TestEmbeddedV2RequestIsDecodedStrictly(t *testing.T) {
	data, err := (&InternalRaftRequest{ID: 7, V2: []byte("PUT")}).MarshalVTStrict()
	require.NoError(t, err)
	require.NoError(t, new(InternalRaftRequest).UnmarshalVT(data))
	raftReq, v2, err := DecodeRaftEntry(data)
	require.NoError(t, err, `the same bytes are a Request with the method "PUT" and nothing else`)
	require.Nil(t, raftReq)
	require.Equal(t, "PUT", v2.Method)
}

func TestUnknownEntryDataIsRefusedWithBothReasons(t *testing.T) {
	for _, data := range [][]byte{[]byte("garbage"), {0xff}, {0x0a, 0x05, 'x'}, {0x2d, 1, 2, 3, 4}} {
		_, _, err := DecodeRaftEntry(data)
		require.ErrorContains(t, err, "neither an InternalRaftRequest", "%q", data)
		require.ErrorContains(t, err, "nor a Request", "%q", data)
	}
}

func FuzzDecodeRaftEntry(f *testing.F) {
	f.Add([]byte{})
	f.Add(writeRequest3_4(7, "SYNC", "", "", false, nil, nil))
	f.Add([]byte{0x22, 0x05, 0x0a, 0x03, 'f', 'o', 'o', 0xa2, 0x06, 0x02, 0x08, 0x07})
	f.Fuzz(func(t *testing.T, data []byte) {
		raftReq, v2, err := DecodeRaftEntry(data)
		if err == nil && raftReq == nil && v2 == nil {
			t.Fatalf("%x decoded without error into nothing", data)
		}
		if err != nil && (raftReq != nil || v2 != nil) {
			t.Fatalf("%x was refused (%v) and answered all the same", data, err)
		}
	})
}
