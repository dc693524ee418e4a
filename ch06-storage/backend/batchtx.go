package backend

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

// BatchTx is the one write transaction. All Unsafe methods need the lock. It reads its
// own writes; what it read is valid until the next write or Unlock. A key or value that
// was handed over must not be changed afterwards: readers are given the same bytes.
type BatchTx interface {
	ReadTx
	// UnsafeCreateBucket makes the bucket if it is not there.
	UnsafeCreateBucket(bucket Bucket)
	UnsafePut(bucket Bucket, key, value []byte)
	// UnsafeSeqPut is UnsafePut for a key greater than every key that the bucket ever held.
	UnsafeSeqPut(bucket Bucket, key, value []byte)
	UnsafeDelete(bucket Bucket, key []byte)
	// UnsafeSetConsistentIndex says that all data of raft entries up to index has been
	// written under locks taken so far, this one included. It is committed with them.
	// The index must not fall.
	UnsafeSetConsistentIndex(index uint64)
	// Commit takes the lock and writes everything pending to disk.
	Commit()
	// CommitAndStop is the last Commit: afterwards nothing can be read or written.
	CommitAndStop()
}

// batchTx, like all writing here, is guarded by its mutex.
//
// Invariants:
//  1. Whatever has been put into tx since it began is in buf too, so that
//     view + published buffer = tx, as of the last Unlock.
//  2. index covers exactly the data in tx: it is set under the lock that guards the
//     data and written, in the same tx, right BEFORE tx is committed. Committing from
//     anywhere else, or storing the index from anywhere else, would break this
//     (REGRESSIONS S1: a log entry skipped or applied twice after a crash).
type batchTx struct {
	sync.Mutex
	backend    *backend
	tx         *bolt.Tx // nil once stopped
	buf        writeBuffer
	buckets    [numBuckets]*bolt.Bucket
	cursors    [numBuckets]*bolt.Cursor // only for Seek: a write leaves their place behind
	pending    int                      // changes in tx
	bytes      int64                    // their keys and values
	index      uint64
	indexDirty bool
}

func (t *batchTx) begin() {
	tx, err := t.backend.db.Begin(true)
	if err != nil {
		panic(fmt.Sprintf("backend: cannot begin a write transaction on %s: %v", t.backend.cfg.Path, err))
	}
	t.tx = tx
	t.buckets = [numBuckets]*bolt.Bucket{}
	t.cursors = [numBuckets]*bolt.Cursor{}
	t.pending, t.bytes = 0, 0
}

// Unlock lets readers see what was written under the lock and commits a full batch.
func (t *batchTx) Unlock() {
	if t.tx != nil {
		t.backend.publish()
		if t.pending >= t.backend.cfg.BatchLimit {
			t.unsafeCommit(false)
		} else if t.isDirty() {
			t.backend.scheduleCommit()
		}
	}
	t.Mutex.Unlock()
}

func (t *batchTx) Commit() {
	t.Mutex.Lock()
	defer t.Mutex.Unlock()
	t.unsafeCommit(false)
}

func (t *batchTx) CommitAndStop() {
	t.Mutex.Lock()
	defer t.Mutex.Unlock()
	t.unsafeCommit(true)
}

func (t *batchTx) isDirty() bool { return t.pending > 0 || t.indexDirty }

// unsafeCommit writes the batch to disk and, unless it is the last, begins a new one.
// A failed commit leaves memory ahead of a disk that cannot be trusted any more, so it
// ends the process; the log holds what was lost.
func (t *batchTx) unsafeCommit(stop bool) {
	if t.tx == nil || (!t.isDirty() && !stop) {
		return
	}
	if t.indexDirty {
		t.UnsafeCreateBucket(BucketMeta)
		t.put(BucketMeta, MetaConsistentIndex, binary.BigEndian.AppendUint64(nil, t.index))
		t.indexDirty = false
	}
	b := t.backend
	mapMayMove := b.mapMayMove(t.bytes, t.pending)
	if mapMayMove {
		b.excludeReaders()
	}
	start := time.Now()
	if err := t.tx.Commit(); err != nil {
		panic(fmt.Sprintf("backend: commit of %d changes (%d bytes) to %s failed: %v", t.pending, t.bytes, b.cfg.Path, err))
	}
	observeCommit(t.tx.Stats(), time.Since(start))
	if !mapMayMove {
		b.mu.Lock()
		b.view.release()
	}
	t.tx = nil
	t.buf.reset()
	if !stop {
		t.begin()
	}
	b.beginView()
	b.mu.Unlock()
	b.recordSizes(t.tx)
}

