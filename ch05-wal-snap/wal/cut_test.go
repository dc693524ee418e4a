package wal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/fileutil"
	"insideetcd/ch05-wal-snap/walpb"
)

// cutLog has ten entries in five segments: two entries fill one.
func cutLog(t *testing.T) *WAL {
	t.Helper()
	w := newLog(t, 2048)
	for i := uint64(1); i <= 10; i++ {
		require.NoError(t, w.Save(state(1, 1, i-1), []raftpb.Entry{bigEntry(i, 1, 950)}))
	}
	return w
}

// book §5.1.5.
func TestFullSegmentIsCut(t *testing.T) {
	w := cutLog(t)
	names, err := listSegments(w.lg, w.dir)
	require.NoError(t, err)
	require.Equal(t, []segmentName{{0, 0}, {1, 3}, {2, 5}, {3, 7}, {4, 9}, {5, 11}}, names)
	require.NoError(t, w.Close())

	c, err := reopen(w.dir)
	require.NoError(t, err)
	require.Len(t, c.ents, 10)

	// W3, and the head that lets older segments go: checksum, metadata, state.
	kinds := map[string][]string{}
	ends := map[string]int64{}
	require.NoError(t, Scan(quiet, w.dir, func(l Location, rec walpb.Record) error {
		kinds[l.File] = append(kinds[l.File], TypeName(rec.Type))
		ends[l.File] = l.Offset + l.Bytes
		return nil
	}))
	for i, n := range names {
		path := w.path(n)
		size := int64(len(readFile(t, path)))
		switch i {
		case 0:
			require.Equal(t, []string{"crc", "metadata", "snapshot", "entry", "state", "entry", "state"}, kinds[path])
		case len(names) - 1:
			require.Equal(t, []string{"crc", "metadata", "state"}, kinds[path])
			require.Greater(t, size, ends[path], "the last segment ends in zeros")
			continue
		default:
			require.Equal(t, []string{"crc", "metadata", "state", "entry", "state", "entry", "state"}, kinds[path])
		}
		require.Equal(t, ends[path], size, "a full segment ends with its last record")
	}
}

func TestReadingASnapshotTakesTheSegmentsFromIt(t *testing.T) {
	w := cutLog(t)
	require.NoError(t, w.SaveSnapshot(walpb.Snapshot{Index: 6, Term: 1}))
	require.NoError(t, w.Close())
	// The segment that begins at 5 is the newest that reaches back to 6; without those before
	// it the log is as good, and its checksum starts with the crc record of the segment.
	for _, old := range []segmentName{{0, 0}, {1, 3}} {
		require.NoError(t, os.Remove(w.path(old)))
	}
	w, err := Open(quiet, w.dir, walpb.Snapshot{Index: 6, Term: 1})
	require.NoError(t, err)
	defer w.Close()
	require.Len(t, w.locks, 4)
	c, err := readAll(w)
	require.NoError(t, err)
	require.Equal(t, []uint64{7, 8, 9, 10}, indexes(c.ents))
	require.Equal(t, member, c.metadata)
}

// W4, with the loop that removes segments.
func TestPurgeTakesOnlyWhatWasReleased(t *testing.T) {
	w := cutLog(t)
	left := func() (all []segmentName) {
		_, err := fileutil.PurgeOnce(w.dir, "wal", 1)
		require.NoError(t, err)
		all, err = listSegments(w.lg, w.dir)
		require.NoError(t, err)
		return all
	}
	require.Len(t, left(), 6, "everything is locked")
	require.NoError(t, w.ReleaseLockTo(0))
	require.Len(t, left(), 6)
	require.NoError(t, w.ReleaseLockTo(6))
	require.Equal(t, []segmentName{{2, 5}, {3, 7}, {4, 9}, {5, 11}}, left(), "5 reaches back to 6")
	require.NoError(t, w.ReleaseLockTo(7))
	require.Len(t, left(), 4, "one more than needed is kept")
	require.NoError(t, w.ReleaseLockTo(1000))
	require.Equal(t, []segmentName{{5, 11}}, left(), "never the one that is written")
	require.NoError(t, w.Save(state(1, 1, 10), []raftpb.Entry{entry(11, 1)}))
}

func TestPurgeLoopEndsWithItsContext(t *testing.T) {
	w := cutLog(t)
	require.NoError(t, w.ReleaseLockTo(9))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fileutil.PurgeFiles(ctx, nil, w.dir, "wal", 3, time.Hour)
	names, err := listSegments(w.lg, w.dir)
	require.NoError(t, err)
	require.Len(t, names, 3, "one pass runs at once")
}

