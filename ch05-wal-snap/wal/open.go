package wal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"insideetcd/ch05-wal-snap/walpb"
)

// Open opens the log in dir to be read from snap on and then appended to (book §5.1.2).
// snap is a snapshot that the log names; the zero one is the beginning. The segments are
// locked; if another process has them the error wraps fileutil.ErrLocked and names the file.
// ReadAll MUST come BEFORE Save.
func Open(lg *slog.Logger, dir string, snap walpb.Snapshot) (*WAL, error) {
	return open(lg, osDisk{}, dir, snap, DefaultSegmentBytes)
}

func open(lg *slog.Logger, disk disk, dir string, snap walpb.Snapshot, segmentBytes int64) (*WAL, error) {
	if lg == nil {
		lg = slog.Default()
	}
	w := &WAL{lg: lg, disk: disk, dir: filepath.Clean(dir), start: snap, segmentBytes: segmentBytes}
	names, err := w.needed()
	if err != nil {
		return nil, err
	}
	var sources []source
	for _, n := range names {
		f, err := disk.open(w.path(n))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("wal: open: %w", err), w.closeFiles())
		}
		w.locks = append(w.locks, lockedSegment{name: n, segmentFile: f})
		size, err := f.size()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("wal: open: %w", err), w.closeFiles())
		}
		sources = append(sources, source{ReaderAt: f, path: w.path(n), size: size})
	}
	w.decoder = newDecoder(sources...)
	return w, nil
}

// OpenForRead opens the log in dir to be read from snap on, without locks: another process
// may be writing it. A half-written last record is then no error, only the end.
func OpenForRead(lg *slog.Logger, dir string, snap walpb.Snapshot) (*WAL, error) {
	if lg == nil {
		lg = slog.Default()
	}
	w := &WAL{lg: lg, dir: filepath.Clean(dir), start: snap}
	names, err := w.needed()
	if err != nil {
		return nil, err
	}
	sources, closers, err := openSources(w.dir, names)
	if err != nil {
		return nil, err
	}
	w.closers = closers
	w.decoder = newDecoder(sources...)
	return w, nil
}

func (w *WAL) needed() ([]segmentName, error) {
	names, err := listSegments(w.lg, w.dir)
	if err != nil {
		return nil, err
	}
	return segmentsFrom(w.dir, names, w.start.Index)
}

// openSources opens segments for reading only.
func openSources(dir string, names []segmentName) (sources []source, closers []func() error, err error) {
	for _, n := range names {
		path := filepath.Join(dir, n.String())
		var info os.FileInfo
		f, err := os.Open(path)
		if err == nil {
			closers = append(closers, f.Close)
			info, err = f.Stat()
		}
		if err != nil {
			for _, c := range closers {
				c()
			}
			return nil, nil, fmt.Errorf("wal: open: %w", err)
		}
		sources = append(sources, source{ReaderAt: f, path: path, size: info.Size()})
	}
	return sources, closers, nil
}
