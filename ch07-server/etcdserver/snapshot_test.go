package etcdserver

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch03-etcdraft/raft"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/fileutil"
	"insideetcd/ch05-wal-snap/snap"
	"insideetcd/ch05-wal-snap/wal"
	"insideetcd/ch06-storage/v2store"
)

// snapshots lists the snapshot files, oldest first.
func snapshots(t testing.TB, cfg ServerConfig) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cfg.SnapDir(), "*.snap"))
	require.NoError(t, err)
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	return names
}

func newest(t testing.TB, cfg ServerConfig) raftpb.Snapshot {
	t.Helper()
	sn, err := snap.New(cfg.Logger, cfg.SnapDir()).Load()
	require.NoError(t, err)
	return *sn
}

// With SnapshotCount 10 a snapshot is due when 11 entries were applied since
// the last one, and it stands for all of them.
func TestASnapshotEverySoManyEntries(t *testing.T) {
	cfg := quietConfig(t)
	cfg.SnapshotCount = 10
	m := newByHand(t, cfg)
	m.commit(m.join())
	m.commit(puts(t, 9)...)
	require.Empty(t, snapshots(t, cfg), "10 entries are not more than 10")
	m.commit(puts(t, 1)...)
	require.Equal(t, []string{snap.FileName(byHandTerm, 11)}, snapshots(t, cfg))
	require.Equal(t, []uint64{uint64(m.ID())}, newest(t, cfg).Metadata.ConfState.Voters)

	m.commit(puts(t, 10)...)
	require.Len(t, snapshots(t, cfg), 1)
	m.commit(puts(t, 1)...)
	require.Equal(t, []string{snap.FileName(byHandTerm, 11), snap.FileName(byHandTerm, 22)}, snapshots(t, cfg))
	require.NoError(t, m.Err())
}

// S1 (REGRESSIONS): once the log vouches for a snapshot, the entries before it
// will not be applied again. So the database must hold them by then.
func TestRegression_S1_TheDatabaseIsNeverBehindTheSnapshot(t *testing.T) {
	cfg := quietConfig(t)
	cfg.SnapshotCount = 10
	m := newByHand(t, cfg)
	m.commit(m.join())
	m.commit(puts(t, 9)...)
	m.commit(entryPut(t, 0, "last", "v"))
	require.Len(t, snapshots(t, cfg), 1)

	image := crashImage(t, cfg)
	crashed, err := NewServer(image)
	require.NoError(t, err)
	defer crashed.Stop()
	require.EqualValues(t, 11, crashed.AppliedIndex(), "it starts from the snapshot")
	require.Equal(t, "v", valueOf(t, crashed, "last"))
}

// treeAtWork lets a test do something at the moment a tree is encoded.
type treeAtWork struct {
	v2store.Store
	clones     *int
	beforeSave func()
}

func (tr treeAtWork) Clone() v2store.Store {
	*tr.clones++
	return treeAtWork{tr.Store.Clone(), tr.clones, tr.beforeSave}
}

func (tr treeAtWork) SaveNoCopy() ([]byte, error) {
	tr.beforeSave()
	return tr.Store.SaveNoCopy()
}

// While a snapshot is encoded, apply goes on. What it writes belongs to later
// entries, which are applied again behind this snapshot.
func TestASnapshotHoldsTheTreeOfItsOwnIndex(t *testing.T) {
	cfg := quietConfig(t)
	cfg.SnapshotCount = 1
	m := newByHand(t, cfg)
	live := m.v2store
	m.v2store = treeAtWork{live, new(int), func() {
		_, err := live.Set("/1/later", false, "v", v2store.TTLOptionSet{})
		require.NoError(t, err)
	}}
	m.commit(m.join(), m.publish())

	saved := v2store.New("/0", "/1")
	require.NoError(t, saved.Recovery(newest(t, cfg).Data))
	_, err := saved.Get("/0/members/"+m.ID().String()+"/attributes", false)
	require.NoError(t, err, "what was applied before belongs to it")
	_, err = saved.Get("/1/later", false)
	require.Error(t, err, "what was applied during the encoding does not")
}

