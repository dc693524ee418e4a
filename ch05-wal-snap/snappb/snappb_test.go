package snappb_test

import (
	"hash/crc32"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch01-intro/api/wire/wiretest"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/snappb"
)

const layout = `
message snapshot {
  optional uint32 crc = 1;
  optional bytes data = 2;
}
`

func TestWritesWhatTheLibraryWrites(t *testing.T) {
	s := wiretest.Compile(t, layout)
	wiretest.CheckWriting(t, s, "snapshot", 1, snappb.Snapshot{}, snappb.Snapshot{Data: []byte{}})
}

// A snapshot file of a real server is written back unchanged; its checksum is right, and
// within lies raft's snapshot.
func TestRecordedFile(t *testing.T) {
	b, err := os.ReadFile("testdata/etcd-3.4.23.snap")
	require.NoError(t, err)
	file := wiretest.CheckBytes[snappb.Snapshot](t, b)
	require.Equal(t, crc32.Checksum(file.Data, crc32.MakeTable(crc32.Castagnoli)), file.Crc)
	inner := wiretest.CheckBytes[raftpb.Snapshot](t, file.Data)
	require.EqualValues(t, 11, inner.Metadata.Index)
}

func TestUnmarshalAliasedKeepsPiecesOfTheInput(t *testing.T) {
	b := snappb.Snapshot{Data: []byte("data")}.AppendTo(nil)
	var s snappb.Snapshot
	require.NoError(t, s.UnmarshalAliased(b))
	clear(b)
	require.Equal(t, []byte{0, 0, 0, 0}, s.Data)
}

func FuzzSnapshot(f *testing.F) {
	wiretest.FuzzReading[snappb.Snapshot](f, wiretest.Compile(f, layout), "snapshot")
}
