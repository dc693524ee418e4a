//go:build unix && !linux

package fileutil

import "os"

func lock(f *os.File, wait bool) error { return flock(f, wait) }
