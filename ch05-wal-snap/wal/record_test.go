package wal

import (
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/walpb"
)

// The example of the package comment.
func TestRecordOf31BytesTakesOneByteOfPadding(t *testing.T) {
	field, pad := lengthField(31)
	require.Equal(t, 1, pad)
	require.Equal(t, uint64(0x81_00_00_00_00_00_00_1f), field)

	data := make([]byte, 31-2-6-2) // type, a checksum of five bytes, tag and length of the data
	frame, _ := appendFrame(nil, 0, MetadataType, bytesMessage(data))
	require.Equal(t, "1f00000000000081", hex.EncodeToString(frame[:8]))
	require.Len(t, frame, 8+32)
}

func TestLengthFieldComesApartAsItWasPut(t *testing.T) {
	for n := range 5000 {
		field, _ := lengthField(n)
		got, pad, ok := splitLength(field)
		require.True(t, ok, n)
		require.EqualValues(t, n, got)
		require.Zero(t, (n+pad)%8)
	}
	for _, row := range []struct {
		field uint64
		why   string
	}{
		{31, "no padding, though 31 is no multiple of 8"},
		{0x80<<56 | 32, "the mark of padding, but none"},
		{0x88<<56 | 32, "eight bytes of padding"},
		{0x01<<56 | 31, "padding without its mark"},
		{0x82<<56 | 31, "padding to 33"},
	} {
		_, _, ok := splitLength(row.field)
		require.False(t, ok, row.why)
	}
}

// The head of every log that etcd begins, but for the metadata.
func TestFramesHaveEtcdsBytes(t *testing.T) {
	b := appendBareFrame(nil, 0, CrcType)
	require.Equal(t, "0400000000000084"+"08041000"+"00000000", hex.EncodeToString(b))

	b, crc := appendFrame(nil, 0, SnapshotType, walpb.Snapshot{})
	require.Equal(t, crc32.Checksum([]byte{0x08, 0, 0x10, 0}, castagnoli), crc)
	rec, err := walpb.Record{Type: SnapshotType, Crc: crc, Data: []byte{0x08, 0, 0x10, 0}}.Marshal()
	require.NoError(t, err)
	require.Equal(t, hex.EncodeToString(rec), hex.EncodeToString(b[8:8+len(rec)]))
}

// A frame is what walpb.Record encodes, whatever the length of its checksum.
func TestFrameHoldsTheRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "before")
		data := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data")
		crc := rapid.Uint32().Draw(t, "crc")

		frame, next := appendFrame(before, crc, EntryType, bytesMessage(data))
		want, err := walpb.Record{Type: EntryType, Crc: crc32.Update(crc, castagnoli, data), Data: data}.Marshal()
		require.NoError(t, err)
		require.Equal(t, crc32.Update(crc, castagnoli, data), next)
		require.Equal(t, before, frame[:len(before)])
		require.Equal(t, want, frame[len(before)+8:][:len(want)])
		require.Zero(t, (len(frame)-len(before))%8)
	})
}

// Checksums below 2^28 make the record shorter than the room that was kept.
func TestShortChecksumMovesTheDataDown(t *testing.T) {
	lengths := map[int]bool{}
	for i := range 200_000 {
		data := fmt.Appendf(nil, "entry %d", i)
		crc := crc32.Checksum(data, castagnoli)
		n := protowire.SizeVarint(uint64(crc))
		if lengths[n] {
			continue
		}
		lengths[n] = true
		frame, _ := appendFrame(nil, 0, EntryType, bytesMessage(data))
		want := walpb.Record{Type: EntryType, Crc: crc, Data: data}
		got, err := want.Marshal()
		require.NoError(t, err)
		require.Equal(t, got, frame[8:8+len(got)], "checksum %08x", crc)
	}
	require.GreaterOrEqual(t, len(lengths), 3, "checksums of 5, 4 and 3 bytes were seen")
}

func TestNilDataIsLeftOutAndEmptyDataIsNot(t *testing.T) {
	bare := appendBareFrame(nil, 5, CrcType)
	empty, _ := appendFrame(nil, 5, MetadataType, bytesMessage{})
	require.Equal(t, "08041005", hex.EncodeToString(bare[8:12]))
	require.Equal(t, "080110051a00", hex.EncodeToString(empty[8:14]))
}

func TestEncodingAnEntryAllocatesNothing(t *testing.T) {
	e := bigEntry(7, 3, 300)
	b := make([]byte, 0, 1024)
	require.Zero(t, testing.AllocsPerRun(100, func() { b, _ = appendFrame(b[:0], 9, EntryType, &e) }))
}

type liar struct{ raftpb.HardState }

func (liar) Size() int { return 3 }

func TestMessageOfAnotherSizeThanAnnouncedPanics(t *testing.T) {
	require.PanicsWithError(t, "wal: state record: Size() is 3, AppendTo wrote 6 bytes", func() {
		appendFrame(nil, 0, StateType, liar{state(1, 2, 3)})
	})
}

func FuzzParseHead(f *testing.F) {
	f.Add([]byte{0x08, 2, 0x10, 5, 0x1a, 1, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := parseHead(b)
		if !ok {
			return
		}
		// What parses is what the writer would have written.
		again := appendHead(nil, h.typ, h.crc)
		if h.hasData {
			again = protowire.AppendVarint(protowire.AppendTag(again, 3, protowire.BytesType), uint64(h.dataBytes))
		}
		require.Equal(t, again, b[:h.bytes])
	})
}
