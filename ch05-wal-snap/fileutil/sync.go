package fileutil

import "os"

// Fsync writes a file's content and all of its metadata to stable storage.
func Fsync(f *os.File) error { return f.Sync() }

// SyncDir makes the names in a directory durable. It MUST follow every creation and rename
// that a later crash may not undo.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return syncDirHandle(d)
}
