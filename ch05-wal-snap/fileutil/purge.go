package fileutil

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// PurgeInterval is how often etcd looks for files to purge.
const PurgeInterval = 30 * time.Second

// PurgeFiles runs PurgeOnce now and then every interval until ctx is done. A failed pass is
// logged and tried again: too many old files are no reason to stop serving. keep 0 keeps all.
func PurgeFiles(ctx context.Context, lg *slog.Logger, dir, suffix string, keep uint, interval time.Duration) {
	if lg == nil {
		lg = slog.Default()
	}
	if keep == 0 {
		return
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		removed, err := PurgeOnce(dir, suffix, keep)
		for _, path := range removed {
			lg.Info("purged an old file", "path", path)
		}
		if err != nil {
			lg.Warn("could not purge old files", "dir", dir, "suffix", suffix, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// PurgeOnce removes the oldest files of dir that end in suffix until keep of them are left,
// and returns what it removed. Names MUST sort by age, as those of segments and snapshots do.
//
// A locked file ends the pass, whatever is behind it: it is still needed, and a log with a
// hole in it is worth less than a long one.
func PurgeOnce(dir, suffix string, keep uint) (removed []string, err error) {
	names, err := namesEndingIn(dir, suffix)
	if err != nil {
		return nil, err
	}
	for len(names) > int(keep) {
		path := filepath.Join(dir, names[0])
		err := removeUnlocked(path)
		if errors.Is(err, ErrLocked) {
			return removed, nil
		}
		if err != nil {
			return removed, fmt.Errorf("purge: %w", err)
		}
		removed = append(removed, path)
		names = names[1:]
	}
	return removed, nil
}

func namesEndingIn(dir, suffix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("purge: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), suffix) {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, nil
}

// removeUnlocked holds the lock up to the moment of removal, except on Windows, where an open
// file cannot be removed; there the removal itself fails if somebody has opened it meanwhile.
func removeUnlocked(path string) error {
	f, err := TryLockFile(path, os.O_WRONLY, PrivateFileMode)
	if err != nil {
		return err
	}
	if removeWhileOpen {
		defer f.Close()
	} else {
		f.Close()
	}
	return os.Remove(path)
}
