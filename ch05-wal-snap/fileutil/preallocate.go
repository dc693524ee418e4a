package fileutil

import "os"

// Preallocate reserves the blocks of the first size bytes of a file. With extend the file is
// then at least size bytes long and reads as zeros beyond its old end; without, its length
// stays. It never shortens a file. Where the file system cannot reserve, the length alone is
// set: reading is the same, only a full disk shows later.
func Preallocate(f *os.File, size int64, extend bool) error {
	if size <= 0 {
		return nil
	}
	if !extend {
		return reserve(f, size)
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return reserveAndExtend(f, info.Size(), size)
}

// extendTo sets the length alone.
func extendTo(f *os.File, have, want int64) error {
	if have >= want {
		return nil
	}
	return f.Truncate(want)
}
