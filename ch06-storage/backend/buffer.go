package backend

import (
	"bytes"
	"fmt"
	"slices"
	"sort"

	"github.com/google/btree"
)

// kv is one buffered change. A nil val means that the key was deleted.
type kv struct{ key, val []byte }

func lessKV(a, b kv) bool { return bytes.Compare(a.key, b.key) < 0 }

// bucketBuffer holds the changes of one bucket since the last commit.
//
// Invariants:
//  1. seq is sorted by key, strictly rising, and only ever appended to: whoever holds
//     a copy of the slice header sees the same records for ever.
//  2. tree is never changed once it was published; the writer goes on with a clone
//     that copies a node before it changes it.
//  3. A key in both is newer in tree.
type bucketBuffer struct {
	seq  []kv
	tree *btree.BTreeG[kv] // nil until the first change that is no appending
}

// writeBuffer is the writer's side: all buckets, and which of them have changed since
// they were last published. It belongs to whoever holds the batch lock.
type writeBuffer struct {
	buckets [numBuckets]bucketBuffer
	dirty   [numBuckets]bool
}

func (w *writeBuffer) put(b Bucket, key, val []byte) {
	w.set(b, kv{key, val})
}

func (w *writeBuffer) delete(b Bucket, key []byte) { w.set(b, kv{key, nil}) }

func (w *writeBuffer) set(b Bucket, change kv) {
	buf := &w.buckets[b]
	if buf.tree == nil {
		buf.tree = btree.NewG(16, lessKV)
	}
	buf.tree.ReplaceOrInsert(change)
	w.dirty[b] = true
}

// append is put for keys that rise: nothing is searched and nothing is copied.
func (w *writeBuffer) append(b Bucket, key, val []byte) {
	buf := &w.buckets[b]
	if n := len(buf.seq); n > 0 && bytes.Compare(buf.seq[n-1].key, key) >= 0 {
		panic(fmt.Sprintf("backend: UnsafeSeqPut to bucket %s: key %x after %x does not rise", b, key, buf.seq[n-1].key))
	}
	buf.seq = append(buf.seq, kv{key, val})
	w.dirty[b] = true
}

// publish copies what readers may see from now on. The caller holds the mutex under
// which readers take their copy.
func (w *writeBuffer) publish(to *[numBuckets]bucketBuffer) {
	for b := range w.buckets {
		if !w.dirty[b] {
			continue
		}
		to[b].seq = w.buckets[b].seq
		if tree := w.buckets[b].tree; tree != nil {
			to[b].tree = tree.Clone()
		}
		w.dirty[b] = false
	}
}

// reset empties the buffer after a commit. Readers keep the old slices and trees; the
// new slices start as large as the last batch was.
func (w *writeBuffer) reset() {
	for b := range w.buckets {
		w.buckets[b] = bucketBuffer{seq: make([]kv, 0, len(w.buckets[b].seq))}
		w.dirty[b] = false
	}
}

// get returns the change of key, if there is one.
func (b *bucketBuffer) get(key []byte) (kv, bool) {
	if b.tree != nil {
		if change, ok := b.tree.Get(kv{key: key}); ok {
			return change, true
		}
	}
	i := b.search(key)
	if i < len(b.seq) && bytes.Equal(b.seq[i].key, key) {
		return b.seq[i], true
	}
	return kv{}, false
}

// search returns the place in seq of the first key that is not below key.
func (b *bucketBuffer) search(key []byte) int {
	return sort.Search(len(b.seq), func(i int) bool { return bytes.Compare(b.seq[i].key, key) >= 0 })
}

// between returns the changes with key <= k < end in key order; a nil end is none.
// The result is shared, not to be changed.
func (b *bucketBuffer) between(key, end []byte) []kv {
	from, to := b.search(key), len(b.seq)
	if end != nil {
		to = max(from, b.search(end))
	}
	seq := b.seq[from:to]
	if b.tree == nil {
		return seq
	}
	var fromTree []kv
	b.tree.AscendGreaterOrEqual(kv{key: key}, func(change kv) bool {
		if end != nil && bytes.Compare(change.key, end) >= 0 {
			return false
		}
		fromTree = append(fromTree, change)
		return true
	})
	if len(fromTree) == 0 {
		return seq
	}
	// Stable, with the tree first: for a key in both the tree's change is kept.
	merged := append(fromTree, seq...)
	slices.SortStableFunc(merged, func(x, y kv) int { return bytes.Compare(x.key, y.key) })
	return slices.CompactFunc(merged, func(x, y kv) bool { return bytes.Equal(x.key, y.key) })
}