func TestOneSnapshotAtATime(t *testing.T) {
	cfg := quietConfig(t)
	cfg.SnapshotCount = 10
	m := newByHand(t, cfg)
	clones, begun, gate := 0, make(chan struct{}, 3), make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	m.v2store = treeAtWork{m.v2store, &clones, func() { begun <- struct{}{}; <-gate }}
	m.apply(m.save(append([]raftpb.Entry{m.join()}, puts(t, 10)...)...)...)
	<-begun
	m.apply(m.save(puts(t, 11)...)...)
	require.Equal(t, 1, clones, "the first one is still being saved")
	open()
	m.wg.Wait()

	m.commit(puts(t, 1)...)
	require.Equal(t, 2, clones)
	require.Equal(t, []string{snap.FileName(byHandTerm, 11), snap.FileName(byHandTerm, 23)}, snapshots(t, cfg))
}

// A slightly late follower gets entries, not a snapshot: 5000 of them stay.
func TestTheRaftLogIsCutBehindTheSnapshot(t *testing.T) {
	cfg := quietConfig(t)
	cfg.SnapshotCount = 5099
	m := newByHand(t, cfg)
	m.commit(append([]raftpb.Entry{m.join()}, make([]raftpb.Entry, 5099)...)...)
	require.EqualValues(t, 5100, newest(t, cfg).Metadata.Index)
	first, err := m.r.raftStorage.FirstIndex()
	require.NoError(t, err)
	require.EqualValues(t, 101, first)
}

// laggingNode is a raft node that has not been told yet that anything of its
// Ready was handled.
type laggingNode struct{ raft.Node }

func (laggingNode) Status() raft.Status { return raft.Status{} }

// Apply and its snapshots run beside the raft loop, and may be done before raft
// hears that the Ready was handled. Until then raft reads these entries: before
// it campaigns, it looks for conf changes among them.
func TestTheRaftLogIsNotCutAheadOfRaft(t *testing.T) {
	cfg := quietConfig(t)
	cfg.SnapshotCount = 3
	m := newByHand(t, cfg)
	m.r.Node = laggingNode{m.r.Node}
	m.commit(append([]raftpb.Entry{m.join()}, puts(t, 3)...)...)
	require.Len(t, snapshots(t, cfg), 1)
	first, err := m.r.raftStorage.FirstIndex()
	require.NoError(t, err)
	require.EqualValues(t, 1, first)
}

// A segment of the log is full at 64 MB. The snapshot gives up the segments
// that lie behind it, and only those: the log must still be readable from the
// snapshot on. What was given up is purged, snapshots as well.
func TestOldFilesGoWhenASnapshotReplacesThem(t *testing.T) {
	cfg := quietConfig(t)
	cfg.SnapshotCount, cfg.MaxWALFiles, cfg.MaxSnapFiles = 3, 1, 1
	m := newByHand(t, cfg)
	segmentful := raftpb.Entry{Data: make([]byte, wal.DefaultSegmentBytes)}
	m.commit(m.join())
	m.save(segmentful)            // entries 1 and 2
	kept := m.save(puts(t, 2)...) // entries 3 and 4
	m.save(segmentful)            // entry 5, which ends the second segment
	m.save(puts(t, 1)...)         // entry 6 is in the third
	require.Len(t, segments(t, cfg), 3)
	m.ep.appliedi = 2 // what fills the log is not a request
	m.apply(kept...)
	m.wg.Wait()
	require.NoError(t, m.Err())
	require.EqualValues(t, 4, newest(t, cfg).Metadata.Index)

	for _, name := range []string{snap.FileName(1, 1), snap.FileName(1, 2), "0000000000000001.snap.db", "0000000000000002.snap.db"} {
		require.NoError(t, os.WriteFile(filepath.Join(cfg.SnapDir(), name), nil, fileutil.PrivateFileMode))
	}
	before := segments(t, cfg)
	m.purgeFiles()
	m.Stop() // the purge looks once before it ends
	require.Equal(t, before[1:], segments(t, cfg))
	require.Equal(t, []string{snap.FileName(byHandTerm, 4)}, snapshots(t, cfg))
	databases, err := filepath.Glob(filepath.Join(cfg.SnapDir(), "*.snap.db"))
	require.NoError(t, err)
	require.Len(t, databases, 1)
}

