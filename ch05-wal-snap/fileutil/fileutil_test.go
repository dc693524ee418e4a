package fileutil

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var quiet = slog.New(slog.DiscardHandler)

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// ls lists the names in dir, joined by blanks.
func ls(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestLockBelongsToTheOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	_, err := TryLockFile(path, os.O_RDWR, 0o600)
	require.ErrorIs(t, err, os.ErrNotExist)

	first, err := TryLockFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	_, err = TryLockFile(path, os.O_RDONLY, 0)
	require.ErrorIs(t, err, ErrLocked, "also within one process")
	require.ErrorContains(t, err, path)

	// Closing another handle of the same file keeps the lock: a POSIX record lock would be gone.
	other, err := os.Open(path)
	require.NoError(t, err)
	require.NoError(t, other.Close())
	_, err = TryLockFile(path, os.O_RDWR, 0)
	require.ErrorIs(t, err, ErrLocked)

	waited := make(chan *LockedFile)
	go func() {
		f, err := LockFile(path, os.O_RDWR, 0)
		if err != nil {
			close(waited)
			return
		}
		waited <- f
	}()
	require.NoError(t, first.Close())
	second := <-waited
	require.NotNil(t, second, "the one who waits gets the lock")
	require.NoError(t, second.Close())
}

func TestPreallocate(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteString("content")
	require.NoError(t, err)
	size := func() int64 { info, err := f.Stat(); require.NoError(t, err); return info.Size() }

	require.NoError(t, Preallocate(f, 100_000, false))
	require.EqualValues(t, 7, size(), "room, but no length")
	require.NoError(t, Preallocate(f, 100_000, true))
	require.EqualValues(t, 100_000, size())
	require.NoError(t, Preallocate(f, 10, true))
	require.EqualValues(t, 100_000, size(), "never shorter")
	require.NoError(t, Preallocate(f, 0, true))
	b, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	require.Equal(t, "content"+strings.Repeat("\x00", 100_000-7), string(b))
	require.NoError(t, Fdatasync(f))
	require.NoError(t, Fsync(f))
	require.NoError(t, SyncDir(filepath.Dir(f.Name())))
	require.Error(t, SyncDir(f.Name()+".none"))
	require.NoError(t, f.Close())
	require.Error(t, Fdatasync(f))
}

func TestTouchDirAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	require.NoError(t, TouchDirAll(dir))
	require.NoError(t, TouchDirAll(dir), "again")
	require.Empty(t, ls(t, dir), ".touch is gone")
	if runtime.GOOS != "windows" {
		info, err := os.Stat(dir)
		require.NoError(t, err)
		require.Equal(t, PrivateDirMode, info.Mode().Perm())
	}
	file := filepath.Join(dir, "file")
	write(t, file, "")
	require.Error(t, TouchDirAll(file))
	require.ErrorContains(t, IsDirWriteable(filepath.Join(dir, "none")), "not writable")
}

func TestRemoveMatching(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"db", "db.tmp.1", "tmp123", "x.snap"} {
		write(t, filepath.Join(dir, name), "")
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "tmpdir"), 0o700))
	require.NoError(t, RemoveMatching(quiet, dir, func(name string) bool {
		return strings.HasPrefix(name, "tmp") || strings.HasPrefix(name, "db.tmp")
	}))
	require.Equal(t, "db tmpdir x.snap", ls(t, dir))
	require.NoError(t, RemoveMatching(nil, filepath.Join(dir, "none"), func(string) bool { return true }))
}

func TestPurgeRemovesTheOldest(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"3.wal", "1.wal", "4.wal", "2.wal", "0.snap", "1.wal.broken"} {
		write(t, filepath.Join(dir, name), "")
	}
	held, err := TryLockFile(filepath.Join(dir, "2.wal"), os.O_RDWR, 0)
	require.NoError(t, err)

	removed, err := PurgeOnce(dir, "wal", 1)
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "1.wal")}, removed)
	require.Equal(t, "0.snap 1.wal.broken 2.wal 3.wal 4.wal", ls(t, dir), "a locked file ends the pass, though 3 is not locked")

	require.NoError(t, held.Close())
	_, err = PurgeOnce(dir, "wal", 1)
	require.NoError(t, err)
	require.Equal(t, "0.snap 1.wal.broken 4.wal", ls(t, dir))
	removed, err = PurgeOnce(dir, "wal", 1)
	require.NoError(t, err)
	require.Empty(t, removed)
	_, err = PurgeOnce(filepath.Join(dir, "none"), "wal", 1)
	require.Error(t, err)
}

func TestPurgeLoopLooksEveryThirtySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { PurgeFiles(ctx, quiet, dir, "wal", 2, PurgeInterval); close(ended) }()
		synctest.Wait()
		for _, name := range []string{"1.wal", "2.wal", "3.wal"} {
			write(t, filepath.Join(dir, name), "")
		}
		after := func(d time.Duration) { <-time.After(d); synctest.Wait() }
		after(PurgeInterval - time.Second)
		require.Equal(t, "1.wal 2.wal 3.wal", ls(t, dir))
		after(2 * time.Second)
		require.Equal(t, "2.wal 3.wal", ls(t, dir))

		require.NoError(t, os.RemoveAll(dir)) // a pass that fails does not end the loop
		after(PurgeInterval)
		require.NoError(t, os.Mkdir(dir, 0o700))
		for _, name := range []string{"4.wal", "5.wal", "6.wal"} {
			write(t, filepath.Join(dir, name), "")
		}
		after(PurgeInterval)
		require.Equal(t, "5.wal 6.wal", ls(t, dir))
		cancel()
		<-ended
	})
	PurgeFiles(t.Context(), nil, t.TempDir(), "wal", 0, PurgeInterval) // 0 keeps all, and returns
}
