package snap

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/fileutil"
	"insideetcd/ch05-wal-snap/walpb"
)

// ErrNoSnapshot: the directory holds no snapshot that can be used. A member then starts from
// the beginning of its log.
var ErrNoSnapshot = errors.New("snap: no available snapshot")

const (
	snapSuffix   = ".snap"
	brokenSuffix = ".broken"

	// TempPrefix begins the name of a file that is still being written. Whatever carries it at
	// start is a leftover of a crash; nothing reads it.
	TempPrefix = "tmp"
)

// Snapshotter saves and loads the snapshot files of one directory.
//
// Invariants
//
//	S1  A name that ends in .snap belongs to a file that was written and synced whole.
//	S2  What Load returns has passed its checksum. A file that has not is renamed, once, so
//	    that nobody trips over it again, and is kept for whoever wants to look.
type Snapshotter struct {
	lg  *slog.Logger
	dir string
}

// New uses the snapshot files in dir, which must exist by the first SaveSnap.
func New(lg *slog.Logger, dir string) *Snapshotter {
	if lg == nil {
		lg = slog.Default()
	}
	return &Snapshotter{lg: lg, dir: dir}
}

// FileName is the name under which the snapshot of an entry is saved.
func FileName(term, index uint64) string {
	return fmt.Sprintf("%016x-%016x%s", term, index, snapSuffix)
}

// SaveSnap writes a snapshot file; when it returns nil the file survives a power cut. An
// empty snapshot (index 0) is nothing to save. wal.SaveSnapshot MUST come AFTER it.
func (s *Snapshotter) SaveSnap(snapshot raftpb.Snapshot) error {
	if snapshot.Metadata.Index == 0 {
		return nil
	}
	name := FileName(snapshot.Metadata.Term, snapshot.Metadata.Index)
	err := timed(saveSeconds, func() error {
		var b []byte
		timed(marshalSeconds, func() error { b = encode(snapshot); return nil })
		return s.write(name, b)
	})
	if err != nil {
		return fmt.Errorf("snap: save %s: %w", filepath.Join(s.dir, name), err)
	}
	return nil
}

// write makes the file appear whole or not at all.
func (s *Snapshotter) write(name string, b []byte) error {
	tmp := filepath.Join(s.dir, TempPrefix+"."+name+".part")
	err := writeSynced(tmp, b)
	if err == nil {
		err = os.Rename(tmp, filepath.Join(s.dir, name))
	}
	if err != nil {
		os.Remove(tmp)
		return err
	}
	return fileutil.SyncDir(s.dir)
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = timed(fsyncSeconds, func() error { return fileutil.Fsync(f) })
	}
	return errors.Join(err, f.Close())
}

// Load returns the newest snapshot that can be read, or ErrNoSnapshot.
func (s *Snapshotter) Load() (*raftpb.Snapshot, error) {
	return s.newest(func(raftpb.SnapshotMetadata) bool { return true })
}

// LoadNewestAvailable returns the newest snapshot that can be read and that the log names,
// or ErrNoSnapshot. walSnaps are the log's ValidSnapshotEntries.
func (s *Snapshotter) LoadNewestAvailable(walSnaps []walpb.Snapshot) (*raftpb.Snapshot, error) {
	return s.newest(func(m raftpb.SnapshotMetadata) bool {
		return slices.ContainsFunc(walSnaps, func(w walpb.Snapshot) bool { return w.Index == m.Index && w.Term == m.Term })
	})
}

func (s *Snapshotter) newest(wanted func(raftpb.SnapshotMetadata) bool) (*raftpb.Snapshot, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Backward(names) {
		snapshot, err := s.read(name)
		if err != nil {
			return nil, err
		}
		if snapshot != nil && wanted(snapshot.Metadata) {
			return snapshot, nil
		}
	}
	return nil, ErrNoSnapshot
}

// names lists the snapshot files from old to new.
func (s *Snapshotter) names() ([]string, error) {
	entries, err := os.ReadDir(s.dir) // sorted by name
	if err != nil {
		return nil, fmt.Errorf("snap: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), snapSuffix) && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// read returns nil for a broken file, which is renamed. An error of the disk is not the
// file's fault and renames nothing.
func (s *Snapshotter) read(name string) (*raftpb.Snapshot, error) {
	path := filepath.Join(s.dir, name)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("snap: %w", err)
	}
	snapshot, reason := decode(b)
	if reason == nil {
		return snapshot, nil
	}
	s.lg.Warn("a snapshot file cannot be read and is set aside", "path", path, "reason", reason, "as", path+brokenSuffix)
	if err := os.Rename(path, path+brokenSuffix); err != nil {
		return nil, fmt.Errorf("snap: set a broken file aside: %w", err)
	}
	return nil, nil
}

// Read returns the snapshot in one file and changes nothing.
func Read(path string) (*raftpb.Snapshot, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("snap: %w", err)
	}
	snapshot, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, path)
	}
	return snapshot, nil
}
