package backend

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// TestRegression_S3_CrashInDefragLosesNothingAndInventsNothing stops the clock at every
// step of a defragmentation under load: index and data of the disk belong together.
func TestRegression_S3_CrashInDefragLosesNothingAndInventsNothing(t *testing.T) {
	b := newBackend(t)
	const entries = 2*defragBatch + 5
	b.write(func(tx BatchTx) {
		for entry := 1; entry <= entries; entry++ {
			tx.UnsafeSeqPut(BucketKey, fmt.Appendf(nil, "%08d", entry), []byte("x"))
		}
		tx.UnsafeSetConsistentIndex(entries)
	})
	var steps, images []string
	b.defragStep = func(step string) {
		if b.batch.TryLock() {
			b.batch.Mutex.Unlock()
			t.Errorf("at %q a writer could come in between", step)
		}
		steps, images = append(steps, step), append(images, b.crashImage(t))
	}
	require.NoError(t, b.Defrag())
	require.Equal(t, []string{"batch", "batch", "copied", "renamed"}, steps)
	for i, image := range images {
		again := openTest(t, Config{Path: image})
		require.EqualValues(t, entries, again.ConsistentIndex(), "crash at %q", steps[i])
		require.Len(t, again.now(t, BucketKey), entries, "crash at %q", steps[i])
		requireOnlyFile(t, image)
		require.NoError(t, again.Close())
	}
}

// TestRegression_S3_DefragWaitsForAnOpenTransaction: half a transaction is never
// committed by it.
func TestRegression_S3_DefragWaitsForAnOpenTransaction(t *testing.T) {
	b := newBackend(t)
	b.ForceCommit()
	b.batch.Lock()
	b.batch.UnsafePut(BucketLease, []byte("a"), []byte("1"))
	done := make(chan error)
	go func() { done <- b.Defrag() }()
	b.afterCrash(t, func(again *backend) { require.Empty(t, again.now(t, BucketLease)) })
	b.batch.UnsafePut(BucketLease, []byte("b"), []byte("1"))
	b.batch.UnsafeSetConsistentIndex(1)
	b.batch.Unlock()
	require.NoError(t, <-done)
	b.afterCrash(t, func(again *backend) {
		require.Equal(t, map[string]string{"a": "1", "b": "1"}, again.now(t, BucketLease))
		require.EqualValues(t, 1, again.ConsistentIndex())
	})
}

// TestRegression_S5_LeftoverOfADefragIsNotUsed: a crash left a copy behind; neither the
// next start nor the next defragmentation writes into it.
func TestRegression_S5_LeftoverOfADefragIsNotUsed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with [a] *") // a name that a pattern would misread
	require.NoError(t, os.Mkdir(dir, 0o700))
	b := openTest(t, Config{Path: filepath.Join(dir, "db")})
	b.write(func(tx BatchTx) { tx.UnsafeCreateBucket(BucketKey); tx.UnsafePut(BucketKey, []byte("a"), []byte("1")) })
	b.ForceCommit()
	leftover := b.cfg.Path + ".tmp.123"
	stale, err := bolt.Open(leftover, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, stale.Update(func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucket([]byte("key"))
		if err != nil {
			return err
		}
		return bucket.Put([]byte("deleted long ago"), []byte("x"))
	}))
	require.NoError(t, stale.Close())

	require.NoError(t, b.Defrag())
	require.Equal(t, map[string]string{"a": "1"}, b.now(t, BucketKey))
	require.NoError(t, b.Close())
	again := openTest(t, b.cfg)
	requireOnlyFile(t, again.cfg.Path)
	require.Equal(t, map[string]string{"a": "1"}, again.now(t, BucketKey))
	require.NoError(t, again.Close())
}

// TestRegression_S5_DefragKeepsTheOptions compares the open database before and after.
func TestRegression_S5_DefragKeepsTheOptions(t *testing.T) {
	for _, cfg := range []Config{{}, {FreelistType: "map", UnsafeNoFsync: true, MmapSize: 1 << 30}} {
		cfg.Path, cfg.Logger = filepath.Join(t.TempDir(), "db"), quiet
		b, err := open(cfg)
		require.NoError(t, err)
		type options struct {
			NoSync, NoGrowSync, NoFreelistSync bool
			FreelistType                       bolt.FreelistType
			MmapFlags, AllocSize, PageSize     int
		}
		read := func() options {
			db := b.db
			return options{db.NoSync, db.NoGrowSync, db.NoFreelistSync, db.FreelistType, db.MmapFlags, db.AllocSize, db.Info().PageSize}
		}
		before := read()
		require.NoError(t, b.Defrag())
		require.Equal(t, before, read())
		require.Equal(t, cfg.UnsafeNoFsync, b.db.NoSync)
		require.NoError(t, b.Close())
	}
}

func TestDefragGivesSpaceBack(t *testing.T) {
	b := newBackend(t)
	for i := range 2000 {
		b.seqPut(BucketKey, fmt.Sprintf("%04d", i), string(make([]byte, 1000)))
	}
	b.ForceCommit()
	for i := range 1900 {
		b.del(BucketKey, fmt.Sprintf("%04d", i))
	}
	b.ForceCommit()
	b.write(func(tx BatchTx) { tx.UnsafePut(BucketMeta, []byte("x"), nil) })
	b.ForceCommit() // free pages are counted when a later batch begins
	size := b.Size()
	require.Less(t, b.SizeInUse(), size/2)
	want := b.now(t, BucketKey)
	require.NoError(t, b.Defrag())
	require.Less(t, b.Size(), size/5)
	require.True(t, maps.Equal(want, b.now(t, BucketKey)))
	b.put(BucketKey, "z", "1")
	require.Equal(t, "1", b.now(t, BucketKey)["z"], "writing goes on")
}

// TestFailedDefragLeavesEverythingInPlace: there is no room for the copy.
func TestFailedDefragLeavesEverythingInPlace(t *testing.T) {
	b := newBackend(t)
	b.put(BucketKey, "a", "1")
	b.cfg.FreelistType = "no such type" // stands for any failure before the renaming
	require.ErrorContains(t, b.Defrag(), "failed, the file is unchanged")
	require.Equal(t, "1", b.now(t, BucketKey)["a"])
	b.put(BucketKey, "b", "2")
	b.ForceCommit()
	b.cfg.FreelistType = ""
	requireOnlyFile(t, b.cfg.Path)
	b.afterCrash(t, func(again *backend) { require.Len(t, again.now(t, BucketKey), 2) })
}

func TestDefragAfterClose(t *testing.T) {
	b := newBackend(t)
	require.NoError(t, b.Close())
	require.ErrorContains(t, b.Defrag(), "the backend is closed")
}

func requireOnlyFile(t *testing.T, path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{filepath.Base(path)}, names)
}
