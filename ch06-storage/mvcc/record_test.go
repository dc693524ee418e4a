package mvcc

import (
	"bytes"
	"math"
	"testing"

	"insideetcd/ch01-intro/api/mvccpb"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestRecordsAreEncodedAsGenerated: the hand-written encoding against the generated one,
// which is compared with etcd's elsewhere.
func TestRecordsAreEncodedAsGenerated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kv := &mvccpb.KeyValue{
			Key:            rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "key"),
			Value:          rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value"),
			Lease:          rapid.Int64().Draw(t, "lease"),
			CreateRevision: rapid.Int64Range(1, math.MaxInt64).Draw(t, "created"),
			ModRevision:    rapid.Int64Range(1, math.MaxInt64).Draw(t, "modified"),
			Version:        rapid.Int64Range(1, math.MaxInt64).Draw(t, "version"),
		}
		rev := Revision{Main: kv.ModRevision, Sub: rapid.Int32Min(0).Draw(t, "sub")}
		want, err := kv.MarshalVT()
		require.NoError(t, err)
		got := encodePut(rev, generation{kv.CreateRevision, kv.Version}, kv.Key, kv.Value, kv.Lease)
		require.Equal(t, want, []byte(got.record))
		requireParsesAs(t, rev, got.revision)
		require.Equal(t, cap(got.record), len(got.record), "the size was computed exactly")

		want, err = (&mvccpb.KeyValue{Key: kv.Key}).MarshalVT()
		require.NoError(t, err)
		rev.Tombstone = true
		got = encodeTombstone(rev, kv.Key)
		require.Equal(t, want, []byte(got.record))
		requireParsesAs(t, rev, got.revision)
	})
}

func requireParsesAs(t require.TestingT, want Revision, b []byte) {
	got, err := ParseRevision(b)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestRevisionBytes(t *testing.T) {
	put := Revision{Main: 7, Sub: 2}.AppendTo(nil)
	require.Equal(t, "\x00\x00\x00\x00\x00\x00\x00\x07_\x00\x00\x00\x00\x00\x00\x00\x02", string(put))
	require.Equal(t, string(put)+"t", string(Revision{Main: 7, Sub: 2, Tombstone: true}.AppendTo(nil)))
}

func TestByteOrderIsRevisionOrder(t *testing.T) {
	draw := rapid.Custom(func(t *rapid.T) Revision {
		return Revision{Main: rapid.Int64Min(0).Draw(t, "main"), Sub: rapid.Int32Min(0).Draw(t, "sub")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		require.Equal(t, a.Compare(b), bytes.Compare(a.AppendTo(nil), b.AppendTo(nil)))
	})
}

func TestParseRevisionRefusesEverythingElse(t *testing.T) {
	good := Revision{Main: 7, Sub: 2}.AppendTo(nil)
	change := func(at int, to byte) []byte { b := bytes.Clone(good); b[at] = to; return b }
	for name, b := range map[string][]byte{
		"empty": {}, "short": good[:16], "long": append(bytes.Clone(good), "tt"...),
		"other mark": append(bytes.Clone(good), 'x'), "other separator": change(8, '-'),
		"negative main": change(0, 0xff), "negative sub": change(9, 0xff), "sub beyond 31 bits": change(12, 1),
	} {
		_, err := ParseRevision(b)
		require.Error(t, err, name)
	}
}
