package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/fileutil"
	"insideetcd/ch05-wal-snap/walpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatWasSavedIsReadAgain(t *testing.T) {
	w := newLog(t, DefaultSegmentBytes)
	require.NoError(t, w.Save(state(1, 9, 0), []raftpb.Entry{entry(1, 1), entry(2, 1)}))
	require.NoError(t, w.Save(raftpb.HardState{}, []raftpb.Entry{{Index: 3, Term: 1}})) // a leader's empty entry
	require.NoError(t, w.Save(state(1, 9, 3), nil))
	require.NoError(t, w.Close())

	c, err := reopen(w.dir)
	require.NoError(t, err)
	require.Equal(t, member, c.metadata)
	require.Equal(t, state(1, 9, 3), c.state)
	require.Equal(t, []raftpb.Entry{entry(1, 1), entry(2, 1), {Index: 3, Term: 1}}, c.ents)
}

func TestWritingGoesOnWhereReadingStopped(t *testing.T) {
	w := newLog(t, 4096)
	for i := uint64(1); i <= 20; i++ { // the checksum runs on through 20 lives of the log
		require.NoError(t, w.Save(state(i, 1, i-1), []raftpb.Entry{entry(i, i)}))
		require.NoError(t, w.Close())
		var err error
		w, err = open(quiet, osDisk{}, w.dir, walpb.Snapshot{}, 4096)
		require.NoError(t, err)
		c, err := readAll(w)
		require.NoError(t, err)
		require.Len(t, c.ents, int(i))
		require.Equal(t, state(i, 1, i-1), c.state)
	}
	require.NoError(t, w.Close())
}

// Raft §5.3: a new leader's entries take the place of those that conflict with them.
func TestLaterTermOverwrites(t *testing.T) {
	w := newLog(t, 4096)
	require.NoError(t, w.Save(raftpb.HardState{}, []raftpb.Entry{entry(1, 1), entry(2, 1), entry(3, 1), entry(4, 1)}))
	require.NoError(t, w.Save(raftpb.HardState{}, []raftpb.Entry{entry(2, 2)}))
	require.NoError(t, w.Save(raftpb.HardState{}, []raftpb.Entry{entry(3, 2)}))
	require.NoError(t, w.Close())
	c, err := reopen(w.dir)
	require.NoError(t, err)
	require.Equal(t, []raftpb.Entry{entry(1, 1), entry(2, 2), entry(3, 2)}, c.ents)
}

func TestCreateRefusesWhatIsThere(t *testing.T) {
	t.Run("a log", func(t *testing.T) {
		w := newLog(t, 4096)
		_, err := Create(quiet, w.dir, member)
		require.ErrorIs(t, err, os.ErrExist)
		require.ErrorContains(t, err, w.dir)
	})
	t.Run("somebody's files", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "wal")
		require.NoError(t, os.MkdirAll(dir, 0o700))
		thesis := filepath.Join(dir, "thesis.txt")
		require.NoError(t, os.WriteFile(thesis, nil, 0o600))
		_, err := Create(quiet, dir, member)
		require.ErrorContains(t, err, "in the way")
		require.FileExists(t, thesis)
	})
	t.Run("but not an empty directory", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "wal")
		require.NoError(t, os.MkdirAll(dir, 0o755))
		w, err := Create(quiet, dir, member)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	})
}

func TestOpenNamesWhatIsMissing(t *testing.T) {
	_, err := Open(quiet, t.TempDir(), walpb.Snapshot{})
	require.ErrorIs(t, err, ErrFileNotFound)
	_, err = Open(quiet, filepath.Join(t.TempDir(), "none"), walpb.Snapshot{})
	require.ErrorIs(t, err, os.ErrNotExist)

	w := cutLog(t)
	require.NoError(t, w.Close())
	names, err := listSegments(w.lg, w.dir)
	require.NoError(t, err)
	require.NoError(t, os.Remove(w.path(names[2])))
	_, err = Open(quiet, w.dir, walpb.Snapshot{})
	require.ErrorIs(t, err, ErrFileNotFound)
	require.ErrorContains(t, err, fmt.Sprintf("%s is followed by %s", names[1], names[3]))
	require.NoError(t, os.Remove(w.path(names[0])))
	_, err = Open(quiet, w.dir, walpb.Snapshot{})
	require.ErrorContains(t, err, "index 0 is wanted")
}

func TestReadingComesOnceAndBeforeWriting(t *testing.T) {
	w := newLog(t, 4096)
	_, _, _, err := w.ReadAll()
	require.ErrorIs(t, err, ErrNotReadable, "just created")
	require.NoError(t, w.Close())
	require.ErrorIs(t, w.Save(state(1, 1, 1), nil), ErrClosed)
	require.NoError(t, w.Close(), "closing twice")

	w, err = Open(quiet, w.dir, walpb.Snapshot{})
	require.NoError(t, err)
	defer w.Close()
	require.ErrorIs(t, w.Save(state(1, 1, 1), nil), ErrNotWritable)
	_, _, _, err = w.ReadAll()
	require.NoError(t, err)
	require.NoError(t, w.Save(state(1, 1, 1), nil))
	_, _, _, err = w.ReadAll()
	require.ErrorIs(t, err, ErrNotReadable, "read already")
}