func TestSegmentAfterASnapshotFromTheLeaderIsNamedBehindIt(t *testing.T) {
	w := newLog(t, 2048)
	require.NoError(t, w.Save(state(1, 1, 1), []raftpb.Entry{entry(1, 1)}))
	require.NoError(t, w.SaveSnapshot(walpb.Snapshot{Index: 100, Term: 3}))
	for len(w.locks) == 1 {
		require.NoError(t, w.Save(state(3, 1, 100), nil))
	}
	require.Equal(t, segmentName{1, 101}, w.tail().name)
	require.NoError(t, w.Save(raftpb.HardState{}, []raftpb.Entry{entry(101, 3)}))
	require.NoError(t, w.Close())
	w, err := Open(quiet, w.dir, walpb.Snapshot{Index: 100, Term: 3})
	require.NoError(t, err)
	defer w.Close()
	c, err := readAll(w)
	require.NoError(t, err)
	require.Equal(t, []uint64{101}, indexes(c.ents))
}

// What a cut says about the past comes from the log, not only from this life.
func TestCutAfterAReopenKnowsStateAndIndex(t *testing.T) {
	reopened := func() *WAL {
		w := newLog(t, 2048)
		require.NoError(t, w.Save(state(4, 7, 2), []raftpb.Entry{entry(1, 4), entry(2, 4), entry(3, 4)}))
		require.NoError(t, w.Close())
		w, err := open(quiet, osDisk{}, w.dir, walpb.Snapshot{}, 2048)
		require.NoError(t, err)
		t.Cleanup(func() { w.Close() })
		_, _, _, err = w.ReadAll()
		require.NoError(t, err)
		return w
	}
	w := reopened()
	for range 100 { // of 48 bytes
		require.NoError(t, w.Save(state(4, 7, 3), nil))
	}
	require.Equal(t, segmentName{1, 4}, w.locks[1].name, "no entry since the reopening")

	w = reopened()
	require.NoError(t, w.Save(raftpb.HardState{}, []raftpb.Entry{bigEntry(4, 4, 2048)}))
	var head []string // of the new segment; no state since the reopening
	require.NoError(t, Scan(quiet, w.dir, func(l Location, rec walpb.Record) error {
		if l.File == w.path(segmentName{1, 5}) {
			head = append(head, fmt.Sprintf("%s %x", TypeName(rec.Type), rec.Data))
		}
		return nil
	}))
	require.Equal(t, []string{"crc ", fmt.Sprintf("metadata %x", member), "state 080410071802"}, head)
}

func TestPipelineLeavesNothingBehind(t *testing.T) {
	w := cutLog(t)
	require.NoError(t, w.Close())
	tmp, err := filepath.Glob(filepath.Join(w.dir, "*.tmp"))
	require.NoError(t, err)
	require.Empty(t, tmp)

	// Unless it had no chance: a leftover is emptied when its name is used again.
	junk := strings.Repeat("junk", 3000)
	for _, name := range []string{"0.tmp", "1.tmp"} {
		require.NoError(t, os.WriteFile(filepath.Join(w.dir, name), []byte(junk), 0o600))
	}
	for i := uint64(11); i <= 16; i++ { // a new life for each entry, every second one cuts
		w, err = open(quiet, osDisk{}, w.dir, walpb.Snapshot{}, 2048)
		require.NoError(t, err)
		c, err := readAll(w)
		require.NoError(t, err)
		require.Len(t, c.ents, int(i-1))
		require.NoError(t, w.Save(state(1, 1, i), []raftpb.Entry{bigEntry(i, 1, 950)}))
		require.NoError(t, w.Close())
		require.NoError(t, os.WriteFile(filepath.Join(w.dir, "0.tmp"), []byte(junk), 0o600))
	}
}

func TestSegmentNames(t *testing.T) {
	require.Equal(t, "000000000000000a-00000000000186a1.wal", segmentName{10, 100001}.String())
	n, err := parseSegmentName("000000000000000a-00000000000186a1.wal")
	require.NoError(t, err)
	require.Equal(t, segmentName{10, 100001}, n)
	for _, bad := range []string{"", "a.wal", "a-1.wal", "000000000000000A-0000000000000001.wal", "000000000000000a-00000000000186a1.wal.broken"} {
		_, err := parseSegmentName(bad)
		require.Error(t, err, bad)
	}
	dir := cutLog(t).dir
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.wal"), nil, 0o600))
	require.True(t, Exist(dir))
	require.NoError(t, Verify(quiet, dir, walpb.Snapshot{}), "a strange name is passed over")
	require.False(t, Exist(t.TempDir()))
}
