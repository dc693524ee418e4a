package mvcc

import (
	"bytes"
	"fmt"
	"sync"

	"insideetcd/ch06-storage/interval"

	"github.com/google/btree"
)

// index finds the revisions of keys. Its methods are safe for concurrent use; those that
// change it are called under the batch lock only, so there is one writer.
//
// A reader at revision r is not disturbed by a writer: new revisions are above r. Nor by
// compaction: that begins to forget only when all readers below it have ended.
type index interface {
	// put and tombstone add a change. before is the generation open until then, which
	// undo takes to take the newest change of key back.
	put(key []byte, rev Revision) (open, before generation)
	tombstone(key []byte, rev Revision) (before generation)
	undo(key []byte, before generation)
	// restore adds a change read from disk.
	restore(key []byte, rev Revision, open generation)

	// live returns the revisions that a read of iv at revision at gets, in key order, at
	// most limit of them if limit > 0, and their number without the limit.
	live(iv interval.Interval, at, limit int64) (revs []Revision, total int64)
	// liveRevision is live for one key.
	liveRevision(key []byte, at int64) (rev Revision, found bool)
	// count is live's total alone.
	count(iv interval.Interval, at int64) int64
	// keys returns the keys of iv that are live at revision at; not to be changed.
	keys(iv interval.Interval, at int64) [][]byte
	// anyLive tells whether any key at all is live at revision at.
	anyLive(at int64) bool
	// isLive tells whether rev is what a read of key at revision at gets.
	isLive(key []byte, rev Revision, at int64) bool

	// needs and forget serve compaction, see keyIndex.
	needs(key []byte, rev Revision, compactRev int64) bool
	forget(key []byte, rev Revision)

	generations(key []byte) [][]Revision
	len() int
}

// walkSlice is the number of keys that are visited under one hold of the lock: a writer
// waits for a slice, not for a walk over everything.
const walkSlice = 512

// treeIndex keeps the keys in a B-tree.
type treeIndex struct {
	mu   sync.RWMutex
	tree *btree.BTreeG[*keyIndex]
}

func newTreeIndex() *treeIndex {
	return &treeIndex{tree: btree.NewG(32, func(a, b *keyIndex) bool { return bytes.Compare(a.key, b.key) < 0 })}
}

// of returns the history of key, nil if there is none. The caller holds mu.
func (x *treeIndex) of(key []byte) *keyIndex {
	ki, _ := x.tree.Get(&keyIndex{key: key})
	return ki
}

// mustHave is of for a key that a broken invariant alone could have removed.
func (x *treeIndex) mustHave(key []byte, why string) *keyIndex {
	ki := x.of(key)
	if ki == nil {
		panic(fmt.Sprintf("mvcc: %s: key %q is not in the index", why, key))
	}
	return ki
}

// ofOrNew returns the history of key and makes one if there is none. The key is copied:
// the index must not hold on to the caller's buffer.
func (x *treeIndex) ofOrNew(key []byte) *keyIndex {
	probe := &keyIndex{key: key}
	if ki, ok := x.tree.Get(probe); ok {
		return ki
	}
	probe.key = bytes.Clone(key)
	x.tree.ReplaceOrInsert(probe)
	return probe
}

func (x *treeIndex) put(key []byte, rev Revision) (open, before generation) {
	x.mu.Lock()
	defer x.mu.Unlock()
	ki := x.ofOrNew(key)
	before = ki.open
	return ki.put(rev), before
}

func (x *treeIndex) tombstone(key []byte, rev Revision) (before generation) {
	x.mu.Lock()
	defer x.mu.Unlock()
	ki := x.mustHave(key, "delete")
	before = ki.open
	ki.tombstone(rev)
	return before
}

func (x *treeIndex) undo(key []byte, before generation) {
	x.mu.Lock()
	defer x.mu.Unlock()
	ki := x.mustHave(key, "undo")
	ki.undo(before)
	x.removeIfEmpty(ki)
}

func (x *treeIndex) restore(key []byte, rev Revision, open generation) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ofOrNew(key).restore(rev, open)
}

func (x *treeIndex) removeIfEmpty(ki *keyIndex) {
	if len(ki.revs) == 0 {
		x.tree.Delete(ki)
	}
}

func (x *treeIndex) live(iv interval.Interval, at, limit int64) (revs []Revision, total int64) {
	if iv.IsPoint() {
		if rev, ok := x.liveRevision(iv.Begin(), at); ok {
			return []Revision{rev}, 1
		}
		return nil, 0
	}
	x.visit(iv, func(ki *keyIndex) bool {
		if rev, ok := ki.live(at); ok {
			if total++; limit <= 0 || total <= limit {
				revs = append(revs, rev)
			}
		}
		return true
	})
	return revs, total
}

func (x *treeIndex) count(iv interval.Interval, at int64) (total int64) {
	x.visit(iv, func(ki *keyIndex) bool {
		if _, ok := ki.live(at); ok {
			total++
		}
		return true
	})
	return total
}

func (x *treeIndex) keys(iv interval.Interval, at int64) (keys [][]byte) {
	x.visit(iv, func(ki *keyIndex) bool {
		if _, ok := ki.live(at); ok {
			keys = append(keys, ki.key)
		}
		return true
	})
	return keys
}

func (x *treeIndex) anyLive(at int64) (found bool) {
	x.visit(interval.All(), func(ki *keyIndex) bool {
		_, found = ki.live(at)
		return !found
	})
	return found
}

func (x *treeIndex) isLive(key []byte, rev Revision, at int64) bool {
	found, ok := x.liveRevision(key, at)
	return ok && found == rev
}

func (x *treeIndex) liveRevision(key []byte, at int64) (Revision, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if ki := x.of(key); ki != nil {
		return ki.live(at)
	}
	return Revision{}, false
}

func (x *treeIndex) needs(key []byte, rev Revision, compactRev int64) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	ki := x.of(key)
	return ki != nil && ki.needs(rev, compactRev)
}

func (x *treeIndex) forget(key []byte, rev Revision) {
	x.mu.Lock()
	defer x.mu.Unlock()
	ki := x.mustHave(key, "compaction")
	ki.forget(rev)
	x.removeIfEmpty(ki)
}

func (x *treeIndex) generations(key []byte) [][]Revision {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if ki := x.of(key); ki != nil {
		return ki.generations()
	}
	return nil
}

func (x *treeIndex) len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.tree.Len()
}

// visit calls fn for the keys of iv in order until it returns false. The lock is let go
// after every slice, and the walk taken up again behind the last key.
func (x *treeIndex) visit(iv interval.Interval, fn func(*keyIndex) bool) {
	switch {
	case iv.IsEmpty():
		return
	case iv.IsPoint():
		x.mu.RLock()
		defer x.mu.RUnlock()
		if ki := x.of(iv.Begin()); ki != nil {
			fn(ki)
		}
		return
	}
	next := &keyIndex{key: iv.Begin()}
	for next != nil {
		next = x.visitSlice(iv, next, fn)
	}
}

// visitSlice visits up to walkSlice keys from the place of from on and returns the place
// of the next slice, nil if there is none.
func (x *treeIndex) visitSlice(iv interval.Interval, from *keyIndex, fn func(*keyIndex) bool) (next *keyIndex) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	visited := 0
	x.tree.AscendGreaterOrEqual(from, func(ki *keyIndex) bool {
		if !iv.EndsAfter(ki.key) {
			return false
		}
		if visited == walkSlice {
			next = &keyIndex{key: ki.key}
			return false
		}
		visited++
		return fn(ki)
	})
	return next
}
