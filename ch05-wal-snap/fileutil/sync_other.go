//go:build !linux

package fileutil

import "os"

// Fdatasync is Fsync where the system has no cheaper call. On macOS os.File.Sync asks for
// F_FULLFSYNC, the only call there that also empties the drive's own cache.
func Fdatasync(f *os.File) error { return f.Sync() }
