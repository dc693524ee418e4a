package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync is a full sync: macOS has nothing less that also empties the drive's own cache.
func datasync(f *os.File) error { return f.Sync() }

func memory() (uint64, error) { return unix.SysctlUint64("hw.memsize") }

type diskSpace struct {
	free       uint64 // bytes that a user who is not root may take
	fileSystem string
}

func space(dir string) (diskSpace, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return diskSpace{}, err
	}
	return diskSpace{st.Bavail * uint64(st.Bsize), unix.ByteSliceToString(st.Fstypename[:])}, nil
}

func clockUnsynchronised() bool { return false } // macOS does not tell
