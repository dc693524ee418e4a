package backend

import (
	"bytes"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
)

// ReadTx reads one state of the file: what was there at Lock, the changes of every
// batch transaction unlocked before included, and nothing of a later one. Returned
// slices point into the file's memory map or the write buffer: they are valid until
// Unlock and must not be changed.
//
// Every ReadTx is a handle of its own, for one goroutine. It blocks neither the
// writer nor other readers; but an open one keeps old pages from being used again and
// holds up Defrag, so it is not to be kept while a client is waited for.
type ReadTx interface {
	Lock()
	Unlock()
	// UnsafeGet returns the value of key, nil if there is none. Many keys are found faster
	// in their order.
	UnsafeGet(bucket Bucket, key []byte) []byte
	// UnsafeRange returns the pairs with key <= k < endKey in key order, at most limit
	// of them if limit > 0. With a nil endKey it returns the one pair of key.
	UnsafeRange(bucket Bucket, key, endKey []byte, limit int64) (keys, vals [][]byte)
	// UnsafeForEach calls visitor for every pair of the bucket in key order and stops
	// at the first error, which it returns.
	UnsafeForEach(bucket Bucket, visitor func(k, v []byte) error) error
}

// boltView is a bbolt read transaction shared by all readers between two commits.
// The backend holds one reference until the view is replaced; whoever drops the last
// reference ends the transaction.
type boltView struct {
	tx      *bolt.Tx
	buckets [numBuckets]*bolt.Bucket // nil if not there at the time
	cursors [numBuckets]sync.Pool    // *bolt.Cursor that nobody uses at the moment
	refs    atomic.Int64
	closed  chan struct{}
}

func newBoltView(tx *bolt.Tx) *boltView {
	v := &boltView{tx: tx, closed: make(chan struct{})}
	for b := range v.buckets {
		v.buckets[b] = tx.Bucket(bucketNames[b])
	}
	v.refs.Store(1)
	return v
}

func (v *boltView) release() {
	if v.refs.Add(-1) > 0 {
		return
	}
	if err := v.tx.Rollback(); err != nil {
		panic("backend: cannot end a read transaction: " + err.Error())
	}
	close(v.closed)
}

// concurrentReadTx is a pinned pair of shared view and write buffer.
type concurrentReadTx struct {
	backend *backend
	view    *boltView // nil: not locked
	bufs    [numBuckets]bucketBuffer
	cursors [numBuckets]*bolt.Cursor
	at      cursorPlace
}

// cursorPlace is where the last UnsafeGet has left the cursor of its bucket.
type cursorPlace struct {
	bucket Bucket
	key    []byte // nil: nowhere
}

func (t *concurrentReadTx) Lock() {
	if t.view != nil {
		panic("backend: ReadTx locked twice")
	}
	b := t.backend
	b.mu.Lock()
	t.view, t.bufs = b.view, b.published
	t.view.refs.Add(1)
	b.mu.Unlock()
}

func (t *concurrentReadTx) Unlock() {
	view := t.view
	for bucket, c := range t.cursors {
		if c != nil {
			view.cursors[bucket].Put(c)
		}
	}
	*t = concurrentReadTx{backend: t.backend}
	view.release()
}

// cursor returns a cursor into the committed part of the bucket, nil if that is empty.
func (t *concurrentReadTx) cursor(bucket Bucket) *bolt.Cursor {
	if t.cursors[bucket] == nil && t.view.buckets[bucket] != nil {
		if c, ok := t.view.cursors[bucket].Get().(*bolt.Cursor); ok {
			t.cursors[bucket] = c
		} else {
			t.cursors[bucket] = t.view.buckets[bucket].Cursor()
		}
	}
	return t.cursors[bucket]
}

func (t *concurrentReadTx) UnsafeGet(bucket Bucket, key []byte) []byte {
	if change, ok := t.bufs[bucket].get(key); ok {
		return change.val
	}
	return t.committed(bucket, key)
}

