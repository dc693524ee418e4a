package wal

import (
	"io"
	"os"

	"insideetcd/ch05-wal-snap/fileutil"
)

// disk is all that writing a log asks of the operating system. The tests hand in one that
// stops after the n-th call, as a power cut does.
type disk interface {
	create(path string, size int64) (segmentFile, error) // locked, empty, size bytes of zeros
	open(path string) (segmentFile, error)               // locked
	rename(from, to string) error
	syncDir(dir string) error
}

// segmentFile is an open segment, locked until it is closed.
type segmentFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	size() (int64, error)
	preallocate(size int64) error
	truncate(size int64) error
	sync() error     // content, length and all
	datasync() error // content
}

type osDisk struct{}

func (osDisk) create(path string, size int64) (segmentFile, error) {
	f, err := fileutil.TryLockFile(path, os.O_RDWR|os.O_CREATE, fileutil.PrivateFileMode)
	if err != nil {
		return nil, err
	}
	// A leftover of the same name is emptied only now that it is known to be nobody's.
	if err := f.Truncate(0); err != nil {
		f.Close()
		return nil, err
	}
	if err := fileutil.Preallocate(f.File, size, true); err != nil {
		f.Close()
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) open(path string) (segmentFile, error) {
	f, err := fileutil.TryLockFile(path, os.O_RDWR, fileutil.PrivateFileMode)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) syncDir(dir string) error     { return fileutil.SyncDir(dir) }

type osFile struct{ *fileutil.LockedFile }

func (f osFile) size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) preallocate(size int64) error { return fileutil.Preallocate(f.File, size, true) }
func (f osFile) truncate(size int64) error    { return f.Truncate(size) }
func (f osFile) sync() error                  { return fileutil.Fsync(f.File) }
func (f osFile) datasync() error              { return fileutil.Fdatasync(f.File) }
