package fileutil

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

const (
	// PrivateDirMode and PrivateFileMode are the modes of data: nobody else reads it.
	PrivateDirMode  os.FileMode = 0o700
	PrivateFileMode os.FileMode = 0o600
)

// IsDirWriteable creates and removes a file `.touch` in dir: what counts is whether it works,
// not what mode bits say.
func IsDirWriteable(dir string) error {
	name := filepath.Join(dir, ".touch")
	if err := os.WriteFile(name, nil, PrivateFileMode); err != nil {
		return fmt.Errorf("directory %s is not writable: %w", dir, err)
	}
	return os.Remove(name)
}

// TouchDirAll makes sure that dir exists, private and writable, with its parents.
func TouchDirAll(dir string) error {
	if err := os.MkdirAll(dir, PrivateDirMode); err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	return IsDirWriteable(dir)
}

// RemoveMatching removes the files in dir whose name match accepts, and logs each: leftovers
// that a crash may have left and that nothing will ever read. A missing directory holds none.
func RemoveMatching(lg *slog.Logger, dir string, match func(name string) bool) error {
	if lg == nil {
		lg = slog.Default()
	}
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for leftover files: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() || !match(e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove leftover file: %w", err)
		}
		lg.Info("removed a leftover file", "path", path)
	}
	return nil
}
