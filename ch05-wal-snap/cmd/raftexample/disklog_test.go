package main

import (
	"log/slog"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch03-etcdraft/raftexample"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/wal"
	"insideetcd/ch05-wal-snap/walpb"
)

// disk is a directory on which a process lives after the other; each is killed.
type disk struct {
	*testing.T
	dir string
	log *diskLog
}

var quiet = slog.New(slog.DiscardHandler)

func newDisk(t *testing.T) *disk {
	d := &disk{T: t, dir: t.TempDir()}
	t.Cleanup(func() { d.log.Close() })
	require.Empty(t, d.restart())
	return d
}

// restart kills the process and starts another, which loads the log.
func (d *disk) restart() raftexample.Saved {
	d.Helper()
	saved, err := d.load()
	require.NoError(d, err)
	return saved
}

func (d *disk) load() (saved raftexample.Saved, err error) {
	if d.log != nil {
		d.log.Close()
	}
	d.log, err = openLog(quiet, d.dir, 1)
	require.NoError(d, err)
	return d.log.Load()
}

func (d *disk) save(term, commit uint64, indexes ...uint64) {
	var entries []raftpb.Entry
	for _, i := range indexes {
		entries = append(entries, raftpb.Entry{Term: term, Index: i, Data: []byte("some data")})
	}
	require.NoError(d, d.log.Save(raftpb.HardState{Term: term, Commit: commit}, entries))
}

func (d *disk) saveSnapshot(term, index uint64) {
	s := raftpb.Snapshot{Data: []byte("pairs"), Metadata: raftpb.SnapshotMetadata{Index: index, Term: term}}
	s.Metadata.ConfState.Voters = []uint64{1, 2, 3}
	require.NoError(d, d.log.SaveSnapshot(s))
}

func TestSavedIsLoaded(t *testing.T) {
	d := newDisk(t)
	d.save(2, 2, 1, 2, 3)
	saved := d.restart()
	require.Equal(t, raftpb.HardState{Term: 2, Commit: 2}, saved.HardState)
	require.Len(t, saved.Entries, 3)
	d.save(3, 3, 3, 4)
	saved = d.restart()
	require.EqualValues(t, 3, saved.Entries[2].Term, "the later entry 3 counts")
	require.Len(t, saved.Entries, 4)
}

// S13: a member is killed between the file of a snapshot, its record and the HardState that
// covers it. Until the last it lives on what it had.
func TestRegression_S13_ASnapshotCountsOnceACommitIndexCoversIt(t *testing.T) {
	d := newDisk(t)
	d.save(2, 2, 1, 2, 3)

	received := raftpb.Snapshot{Data: []byte("pairs"), Metadata: raftpb.SnapshotMetadata{Index: 100, Term: 5}}
	require.NoError(t, d.log.snapshotter.SaveSnap(received))
	require.Zero(t, d.restart().Snapshot.Metadata.Index, "S13: the log does not name the file yet")
	d.saveSnapshot(5, 100)
	require.EqualValues(t, 100, d.log.unreleased, "S13: older segments stay until the commit index covers the snapshot")
	saved := d.restart()
	require.Zero(t, saved.Snapshot.Metadata.Index, "S13: the commit index does not cover the snapshot yet")
	require.Len(t, saved.Entries, 3, "S13: so the entries must still be there")

	d.saveSnapshot(5, 100)
	d.save(5, 100)
	require.Zero(t, d.log.unreleased)
	saved = d.restart()
	require.EqualValues(t, 100, saved.Snapshot.Metadata.Index, "S13: now it counts")
	require.Equal(t, "pairs", string(saved.Snapshot.Data))
	require.Empty(t, saved.Entries)
	d.save(5, 101, 101)
	require.Len(t, d.restart().Entries, 1)
}

// lastRecord is where the last record of the log stands.
func (d *disk) lastRecord() (last wal.Location) {
	require.NoError(d, wal.Scan(quiet, d.log.walDir(), func(l wal.Location, _ walpb.Record) error {
		last = l
		return nil
	}))
	return last
}

func TestATornTailIsRepaired(t *testing.T) {
	d := newDisk(t)
	d.save(2, 1, 1)
	d.save(2, 1, 2) // the entry is the last record, for the HardState is as it was
	d.log.Close()
	last := d.lastRecord()
	require.NoError(t, os.Truncate(last.File, last.Offset+12))
	saved := d.restart()
	require.EqualValues(t, 1, saved.HardState.Commit, "D2: nothing acknowledged was in the torn record")
	d.save(2, 2, 2)
	require.Len(t, d.restart().Entries, 2, "D2: the repaired log goes on")
}

// A log that was cut off where a record ends looks whole; the commit index knows better.
func TestALostTailIsRefused(t *testing.T) {
	d := newDisk(t)
	d.save(2, 1, 1)
	d.save(2, 9)
	d.log.Close()
	d.log, _ = openLog(quiet, d.dir, 1)
	_, err := raftexample.Start(raftexample.Config{
		ID: 1, Peers: map[uint64]string{1: "http://127.0.0.1:1"}, Log: d.log,
		Transport: raftexample.NewHTTPTransport(quiet, nil), Logger: quiet,
	})
	require.ErrorIs(t, err, raftexample.ErrLost)
}

// The HardState comes in a later Save than the snapshot's record: what lies between must not
// let go of anything.
func TestSegmentsStayUntilACommitIndexCoversTheSnapshot(t *testing.T) {
	d := newDisk(t)
	d.save(2, 2, 1, 2, 3)
	d.saveSnapshot(5, 100)
	d.save(5, 3)
	require.EqualValues(t, 100, d.log.unreleased, "D1: a commit index of 3 does not cover a snapshot at 100")
	d.save(5, 100)
	require.Zero(t, d.log.unreleased, "D1: now it does")
}

// The last record is torn, and before it synced entries are missing.
func TestATornTailThatHidesALossIsRefused(t *testing.T) {
	d := newDisk(t)
	d.save(2, 1, 1)
	d.save(2, 9) // a commit index that proves: there were 9 entries once
	d.save(2, 9, 2)
	d.log.Close()
	last := d.lastRecord()
	require.NoError(t, os.Truncate(last.File, last.Offset+12))
	_, err := d.load()
	require.ErrorIs(t, err, wal.ErrLostEntries, "D2: the log ends at 1 and 9 were committed")
}
