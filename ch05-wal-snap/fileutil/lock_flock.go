//go:build unix && !solaris && !illumos && !aix

package fileutil

import (
	"os"

	"golang.org/x/sys/unix"
)

// flock takes a BSD lock, which belongs to the open file as an OFD lock does.
func flock(f *os.File, wait bool) error {
	how := unix.LOCK_EX
	if !wait {
		how |= unix.LOCK_NB
	}
	for {
		err := unix.Flock(int(f.Fd()), how)
		if err == unix.EINTR {
			continue
		}
		if err == unix.EWOULDBLOCK {
			return ErrLocked
		}
		return err
	}
}
