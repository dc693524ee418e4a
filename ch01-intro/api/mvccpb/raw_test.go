package mvccpb

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

// example is the one of RawKeyValue's comment.
var example = RawKeyValue{
	0x0a, 1, 'k',
	0x10, 2, 0x18, 2,
	0x20, 1,
	0x2a, 1, 'v',
	0x30, 7,
}

func TestExampleOfTheComment(t *testing.T) {
	kv := &KeyValue{Key: []byte("k"), CreateRevision: 2, ModRevision: 2, Version: 1, Value: []byte("v"), Lease: 7}
	b, err := kv.MarshalVTStrict()
	require.NoError(t, err)
	require.Equal(t, []byte(example), b)

	require.Equal(t, "k", string(example.Key()))
	require.Equal(t, "v", string(example.Value()))
	require.Equal(t, int64(2), example.CreateRevision())
	require.Equal(t, int64(2), example.ModRevision())
	require.Equal(t, int64(1), example.Version())
	require.Equal(t, int64(7), example.Lease())
	decoded, err := example.Decode()
	require.NoError(t, err)
	require.True(t, kv.EqualVT(decoded))
}

func TestTombstoneHasNothingButTheKey(t *testing.T) {
	r := RawKeyValue{0x0a, 1, 'k'}
	require.Equal(t, "k", string(r.Key()))
	require.Empty(t, r.Value())
	require.Zero(t, r.CreateRevision())
	require.Zero(t, r.ModRevision())
	require.Zero(t, r.Version())
	require.Zero(t, r.Lease())
}

func TestWithoutValueIsWhatEtcdWouldEncode(t *testing.T) {
	require.Equal(t, RawKeyValue{0x0a, 1, 'k', 0x10, 2, 0x18, 2, 0x20, 1, 0x30, 7}, example.WithoutValue())
	none := RawKeyValue{0x0a, 1, 'k', 0x10, 2}
	require.Equal(t, none, none.WithoutValue())
}

func TestDecodedShareNothing(t *testing.T) {
	r := bytes.Clone(example)
	kv, err := RawKeyValue(r).Decode()
	require.NoError(t, err)
	keysOnly := RawKeyValue(r).WithoutValue()
	for i := range r {
		r[i] = 0xee
	}
	require.Equal(t, "k", string(kv.Key))
	require.Equal(t, "v", string(kv.Value))
	require.Equal(t, "k", string(keysOnly.Key()))
}

func TestKeyCannotBeAppendedIntoItsNeighbour(t *testing.T) {
	r := RawKeyValue(bytes.Clone(example))
	_ = append(r.Key(), 0xff)
	require.Equal(t, example, r)
}

func TestAccessorsOnDamageTellWhatStoodBefore(t *testing.T) {
	for _, c := range []struct {
		name string
		raw  RawKeyValue
		key  string
	}{
		{"nothing", nil, ""},
		{"length beyond the end", RawKeyValue{0x0a, 9, 'k'}, ""},
		{"length of 2^63", RawKeyValue{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, ""},
		{"cut after the key", RawKeyValue{0x0a, 1, 'k', 0x10}, "k"},
		{"field number 0", RawKeyValue{0x0a, 1, 'k', 0x02, 1, 'x'}, "k"},
		{"an open group", RawKeyValue{0x0a, 1, 'k', 0x0b, 0x0a, 1, 'x'}, "k"},
		{"varint of 11 bytes", RawKeyValue{0x0a, 1, 'k', 0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1}, "k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.key, string(c.raw.Key()))
			require.Zero(t, c.raw.CreateRevision())
			require.Equal(t, c.raw, c.raw.WithoutValue())
			if len(c.raw) > 0 {
				_, err := c.raw.Decode()
				require.ErrorContains(t, err, "decode stored key-value")
			}
		})
	}
}

func TestWithoutValueKeepsTheDamage(t *testing.T) {
	r := append(bytes.Clone(example), 0x0a, 9, 'x')
	_, err := RawKeyValue(r).WithoutValue().Decode()
	require.Error(t, err)
}

func TestAccessorsDoNotAllocate(t *testing.T) {
	var sum int64
	require.Zero(t, testing.AllocsPerRun(100, func() {
		sum += example.CreateRevision() + example.ModRevision() + example.Version() + example.Lease() +
			int64(len(example.Key())) + int64(len(example.Value()))
	}))
}

// FuzzRawKeyValue compares with two decoders: the generated one and protobuf's own. The
// generated one is laxer about varints that overflow, protobuf's own about wrong wire types,
// so what both accept is what is well formed.
func FuzzRawKeyValue(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte{})
	f.Add([]byte{0x0a, 1, 'k', 0x0a, 2, 'k', '2', 0x10, 1, 0x10, 2})   // fields twice: the last one counts
	f.Add([]byte{0x0b, 0x0a, 1, 'x', 0x0c, 0x0a, 1, 'k', 0x78, 1})     // unknown group, unknown field
	f.Add([]byte{0x12, 1, 'x', 0x10, 5})                               // wrong wire type first
	f.Add([]byte{0x2a, 1, 'v', 0x2a, 0, 0x0a, 0x80, 0x00, 0x18, 0x7f}) // overlong length
	f.Fuzz(func(t *testing.T, data []byte) {
		r := RawKeyValue(bytes.Clone(data))
		key, value, create, mod, version, lease := r.Key(), r.Value(), r.CreateRevision(), r.ModRevision(), r.Version(), r.Lease()
		stripped := r.WithoutValue()
		require.Equal(t, data, []byte(r), "an accessor wrote into the bytes")

		kv, official := new(KeyValue), new(KeyValue)
		if kv.UnmarshalVT(data) != nil || proto.Unmarshal(data, official) != nil {
			return
		}
		got := &KeyValue{Key: key, CreateRevision: create, ModRevision: mod, Version: version, Value: value, Lease: lease}
		kv.unknownFields, official.unknownFields = nil, nil
		require.True(t, kv.EqualVT(got), "%x: decoded %v, raw %v", data, kv, got)
		require.True(t, official.EqualVT(got), "%x: decoded %v, raw %v", data, official, got)
		kv.Value = nil
		bare, err := stripped.Decode()
		require.NoError(t, err, "%x", data)
		bare.unknownFields = nil
		require.True(t, kv.EqualVT(bare), "%x: want %v, WithoutValue %v", data, kv, bare)
	})
}

func BenchmarkRawModRevision(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = example.ModRevision()
	}
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = example.Decode()
	}
}