// nearby is how many pairs are looked at behind the last one before the tree is searched:
// a search costs as much as ten steps.
const nearby = 4

// committed finds key among the committed pairs. Whoever asks for keys in their order
// mostly finds the next one a few steps behind the last.
func (t *concurrentReadTx) committed(bucket Bucket, key []byte) []byte {
	c := t.cursor(bucket)
	if c == nil {
		return nil
	}
	if at := t.at; at.key != nil && at.bucket == bucket && bytes.Compare(at.key, key) < 0 {
		for range nearby {
			k, v := c.Next()
			if order := bytes.Compare(k, key); order == 0 && k != nil {
				t.at.key = k
				return v
			} else if order > 0 || k == nil {
				break
			}
		}
	}
	k, v := c.Seek(key)
	if !bytes.Equal(k, key) {
		t.at.key = nil
		return nil
	}
	t.at = cursorPlace{bucket, k}
	return v
}

func (t *concurrentReadTx) UnsafeRange(bucket Bucket, key, endKey []byte, limit int64) (keys, vals [][]byte) {
	if endKey == nil {
		return one(key, t.UnsafeGet(bucket, key))
	}
	return collect(limit, func(fn func(k, v []byte) bool) { t.visit(bucket, key, endKey, fn) })
}

func (t *concurrentReadTx) UnsafeForEach(bucket Bucket, visitor func(k, v []byte) error) error {
	return forEach(visitor, func(fn func(k, v []byte) bool) { t.visit(bucket, nil, nil, fn) })
}

// visit merges the committed pairs with the buffered changes, which win.
func (t *concurrentReadTx) visit(bucket Bucket, key, end []byte, fn func(k, v []byte) bool) {
	changes := t.bufs[bucket].between(key, end)
	t.at.key = nil
	done := false
	emit := func(k, v []byte) bool { done = v != nil && !fn(k, v); return !done }
	visitCommitted(t.cursor(bucket), key, end, func(k, v []byte) bool {
		for len(changes) > 0 {
			order := bytes.Compare(changes[0].key, k)
			if order > 0 {
				break
			}
			change := changes[0]
			changes = changes[1:]
			if !emit(change.key, change.val) {
				return false
			}
			if order == 0 {
				return true
			}
		}
		return emit(k, v)
	})
	for !done && len(changes) > 0 {
		emit(changes[0].key, changes[0].val)
		changes = changes[1:]
	}
}

// get finds key with a cursor that may be used again; nil if it is not there.
func get(c *bolt.Cursor, key []byte) []byte {
	if c == nil {
		return nil
	}
	if k, v := c.Seek(key); bytes.Equal(k, key) {
		return v
	}
	return nil
}

// visitCommitted calls fn for the pairs with key <= k < end until it returns false; a
// nil end is none.
func visitCommitted(c *bolt.Cursor, key, end []byte, fn func(k, v []byte) bool) {
	if c == nil {
		return
	}
	for k, v := c.Seek(key); k != nil; k, v = c.Next() {
		if end != nil && bytes.Compare(k, end) >= 0 {
			return
		}
		if !fn(k, v) {
			return
		}
	}
}

func one(key, val []byte) (keys, vals [][]byte) {
	if val == nil {
		return nil, nil
	}
	return [][]byte{key}, [][]byte{val}
}

func collect(limit int64, visit func(fn func(k, v []byte) bool)) (keys, vals [][]byte) {
	visit(func(k, v []byte) bool {
		keys, vals = append(keys, k), append(vals, v)
		return limit <= 0 || int64(len(keys)) < limit
	})
	return keys, vals
}

func forEach(visitor func(k, v []byte) error, visit func(fn func(k, v []byte) bool)) (err error) {
	visit(func(k, v []byte) bool {
		err = visitor(k, v)
		return err == nil
	})
	return err
}