func (t *batchTx) UnsafeCreateBucket(bucket Bucket) {
	if _, err := t.tx.CreateBucketIfNotExists(bucket.Name()); err != nil {
		panic(fmt.Sprintf("backend: cannot create bucket %s: %v", bucket, err))
	}
	t.pending++
}

// bucket returns the handle of a bucket, which must exist if it is to be written.
func (t *batchTx) bucket(bucket Bucket) *bolt.Bucket {
	if t.buckets[bucket] == nil {
		t.buckets[bucket] = t.tx.Bucket(bucket.Name())
	}
	return t.buckets[bucket]
}

func (t *batchTx) UnsafePut(bucket Bucket, key, value []byte) {
	value = notNil(value)
	t.put(bucket, key, value)
	t.buf.put(bucket, key, value)
}

func (t *batchTx) UnsafeSeqPut(bucket Bucket, key, value []byte) {
	value = notNil(value)
	t.buf.append(bucket, key, value)
	t.put(bucket, key, value)
}

// notNil keeps an empty value apart from none.
func notNil(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}

func (t *batchTx) put(bucket Bucket, key, value []byte) {
	handle := t.bucket(bucket)
	if handle == nil {
		panic(fmt.Sprintf("backend: put to bucket %s, which does not exist", bucket))
	}
	if bucket == BucketKey {
		handle.FillPercent = keyFillPercent
	}
	if err := handle.Put(key, value); err != nil {
		panic(fmt.Sprintf("backend: cannot put key %x to bucket %s: %v", key, bucket, err))
	}
	t.pending++
	t.bytes += int64(len(key) + len(value))
}

func (t *batchTx) UnsafeDelete(bucket Bucket, key []byte) {
	handle := t.bucket(bucket)
	if handle == nil {
		panic(fmt.Sprintf("backend: delete from bucket %s, which does not exist", bucket))
	}
	if err := handle.Delete(key); err != nil {
		panic(fmt.Sprintf("backend: cannot delete key %x from bucket %s: %v", key, bucket, err))
	}
	t.buf.delete(bucket, key)
	t.pending++
}

func (t *batchTx) UnsafeSetConsistentIndex(index uint64) {
	if index < t.index {
		panic(fmt.Sprintf("backend: consistent index would fall from %d to %d", t.index, index))
	}
	t.indexDirty = t.indexDirty || index != t.index
	t.index = index
	t.backend.consistentIndex.Store(index)
}

func (t *batchTx) cursor(bucket Bucket) *bolt.Cursor {
	if handle := t.bucket(bucket); handle != nil {
		return handle.Cursor()
	}
	return nil
}

func (t *batchTx) UnsafeGet(bucket Bucket, key []byte) []byte {
	if t.cursors[bucket] == nil {
		t.cursors[bucket] = t.cursor(bucket)
	}
	return get(t.cursors[bucket], key)
}

func (t *batchTx) UnsafeRange(bucket Bucket, key, endKey []byte, limit int64) (keys, vals [][]byte) {
	if endKey == nil {
		return one(key, t.UnsafeGet(bucket, key))
	}
	return collect(limit, func(fn func(k, v []byte) bool) { visitCommitted(t.cursor(bucket), key, endKey, fn) })
}

func (t *batchTx) UnsafeForEach(bucket Bucket, visitor func(k, v []byte) error) error {
	return forEach(visitor, func(fn func(k, v []byte) bool) { visitCommitted(t.cursor(bucket), nil, nil, fn) })
}

// maxGrowth bounds the bytes by which a commit can enlarge the file: at worst every
// page in use is written anew, and the new pairs fill half of each of their pages.
func maxGrowth(inUse, newBytes int64, changes, pageSize int) int64 {
	const slack = 64 << 20 // bbolt enlarges the file in steps of 16 MiB
	growth := inUse + 2*newBytes + 4*int64(changes)*int64(pageSize) + slack
	if growth < 0 {
		return math.MaxInt64
	}
	return growth
}
