package backend

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	bolt "go.etcd.io/bbolt"
)

// defragBatch is the number of pairs copied in one transaction.
const defragBatch = 10_000

// Defrag copies all buckets into a new file beside the old one and renames it over
// the old one. The world stops: the batch lock keeps writers out, mu readers.
//
// The batch is committed first, under the batch lock. That lock is held from the first
// to the last change of an mvcc write transaction, so what is committed is whole and
// its consistent index right, wherever the process dies (REGRESSIONS S3):
//
//	before the rename   the old file is used, the copy is removed by the next Open
//	after the rename    the new file is used
//
// The copy gets a fresh name each time, so a leftover is never written into (S5).
func (b *backend) Defrag() error {
	start := time.Now()
	defragInflight.Set(1)
	defer defragInflight.Set(0)

	b.batch.Lock()
	defer b.batch.Unlock()
	if b.batch.tx == nil {
		return errors.New("backend: cannot defragment, the backend is closed")
	}
	before := b.Size()
	b.batch.unsafeCommit(true)
	b.excludeReaders()
	err := b.defragStopped()
	b.batch.begin()
	b.beginView()
	b.mu.Unlock()
	b.recordSizes(b.batch.tx)
	if err != nil {
		return fmt.Errorf("backend: defragmentation of %s failed, the file is unchanged: %w", b.cfg.Path, err)
	}
	defragSeconds.Observe(time.Since(start).Seconds())
	b.cfg.Logger.Info("defragmented", "path", b.cfg.Path, "bytes_before", before, "bytes_after", b.Size(), "took", time.Since(start))
	return nil
}

// defragStopped does the work while nobody reads or writes. An error means that the
// old file is still open and complete.
func (b *backend) defragStopped() error {
	opts, err := boltOptions(b.cfg)
	if err != nil {
		return err
	}
	copyPath, err := b.writeCopy(opts)
	if err != nil {
		return errors.Join(err, removeIfThere(copyPath))
	}
	b.defragStep("copied")
	// From here on there is no way back that keeps the database open: a failure ends
	// the process, and the next start finds one of the two files complete.
	if err := b.db.Close(); err != nil {
		panic(fmt.Sprintf("backend: cannot close %s to replace it by its defragmented copy: %v", b.cfg.Path, err))
	}
	if err := os.Rename(copyPath, b.cfg.Path); err != nil {
		panic(fmt.Sprintf("backend: cannot replace %s by its defragmented copy: %v", b.cfg.Path, err))
	}
	b.defragStep("renamed")
	if err := syncDir(filepath.Dir(b.cfg.Path)); err != nil {
		panic(fmt.Sprintf("backend: cannot make the renaming of %s durable: %v", b.cfg.Path, err))
	}
	if b.db, err = openBolt(b.cfg.Path, opts); err != nil {
		panic(fmt.Sprintf("backend: cannot open the defragmented file: %v", err))
	}
	return nil
}

// writeCopy writes all pairs to a new file, syncs it and returns its path.
func (b *backend) writeCopy(opts *bolt.Options) (path string, err error) {
	f, err := os.CreateTemp(filepath.Dir(b.cfg.Path), filepath.Base(b.cfg.Path)+".tmp.*")
	if err != nil {
		return "", err
	}
	path = f.Name()
	if err := f.Close(); err != nil {
		return path, err
	}
	copyOpts := *opts
	copyOpts.NoSync, copyOpts.NoGrowSync = true, true // synced once, at the end
	db, err := bolt.Open(path, 0o600, &copyOpts)
	if err != nil {
		return path, err
	}
	err = b.db.View(func(from *bolt.Tx) error { return copyBuckets(from, db, b.defragStep) })
	if err == nil {
		err = db.Sync()
	}
	return path, errors.Join(err, db.Close())
}

// copier writes pairs to a new file in transactions of defragBatch.
type copier struct {
	to     *bolt.DB
	tx     *bolt.Tx
	copied int
	step   func(string)
}

// copyBuckets writes every bucket in key order, so that pages are filled one by one.
func copyBuckets(from *bolt.Tx, to *bolt.DB, step func(string)) error {
	tx, err := to.Begin(true)
	if err != nil {
		return err
	}
	c := &copier{to: to, tx: tx, step: step}
	if err := from.ForEach(c.copyBucket); err != nil {
		return errors.Join(err, c.tx.Rollback())
	}
	return c.tx.Commit()
}

func (c *copier) copyBucket(name []byte, source *bolt.Bucket) error {
	target, err := c.tx.CreateBucketIfNotExists(name)
	if err != nil {
		return err
	}
	target.FillPercent = keyFillPercent
	return source.ForEach(func(k, v []byte) error {
		if c.copied++; c.copied%defragBatch == 0 {
			if err := c.nextTx(); err != nil {
				return err
			}
			target = c.tx.Bucket(name)
			target.FillPercent = keyFillPercent
		}
		return target.Put(k, v)
	})
}

func (c *copier) nextTx() error {
	if err := c.tx.Commit(); err != nil {
		return err
	}
	c.step("batch")
	tx, err := c.to.Begin(true)
	if err == nil {
		c.tx = tx
	}
	return err
}

func removeIfThere(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// syncDir makes a renaming durable. Windows cannot sync a directory, and its file
// systems log renames by themselves.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
