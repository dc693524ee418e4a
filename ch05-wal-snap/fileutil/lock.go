package fileutil

import (
	"errors"
	"fmt"
	"os"
)

// ErrLocked means that somebody else (or another handle of this process) holds the lock.
// Errors that wrap it name the file.
var ErrLocked = errors.New("file is locked by another process")

// LockedFile is an open file whose lock is held. Close gives the lock back.
type LockedFile struct {
	*os.File
}

// TryLockFile opens a file and takes its exclusive lock, or returns an error that wraps
// ErrLocked and names the file. It never waits.
func TryLockFile(path string, flag int, perm os.FileMode) (*LockedFile, error) {
	return openLocked(path, flag, perm, false)
}

// LockFile opens a file and waits until it has the exclusive lock.
func LockFile(path string, flag int, perm os.FileMode) (*LockedFile, error) {
	return openLocked(path, flag, perm, true)
}

func openLocked(path string, flag int, perm os.FileMode, wait bool) (*LockedFile, error) {
	// An exclusive lock needs a handle that may write (fcntl(2)), whatever the caller wants to do.
	if flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		flag |= os.O_RDWR
	}
	f, err := os.OpenFile(path, flag, perm)
	if err != nil {
		return nil, err
	}
	if err := lock(f, wait); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &LockedFile{File: f}, nil
}
