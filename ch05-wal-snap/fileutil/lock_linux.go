package fileutil

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// wholeFile is the range that etcd locks: from the first byte to wherever the end may be.
func wholeFile() unix.Flock_t {
	return unix.Flock_t{Type: unix.F_WRLCK, Whence: int16(io.SeekStart), Start: 0, Len: 0}
}

// lock takes an open file description lock (fcntl(2), F_OFD_SETLK). etcd takes the same kind
// on the same range, so that the two programs see each other. flock(2) would not do: on a
// local file system the two kinds of lock know nothing of each other.
func lock(f *os.File, wait bool) error {
	cmd := unix.F_OFD_SETLK
	if wait {
		cmd = unix.F_OFD_SETLKW
	}
	for {
		l := wholeFile()
		err := unix.FcntlFlock(f.Fd(), cmd, &l)
		switch err {
		case unix.EINTR:
			continue
		case unix.EINVAL: // a kernel before 3.15 has no OFD locks
			return flock(f, wait)
		case unix.EAGAIN, unix.EACCES:
			return ErrLocked
		}
		return err
	}
}
