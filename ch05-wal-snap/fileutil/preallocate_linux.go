package fileutil

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// falloc reports whether the file system could reserve the blocks.
func falloc(f *os.File, mode uint32, size int64) (bool, error) {
	for {
		err := unix.Fallocate(int(f.Fd()), mode, 0, size)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) {
			return false, nil
		}
		if err != nil {
			return false, &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
		}
		return true, nil
	}
}

func reserve(f *os.File, size int64) error {
	_, err := falloc(f, unix.FALLOC_FL_KEEP_SIZE, size)
	return err
}

func reserveAndExtend(f *os.File, have, size int64) error {
	reserved, err := falloc(f, 0, size)
	if err != nil || reserved {
		return err
	}
	return extendTo(f, have, size)
}
