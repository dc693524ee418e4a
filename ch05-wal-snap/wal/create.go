package wal

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/fileutil"
	"insideetcd/ch05-wal-snap/walpb"
)

// Create makes a new log in dir (book §5.1.1) and opens it for appending. metadata says whose
// log it is and comes back from ReadAll. If dir holds a log already the error is os.ErrExist.
//
// The log appears whole or not at all: it is built in dir.tmp, and only a directory that is
// complete and synced is renamed. What a crash leaves is dir.tmp, which the next Create
// throws away.
func Create(lg *slog.Logger, dir string, metadata []byte) (*WAL, error) {
	return create(lg, osDisk{}, dir, metadata, DefaultSegmentBytes)
}

func create(lg *slog.Logger, disk disk, dir string, metadata []byte, segmentBytes int64) (*WAL, error) {
	if lg == nil {
		lg = slog.Default()
	}
	dir = filepath.Clean(dir)
	if Exist(dir) {
		return nil, fmt.Errorf("wal: create %s: %w", dir, os.ErrExist)
	}
	w := &WAL{lg: lg, disk: disk, dir: dir, segmentBytes: segmentBytes, metadata: metadata}
	first, err := w.buildFirst(dir + ".tmp")
	if err != nil {
		return nil, fmt.Errorf("wal: create %s: %w", dir, err)
	}
	if err := w.moveIn(dir + ".tmp"); err != nil {
		return nil, fmt.Errorf("wal: create %s: %w", dir, err)
	}
	if err := w.openFirst(first); err != nil {
		broken := dir + ".broken." + time.Now().Format("20060102.150405.000000")
		lg.Error("a new log could not be opened, so it is set aside", "dir", dir, "as", broken, "error", err)
		w.closeFiles()
		os.Rename(dir, broken)
		return nil, fmt.Errorf("wal: create %s: %w", dir, err)
	}
	return w, nil
}

// buildFirst writes the first segment of the log into tmp and returns the encoder as it
// stands behind the last record.
func (w *WAL) buildFirst(tmp string) (*encoder, error) {
	if err := os.RemoveAll(tmp); err != nil {
		return nil, err
	}
	if err := fileutil.TouchDirAll(tmp); err != nil {
		return nil, err
	}
	f, err := w.disk.create(filepath.Join(tmp, segmentName{}.String()), w.segmentBytes)
	if err != nil {
		return nil, err
	}
	enc := newEncoder(f, 0, 0)
	err = w.writeHead(enc, raftpb.HardState{})
	if err == nil {
		err = enc.data(SnapshotType, walpb.Snapshot{})
	}
	if err == nil {
		err = enc.flush()
	}
	if err == nil {
		err = f.sync()
	}
	// Closed before the rename: Windows renames no directory that holds an open file.
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = w.disk.syncDir(tmp)
	}
	return enc, err
}

// writeHead writes what every segment begins with.
func (w *WAL) writeHead(enc *encoder, st raftpb.HardState) error {
	enc.bare(CrcType)
	if err := enc.data(MetadataType, bytesMessage(w.metadata)); err != nil {
		return err
	}
	if st == (raftpb.HardState{}) {
		return nil
	}
	return enc.state(st)
}

// moveIn gives the finished directory its name, and syncs the parent, which holds the name.
func (w *WAL) moveIn(tmp string) error {
	// An empty directory may stand in the way, made beforehand for --wal-dir. One that is not
	// empty holds something that is not ours to delete.
	if err := os.Remove(w.dir); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("the directory is in the way: %w", err)
	}
	if err := w.disk.rename(tmp, w.dir); err != nil {
		return err
	}
	return w.disk.syncDir(filepath.Dir(w.dir))
}

func (w *WAL) openFirst(built *encoder) error {
	f, err := w.disk.open(w.path(segmentName{}))
	if err != nil {
		return err
	}
	w.locks = []lockedSegment{{segmentFile: f}}
	w.encoder = newEncoder(f, built.offset, built.crc)
	w.fp = newFilePipeline(w.lg, w.disk, w.dir, w.segmentBytes)
	return nil
}