// The purge begins with the member, and looks at once.
func TestAMemberPurgesFromItsStart(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.UnsafeNoFsync, cfg.MaxSnapFiles = true, 1
	s, err := NewServer(cfg)
	require.NoError(t, err)
	for _, index := range []uint64{1, 2, 3} {
		require.NoError(t, os.WriteFile(filepath.Join(cfg.SnapDir(), snap.FileName(1, index)), nil, fileutil.PrivateFileMode))
	}
	s.Start()
	s.Stop()
	require.Equal(t, []string{snap.FileName(1, 3)}, snapshots(t, cfg))
}

func segments(t testing.TB, cfg ServerConfig) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cfg.WALDir(), "*.wal"))
	require.NoError(t, err)
	return files
}

// A crash between the snapshot's file and the record that vouches for it: the
// record comes second, so there is never one without a file.
func TestACrashBetweenASnapshotAndItsRecord(t *testing.T) {
	// The data directory is full, or gone: the file cannot be written.
	t.Run("the file is missing", func(t *testing.T) {
		cfg := quietConfig(t)
		cfg.SnapshotCount = 3
		m := newByHand(t, cfg)
		m.r.storage.snap = snap.New(cfg.Logger, filepath.Join(cfg.DataDir, "nowhere"))
		m.commit(append([]raftpb.Entry{m.join()}, puts(t, 3)...)...)
		require.ErrorIs(t, m.Err(), os.ErrNotExist, "a member that cannot save its state stops")
		require.ErrorContains(t, m.Err(), "snapshot 4")
		recorded, err := wal.ValidSnapshotEntries(cfg.Logger, cfg.WALDir())
		require.NoError(t, err)
		for _, r := range recorded {
			require.Zero(t, r.Index, "the log vouches for a file that does not exist")
		}
		m.Stop()
		require.Equal(t, "v", valueOf(t, started(t, cfg), "k"))
	})
	t.Run("the record is missing", func(t *testing.T) {
		cfg := quietConfig(t)
		cfg.SnapshotCount = 3
		m := newByHand(t, cfg)
		entries := m.save(append([]raftpb.Entry{m.join()}, puts(t, 3)...)...)
		require.NoError(t, m.r.storage.close()) // no record will be written any more
		m.apply(entries...)
		m.wg.Wait()
		require.ErrorIs(t, m.Err(), wal.ErrClosed)
		require.Len(t, snapshots(t, cfg), 1)
		m.Stop()
		again := newByHand(t, cfg)
		require.Zero(t, again.ep.snapi, "nobody believes in a file without a record")
		again.Stop()
		require.Equal(t, "v", valueOf(t, started(t, cfg), "k"))
	})
}

// The voters come with the snapshot: the conf change that named them is behind
// it and will never be applied again.
func TestTheVoterStaysOverSnapshotsAndRestarts(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.SnapshotCount, cfg.UnsafeNoFsync = 10, true
	var last uint64
	for round := range 4 {
		s := started(t, cfg)
		for i := range 15 {
			put(t, s, fmt.Sprint("k", i), fmt.Sprint(round))
		}
		id := uint64(s.ID())
		s.Stop()
		require.NoError(t, s.Err())
		meta := newest(t, cfg).Metadata
		require.Greater(t, meta.Index, last, "round %d made no snapshot", round)
		require.Equal(t, []uint64{id}, meta.ConfState.Voters, "round %d", round)
		last = meta.Index
	}
}
