package wal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/walpb"
)

// etcdLog is the log of a running etcd 3.4.23 with --snapshot-count 10: puts, a delete, a
// transaction, a lease, a compaction, SIGKILL. testdata holds it without its trailing zeros;
// they come back here, as a hole in the file.
func etcdLog(t *testing.T) (dir string, recorded []byte) {
	recorded = readFile(t, "testdata/etcd-3.4.23.wal")
	dir = filepath.Join(t.TempDir(), "wal")
	require.NoError(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, segmentName{}.String())
	require.NoError(t, os.WriteFile(path, recorded, 0o600))
	require.NoError(t, os.Truncate(path, DefaultSegmentBytes))
	return dir, recorded
}

func TestLogOfEtcdIsReadEntryByEntry(t *testing.T) {
	dir, _ := etcdLog(t)
	w, err := Open(quiet, dir, walpb.Snapshot{})
	require.NoError(t, err)
	c, err := readAll(w)
	require.NoError(t, err)
	require.NoError(t, w.Close())

	golden := readFile(t, "testdata/etcd-3.4.23.txt")
	var got strings.Builder
	fmt.Fprintf(&got, "metadata %x\nstate %+v\n", c.metadata, c.state)
	for _, e := range c.ents {
		fmt.Fprintf(&got, "%d term %d %v %q\n", e.Index, e.Term, e.Type, e.Data)
	}
	require.Equal(t, string(golden), got.String())

	snaps, err := ValidSnapshotEntries(quiet, dir)
	require.NoError(t, err)
	require.Equal(t, []walpb.Snapshot{{}, {Index: 11, Term: 2}}, snaps)
	require.NoError(t, Verify(quiet, dir, walpb.Snapshot{Index: 11, Term: 2}))
}

// What etcd saved, saved again by this package, gives the same file byte for byte.
func TestWriterGivesEtcdsBytes(t *testing.T) {
	theirs, recorded := etcdLog(t)
	w, err := Open(quiet, theirs, walpb.Snapshot{})
	require.NoError(t, err)
	c, err := readAll(w)
	require.NoError(t, err)
	require.NoError(t, w.Close())

	ours, err := Create(quiet, filepath.Join(t.TempDir(), "wal"), c.metadata)
	require.NoError(t, err)
	ours.SetUnsafeNoFsync()
	skip := 3 // crc, metadata, snapshot: Create has written them
	require.NoError(t, Scan(quiet, theirs, func(_ Location, rec walpb.Record) error {
		if skip--; skip >= 0 {
			return nil
		}
		return saveAgain(ours, rec)
	}))
	require.NoError(t, ours.Close())
	got := readFile(t, lastSegment(t, ours.dir))
	require.Len(t, got, int(DefaultSegmentBytes))
	require.Equal(t, recorded, bytes.TrimRight(got, "\x00"))
}

func saveAgain(w *WAL, rec walpb.Record) error {
	switch rec.Type {
	case EntryType:
		var e raftpb.Entry
		if err := e.Unmarshal(rec.Data); err != nil {
			return err
		}
		return w.Save(raftpb.HardState{}, []raftpb.Entry{e})
	case StateType:
		var st raftpb.HardState
		if err := st.Unmarshal(rec.Data); err != nil {
			return err
		}
		return w.Save(st, nil)
	case SnapshotType:
		var s walpb.Snapshot
		if err := s.Unmarshal(rec.Data); err != nil {
			return err
		}
		return w.SaveSnapshot(s)
	}
	return fmt.Errorf("a %s record is not saved by anybody", TypeName(rec.Type))
}
