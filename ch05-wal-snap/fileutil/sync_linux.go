package fileutil

import (
	"os"

	"golang.org/x/sys/unix"
)

// Fdatasync writes a file's content, and of its metadata only what is needed to read the
// content back (its length, not its times): into a preallocated file that is one journal
// entry less than Fsync.
func Fdatasync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return nil
	}
}