func TestReaderNeedsNoLockAndCannotWrite(t *testing.T) {
	w := newLog(t, 4096)
	require.NoError(t, w.Save(state(1, 1, 0), []raftpb.Entry{entry(1, 1)}))
	r, err := OpenForRead(quiet, w.dir, walpb.Snapshot{})
	require.NoError(t, err)
	defer r.Close()
	c, err := readAll(r)
	require.NoError(t, err)
	require.Equal(t, []uint64{1}, indexes(c.ents))
	require.ErrorIs(t, r.Save(state(2, 2, 2), nil), ErrNotWritable)

	// A record that its writer has not finished is the end for a reader.
	path := lastSegment(t, w.dir)
	last := locate(t, w.dir)[4]
	require.NoError(t, w.Close())
	require.NoError(t, os.Truncate(path, last.Offset+10))
	r, err = OpenForRead(quiet, w.dir, walpb.Snapshot{})
	require.NoError(t, err)
	defer r.Close()
	c, err = readAll(r)
	require.NoError(t, err)
	require.Equal(t, []uint64{1}, indexes(c.ents))
	require.Equal(t, raftpb.HardState{}, c.state)
}

func TestOneProcessAtATime(t *testing.T) {
	w := newLog(t, 4096)
	_, err := Open(quiet, w.dir, walpb.Snapshot{})
	require.ErrorIs(t, err, fileutil.ErrLocked)
	require.ErrorContains(t, err, lastSegment(t, w.dir))
	_, err = Repair(quiet, w.dir)
	require.ErrorIs(t, err, fileutil.ErrLocked)
}

func TestReadingStartsAtASnapshotThatTheLogNames(t *testing.T) {
	w := newLog(t, 4096)
	require.NoError(t, w.Save(state(2, 1, 3), []raftpb.Entry{entry(1, 1), entry(2, 1), entry(3, 2)}))
	require.NoError(t, w.SaveSnapshot(walpb.Snapshot{Index: 2, Term: 1}))
	require.NoError(t, w.Save(state(2, 1, 4), []raftpb.Entry{entry(4, 2)}))
	require.NoError(t, w.SaveSnapshot(walpb.Snapshot{Index: 9, Term: 2})) // its HardState was never written
	require.NoError(t, w.Close())

	for _, row := range []struct {
		snap walpb.Snapshot
		ents []uint64
		err  error
	}{
		{walpb.Snapshot{}, []uint64{1, 2, 3, 4}, nil},
		{walpb.Snapshot{Index: 2, Term: 1}, []uint64{3, 4}, nil},
		{walpb.Snapshot{Index: 2, Term: 7}, nil, ErrSnapshotMismatch},
		{walpb.Snapshot{Index: 3, Term: 2}, nil, ErrSnapshotNotFound},
	} {
		require.ErrorIs(t, Verify(quiet, w.dir, row.snap), row.err)
		r, err := Open(quiet, w.dir, row.snap)
		require.NoError(t, err)
		c, err := readAll(r)
		require.ErrorIs(t, err, row.err)
		require.Equal(t, row.ents, indexes(c.ents))
		require.NoError(t, r.Close())
	}
	snaps, err := ValidSnapshotEntries(quiet, w.dir)
	require.NoError(t, err)
	require.Equal(t, []walpb.Snapshot{{}, {Index: 2, Term: 1}}, snaps, "index 9 is beyond the commit index 4")
}

func TestMissingEntryIsRefused(t *testing.T) {
	w := newLog(t, 4096)
	require.NoError(t, w.Save(raftpb.HardState{}, []raftpb.Entry{entry(1, 1), entry(3, 1)}))
	require.NoError(t, w.Close())
	_, err := reopen(w.dir)
	require.ErrorIs(t, err, ErrSliceOutOfRange)
	require.ErrorContains(t, err, "entry 3 follows entry 1")
	require.ErrorContains(t, err, lastSegment(t, w.dir))
	require.ErrorIs(t, Verify(quiet, w.dir, walpb.Snapshot{}), ErrSliceOutOfRange)
}

func TestSegmentOfAnotherMemberIsRefused(t *testing.T) {
	w := newLog(t, 4096)
	w.metadata = []byte("member 2 of cluster 7")
	require.NoError(t, w.Save(state(1, 1, 0), []raftpb.Entry{bigEntry(1, 1, 4096)})) // cuts
	require.NoError(t, w.Close())
	_, err := reopen(w.dir)
	require.ErrorIs(t, err, ErrMetadataConflict)
}

