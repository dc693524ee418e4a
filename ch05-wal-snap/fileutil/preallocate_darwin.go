package fileutil

import (
	"os"

	"golang.org/x/sys/unix"
)

// reserve asks for the blocks in one piece, then in any pieces. A file system that refuses
// both (F_PREALLOCATE is advice on some) is no reason to stop.
func reserve(f *os.File, size int64) error {
	for _, flags := range []uint32{unix.F_ALLOCATECONTIG | unix.F_ALLOCATEALL, unix.F_ALLOCATEALL} {
		store := unix.Fstore_t{Flags: flags, Posmode: unix.F_PEOFPOSMODE, Length: size}
		err := unix.FcntlFstore(f.Fd(), unix.F_PREALLOCATE, &store)
		if err == nil {
			return nil
		}
		if err == unix.ENOSPC && flags == unix.F_ALLOCATEALL {
			return &os.PathError{Op: "preallocate", Path: f.Name(), Err: err}
		}
	}
	return nil
}

func reserveAndExtend(f *os.File, have, size int64) error {
	if have < size {
		if err := reserve(f, size-have); err != nil {
			return err
		}
	}
	return extendTo(f, have, size)
}
