package backend

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var quiet = slog.New(slog.DiscardHandler)

// openTest opens a file whose timer never fires.
func openTest(t require.TestingT, cfg Config) *backend {
	cfg.BatchInterval, cfg.UnsafeNoFsync, cfg.Logger = 1000*time.Hour, true, quiet
	b, err := open(cfg)
	require.NoError(t, err)
	return b
}

func newBackend(t *testing.T) *backend {
	b := openTest(t, Config{Path: filepath.Join(t.TempDir(), "db")})
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	b.write(func(tx BatchTx) {
		for bucket := range numBuckets {
			tx.UnsafeCreateBucket(bucket)
		}
	})
	return b
}

func (b *backend) write(fn func(tx BatchTx)) {
	b.batch.Lock()
	defer b.batch.Unlock()
	fn(b.batch)
}

func (b *backend) put(bucket Bucket, key, val string) {
	b.write(func(tx BatchTx) { tx.UnsafePut(bucket, []byte(key), []byte(val)) })
}

func (b *backend) seqPut(bucket Bucket, key, val string) {
	b.write(func(tx BatchTx) { tx.UnsafeSeqPut(bucket, []byte(key), []byte(val)) })
}

func (b *backend) del(bucket Bucket, key string) {
	b.write(func(tx BatchTx) { tx.UnsafeDelete(bucket, []byte(key)) })
}

// all reads a bucket through tx, which is locked.
func all(t require.TestingT, tx ReadTx, bucket Bucket) map[string]string {
	found := map[string]string{}
	last := ""
	require.NoError(t, tx.UnsafeForEach(bucket, func(k, v []byte) error {
		require.True(t, len(found) == 0 || last < string(k), "key order: %q after %q", k, last)
		last = string(k)
		found[last] = string(v)
		return nil
	}))
	return found
}

// now reads a bucket as a reader who begins now.
func (b *backend) now(t require.TestingT, bucket Bucket) map[string]string {
	tx := b.ConcurrentReadTx()
	defer tx.Unlock()
	return all(t, tx, bucket)
}

// crashImage copies the directory as a crash at this moment would leave it.
func (b *backend) crashImage(t *testing.T) (path string) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Dir(b.cfg.Path))))
	return filepath.Join(dir, filepath.Base(b.cfg.Path))
}

// afterCrash opens a crash image taken now and calls fn.
func (b *backend) afterCrash(t *testing.T, fn func(again *backend)) {
	again := openTest(t, Config{Path: b.crashImage(t)})
	defer func() { require.NoError(t, again.Close()) }()
	fn(again)
}
