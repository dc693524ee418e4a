package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"insideetcd/ch03-etcdraft/raft"
	"insideetcd/ch03-etcdraft/raftexample"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/fileutil"
	"insideetcd/ch05-wal-snap/snap"
	"insideetcd/ch05-wal-snap/wal"
	"insideetcd/ch05-wal-snap/walpb"
)

// diskLog is a raftexample.Log of the two things of this chapter: dir/wal and dir/snap.
//
// Invariants
//
//	D1. A snapshot's file is on disk BEFORE the log names it, and the log's older segments
//	    go only AFTER a synced HardState.Commit covers it. At each moment between, a
//	    restart finds either the new snapshot or all that it stands for.
//	D2. A torn tail is repaired only if what is left is complete.
type diskLog struct {
	lg          *slog.Logger
	dir         string
	metadata    string // whose log it is
	wal         *wal.WAL
	snapshotter *snap.Snapshotter

	commit     uint64 // the last HardState.Commit that was saved
	unreleased uint64 // index of a snapshot that the log names and that may not count yet
}

const keepFiles = 5 // segments, and snapshots, that stay although newer ones would do

var _ raftexample.Log = (*diskLog)(nil)

// openLog makes the directory of a member ready. Load opens the log in it.
func openLog(lg *slog.Logger, dir string, id uint64) (*diskLog, error) {
	l := &diskLog{lg: lg, dir: dir, metadata: fmt.Sprintf("raftexample member %d", id)}
	if err := fileutil.TouchDirAll(l.snapDir()); err != nil {
		return nil, fmt.Errorf("cannot use the directory %s (choose another with -dir): %w", dir, err)
	}
	l.snapshotter = snap.New(lg, l.snapDir())
	return l, nil
}

func (l *diskLog) walDir() string  { return filepath.Join(l.dir, "wal") }
func (l *diskLog) snapDir() string { return filepath.Join(l.dir, "snap") }

// Load reads the newest snapshot that counts and the log behind it, or begins a log.
func (l *diskLog) Load() (raftexample.Saved, error) {
	if !wal.Exist(l.walDir()) {
		w, err := wal.Create(l.lg, l.walDir(), []byte(l.metadata))
		l.wal = w
		return raftexample.Saved{}, err
	}
	snapshot, err := l.loadSnapshot()
	if err != nil {
		return raftexample.Saved{}, err
	}
	saved, err := l.read(snapshot, wal.Open)
	if errors.Is(err, wal.ErrTorn) {
		saved, err = l.repair(snapshot)
	}
	if errors.Is(err, fileutil.ErrLocked) {
		err = fmt.Errorf("another process uses %s; stop it, or choose another directory with -dir: %w", l.dir, err)
	}
	l.commit = saved.HardState.Commit
	return saved, err
}

func (l *diskLog) loadSnapshot() (raftpb.Snapshot, error) {
	named, err := wal.ValidSnapshotEntries(l.lg, l.walDir())
	if err != nil {
		return raftpb.Snapshot{}, err
	}
	snapshot, err := l.snapshotter.LoadNewestAvailable(named)
	if errors.Is(err, snap.ErrNoSnapshot) {
		return raftpb.Snapshot{}, nil
	}
	if err != nil {
		return raftpb.Snapshot{}, err
	}
	return *snapshot, nil
}

type opener func(*slog.Logger, string, walpb.Snapshot) (*wal.WAL, error)

// read opens the log behind snapshot, and leaves it open if all went well.
func (l *diskLog) read(snapshot raftpb.Snapshot, open opener) (raftexample.Saved, error) {
	w, err := open(l.lg, l.walDir(), walpb.Snapshot{Index: snapshot.Metadata.Index, Term: snapshot.Metadata.Term})
	if err != nil {
		return raftexample.Saved{}, err
	}
	metadata, state, entries, err := w.ReadAll()
	if err == nil && string(metadata) != l.metadata {
		err = fmt.Errorf("%s is the log of %q, and this is %q; name the right directory with -dir, or the right member with -id", l.dir, metadata, l.metadata)
	}
	if err != nil {
		return raftexample.Saved{}, errors.Join(err, w.Close())
	}
	l.wal = w
	return raftexample.Saved{Snapshot: snapshot, HardState: state, Entries: entries}, nil
}

// repair cuts off a record that a crash left half written (D2).
func (l *diskLog) repair(snapshot raftpb.Snapshot) (raftexample.Saved, error) {
	rest, err := l.read(snapshot, wal.OpenForRead)
	if err != nil {
		return raftexample.Saved{}, err
	}
	err = l.wal.Close()
	l.wal = nil
	if err != nil {
		return raftexample.Saved{}, err
	}
	last := snapshot.Metadata.Index + uint64(len(rest.Entries))
	if err := wal.CheckComplete(last, rest.HardState.Commit, 0); err != nil {
		return raftexample.Saved{}, err
	}
	if _, err := wal.Repair(l.lg, l.walDir()); err != nil {
		return raftexample.Saved{}, err
	}
	return l.read(snapshot, wal.Open)
}

// SaveSnapshot writes the file, then names it in the log (D1).
func (l *diskLog) SaveSnapshot(snapshot raftpb.Snapshot) error {
	if err := l.snapshotter.SaveSnap(snapshot); err != nil {
		return err
	}
	at := snapshot.Metadata
	if err := l.wal.SaveSnapshot(walpb.Snapshot{Index: at.Index, Term: at.Term}); err != nil {
		return err
	}
	l.unreleased = at.Index
	return nil
}

// Save appends to the log; one fsync for all of it, unless only the commit index moves.
func (l *diskLog) Save(st raftpb.HardState, entries []raftpb.Entry) error {
	if err := l.wal.Save(st, entries); err != nil {
		return err
	}
	if !raft.IsEmptyHardState(st) {
		l.commit = st.Commit
	}
	if l.unreleased == 0 || l.commit < l.unreleased {
		return nil
	}
	return l.release()
}

// release lets go of what the snapshot stands for.
func (l *diskLog) release() error {
	if err := l.wal.Sync(); err != nil { // a commit index alone is not synced by Save
		return err
	}
	if err := l.wal.ReleaseLockTo(l.unreleased); err != nil {
		return err
	}
	l.unreleased = 0
	for dir, suffix := range map[string]string{l.walDir(): ".wal", l.snapDir(): ".snap"} {
		if _, err := fileutil.PurgeOnce(dir, suffix, keepFiles); err != nil {
			l.lg.Warn("old files stay", "dir", dir, "error", err) // that is no reason to stop serving
		}
	}
	return nil
}

// Close lets another process have the log.
func (l *diskLog) Close() error {
	if l.wal == nil {
		return nil
	}
	return l.wal.Close()
}