// book §5.1.4: what has to be on disk BEFORE the Ready's messages are sent, and what has not.
func TestOneSyncServesEverythingOfOneSave(t *testing.T) {
	disk := steadyDisk()
	w, err := create(quiet, disk, filepath.Join(t.TempDir(), "wal"), member, DefaultSegmentBytes)
	require.NoError(t, err)
	defer w.Close()
	hundred := make([]raftpb.Entry, 100)
	for i := range hundred {
		hundred[i] = entry(uint64(i+1), 1)
	}
	for _, row := range []struct {
		st     raftpb.HardState
		ents   []raftpb.Entry
		writes int
		syncs  int
		why    string
	}{
		{state(1, 1, 0), hundred, 1, 1, "a hundred entries and a state"},
		{state(1, 1, 100), nil, 0, 0, "only Commit moved"},
		{raftpb.HardState{}, nil, 0, 0, "nothing"},
		{state(2, 1, 100), nil, 1, 1, "a new term"},
		{state(2, 3, 100), nil, 1, 1, "a vote"},
		{raftpb.HardState{}, []raftpb.Entry{entry(101, 2)}, 1, 1, "an entry"},
		{state(2, 3, 101), []raftpb.Entry{bigEntry(102, 2, 300_000)}, 2, 1, "a large entry: full pages first, then the rest"},
	} {
		writes, syncs := disk.count("write"), disk.count("datasync")
		require.NoError(t, w.Save(row.st, row.ents))
		require.Equal(t, row.writes, disk.count("write")-writes, row.why)
		require.Equal(t, row.syncs, disk.count("datasync")-syncs, row.why)
	}
	syncs := disk.count("datasync")
	require.NoError(t, w.SaveSnapshot(walpb.Snapshot{Index: 5, Term: 1}))
	require.Equal(t, syncs+1, disk.count("datasync"))
	w.SetUnsafeNoFsync()
	require.NoError(t, w.Save(state(3, 3, 102), []raftpb.Entry{entry(103, 3)}))
	require.Equal(t, syncs+1, disk.count("datasync"))
}

// E2: what is written unasked ends at a page.
func TestLargeBatchesAreWrittenInPages(t *testing.T) {
	disk := steadyDisk()
	w, err := create(quiet, disk, filepath.Join(t.TempDir(), "wal"), member, DefaultSegmentBytes)
	require.NoError(t, err)
	defer w.Close()
	w.SetUnsafeNoFsync()
	file := w.tail().segmentFile.(*testFile)
	var ents []raftpb.Entry
	for i := uint64(1); i <= 500; i++ {
		ents = append(ents, bigEntry(i, 1, 1001))
	}
	require.NoError(t, w.Save(raftpb.HardState{}, ents))
	require.Greater(t, len(file.pending), 3)
	for _, p := range file.pending[:len(file.pending)-1] {
		require.Zero(t, (p.offset+int64(len(p.data)))%pageBytes)
	}
	require.LessOrEqual(t, cap(w.encoder.buf), keepBytes)
}

// W2.
func TestAfterAFailedSyncNothingIsSavedAnyMore(t *testing.T) {
	for _, call := range []string{"datasync", "write"} {
		t.Run(call, func(t *testing.T) {
			disk := steadyDisk()
			w, err := create(quiet, disk, filepath.Join(t.TempDir(), "wal"), member, 4096)
			require.NoError(t, err)
			require.NoError(t, w.Save(state(1, 1, 0), []raftpb.Entry{entry(1, 1)}))

			broken := errors.New("the disk is gone")
			disk.fail = map[string]error{call: broken}
			err = w.Save(state(1, 1, 1), []raftpb.Entry{entry(2, 1)})
			require.ErrorIs(t, err, broken)
			require.ErrorContains(t, err, lastSegment(t, w.dir))

			disk.fail = nil // the kernel says that all is well again
			require.ErrorIs(t, w.Save(state(1, 1, 2), []raftpb.Entry{entry(3, 1)}), broken)
			require.ErrorIs(t, w.SaveSnapshot(walpb.Snapshot{Index: 1, Term: 1}), broken)
			require.ErrorIs(t, w.Sync(), broken)
			require.NoError(t, w.Close())
		})
	}
}

func TestDamageReadsAsAStory(t *testing.T) {
	e := &DamageError{File: "wal/0.wal", Offset: 4711, Torn: true, Reason: fmt.Errorf("%w: it", ErrCRCMismatch)}
	require.EqualError(t, e, "wal: torn write at the end of the log: wal/0.wal, byte 4711: wal: crc mismatch: it")
	require.ErrorIs(t, e, ErrTorn)
	require.ErrorIs(t, e, ErrCRCMismatch)
	e.Torn = false
	require.NotErrorIs(t, e, ErrTorn)
	require.ErrorContains(t, e, "wal/0.wal is damaged at byte 4711")
}
