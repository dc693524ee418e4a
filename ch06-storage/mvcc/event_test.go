package mvcc

import (
	"math"
	"testing"

	"insideetcd/ch01-intro/api/mvccpb"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestEventsAreEncodedAsGenerated: every way to an event gives the bytes that the
// generated encoding gives.
func TestEventsAreEncodedAsGenerated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string, least int) []byte { return rapid.SliceOfN(rapid.Byte(), least, 300).Draw(t, what) }
		rev := Revision{Main: rapid.Int64Range(2, math.MaxInt64).Draw(t, "revision"), Tombstone: rapid.Bool().Draw(t, "deletion")}
		key, value, lease := draw("key", 1), draw("value", 0), rapid.Int64().Draw(t, "lease")
		want := &mvccpb.Event{Kv: &mvccpb.KeyValue{Key: key, Value: value, Lease: lease, CreateRevision: 1, ModRevision: rev.Main, Version: 3}}
		encoded := encodePut(rev, generation{1, 3}, key, value, lease)
		if rev.Tombstone {
			want = &mvccpb.Event{Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: key, ModRevision: rev.Main}}
			encoded = encodeTombstone(rev, key)
		}
		requireEncodes(t, want, encoded.event)
		require.Equal(t, cap(encoded.event), len(encoded.event), "the size was computed exactly")
		again := eventOf(rev, encoded.record)
		require.Equal(t, encoded.event, again)
		require.Equal(t, cap(again), len(again), "the size was computed exactly")

		want.PrevKv = &mvccpb.KeyValue{Key: key, Value: draw("previous value", 0), ModRevision: 2, CreateRevision: 2, Version: 1}
		previous, err := want.PrevKv.MarshalVT()
		require.NoError(t, err)
		withPrev := encoded.event.withPrevKV(previous)
		requireEncodes(t, want, withPrev)
		require.Equal(t, cap(withPrev), len(withPrev), "the size was computed exactly")
		require.Equal(t, encoded.event, encoded.event.withPrevKV(nil))
	})
}

func requireEncodes(t require.TestingT, want *mvccpb.Event, got Event) {
	bytes, err := want.MarshalVT()
	require.NoError(t, err)
	require.Equal(t, bytes, []byte(got))
	require.Equal(t, want.Type == mvccpb.Event_DELETE, got.IsDelete())
	require.Equal(t, want.Kv.Key, got.KV().Key())
	require.Equal(t, want.Kv.ModRevision, got.KV().ModRevision())
	require.Equal(t, want.PrevKv == nil, got.PrevKV() == nil)
	decoded, err := got.Decode()
	require.NoError(t, err)
	require.True(t, want.EqualVT(decoded))
}

// TestTheExampleOfEvent is the example at the type.
func TestTheExampleOfEvent(t *testing.T) {
	put := encodePut(Revision{Main: 2}, generation{2, 1}, []byte("k"), []byte("v"), 0)
	require.Equal(t, "\x12\x0c\x0a\x01k\x10\x02\x18\x02\x20\x01\x2a\x01v", string(put.event))
	deleted := encodeTombstone(Revision{Main: 3, Tombstone: true}, []byte("k"))
	require.Equal(t, "\x08\x01\x12\x05\x0a\x01k\x18\x03", string(deleted.event))
	require.Equal(t, string(deleted.event)+"\x1a\x0c"+string(put.record), string(deleted.event.withPrevKV(put.record)))
}

func TestDamagedEventIsRefused(t *testing.T) {
	_, err := DecodeEvents([]Event{{0x12, 0x7f, 0}})
	require.ErrorContains(t, err, "decode event of 3 bytes")
	require.Nil(t, Event{0x12, 0x7f, 0}.KV())
	require.Nil(t, Event{0xff}.PrevKV())
	require.False(t, Event{}.IsDelete())
}
