package walpb_test

import (
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch01-intro/api/wire/wiretest"
	"insideetcd/ch05-wal-snap/walpb"
)

const layout = `
message Record {
  optional int64 type = 1;
  optional uint32 crc = 2;
  optional bytes data = 3;
}
message Snapshot {
  optional uint64 index = 1;
  optional uint64 term = 2;
}
`

const recordedPath = "testdata/etcd-3.4.23.txt"

func TestWritesWhatTheLibraryWrites(t *testing.T) {
	s := wiretest.Compile(t, layout)
	wiretest.CheckWriting(t, s, "Record", 1, walpb.Record{}, walpb.Record{Type: -1, Crc: 1<<32 - 1, Data: []byte{}})
	wiretest.CheckWriting(t, s, "Snapshot", 2, walpb.Snapshot{})
}

// The log that a real server wrote is written back unchanged, and its checksums run on
// from record to record.
func TestRecordedLog(t *testing.T) {
	recorded := wiretest.Recorded(t, recordedPath)
	types := map[string]int64{"metadata": 1, "entry": 2, "state": 3, "crc": 4, "snapshot": 5}
	for kind, want := range types {
		require.NotEmpty(t, recorded[kind])
		for _, b := range recorded[kind] {
			require.Equal(t, want, wiretest.CheckBytes[walpb.Record](t, b).Type)
		}
	}
	metadata := wiretest.CheckBytes[walpb.Record](t, recorded["metadata"][0])
	require.Equal(t, crc32.Checksum(metadata.Data, crc32.MakeTable(crc32.Castagnoli)), metadata.Crc)

	var marks []walpb.Snapshot
	for _, b := range recorded["snapshot"] {
		record := wiretest.CheckBytes[walpb.Record](t, b)
		marks = append(marks, wiretest.CheckBytes[walpb.Snapshot](t, record.Data))
	}
	require.Equal(t, []walpb.Snapshot{{}, {Index: 11, Term: 2}}, marks)
}

// 3.5 adds a conf_state; here it is read over.
func TestSnapshotOfALaterVersion(t *testing.T) {
	var s walpb.Snapshot
	require.NoError(t, s.Unmarshal([]byte{0x08, 11, 0x10, 2, 0x1a, 4, 0x08, 7, 0x28, 0}))
	require.Equal(t, walpb.Snapshot{Index: 11, Term: 2}, s)
	require.Equal(t, []byte{0x08, 11, 0x10, 2}, s.AppendTo(nil))
}

func TestUnmarshalAliasedKeepsPiecesOfTheInput(t *testing.T) {
	b := walpb.Record{Data: []byte("data")}.AppendTo(nil)
	var r walpb.Record
	require.NoError(t, r.UnmarshalAliased(b))
	clear(b)
	require.Equal(t, []byte{0, 0, 0, 0}, r.Data)
}

func FuzzRecord(f *testing.F) {
	wiretest.FuzzReading[walpb.Record](f, wiretest.Compile(f, layout), "Record", wiretest.Recorded(f, recordedPath)["entry"]...)
}

func FuzzSnapshot(f *testing.F) {
	wiretest.FuzzReading[walpb.Snapshot](f, wiretest.Compile(f, layout), "Snapshot")
}

func TestReadingAndWritingAllocateNothing(t *testing.T) {
	r := walpb.Record{Type: 2, Crc: 1 << 31, Data: make([]byte, 300)}
	b := r.AppendTo(nil)
	require.Zero(t, testing.AllocsPerRun(10, func() { b = r.AppendTo(b[:0]) }))
	require.Zero(t, testing.AllocsPerRun(10, func() { _, _ = r.MarshalTo(b) }))
	require.Zero(t, testing.AllocsPerRun(10, func() { _ = r.UnmarshalAliased(b) }))
}

func BenchmarkRecordAppendTo(b *testing.B) {
	r := walpb.Record{Type: 2, Crc: 1 << 31, Data: make([]byte, 300)}
	buffer := make([]byte, 0, r.Size())
	b.ReportAllocs()
	for b.Loop() {
		buffer = r.AppendTo(buffer[:0])
	}
}

func BenchmarkRecordUnmarshalAliased(b *testing.B) {
	in := walpb.Record{Type: 2, Crc: 1 << 31, Data: make([]byte, 300)}.AppendTo(nil)
	var r walpb.Record
	b.ReportAllocs()
	for b.Loop() {
		_ = r.UnmarshalAliased(in)
	}
}
