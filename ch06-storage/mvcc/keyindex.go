package mvcc

import (
	"fmt"
	"slices"
	"sort"
)

// generation is what has to be known about the open life of a key, the one that no
// tombstone has ended, to write its next record.
type generation struct {
	created int64 // main revision of its first put
	ver     int64 // number of puts
}

// keyIndex is the history of one key: the revisions at which it was changed, oldest
// first, and the generation that is open. A generation needs no structure of its own:
// it ends where a tombstone stands.
//
// One example. Key "k" is put by transactions 2 and 4, deleted by 5, put by 8, deleted
// and put again within transaction 9, deleted by 11:
//
//	revs: 2.0 4.0 5.0†   8.0 9.0†   9.1 11.0†   open: none
//	      └ generation ┘ └─ gen. ─┘ └─ gen. ─┘
//
// Reading asks for the newest revision whose main part is not above the asked one:
//
//	at 1: none      at 3: 2.0      at 5: 5.0†, so none      at 9: 9.1      at 20: none
//
// Compaction at C drops every revision that no read or watch from C on can need:
//
//	C = 3:  (all stay: 2.0 is what a read at 3 gets)
//	C = 4:  drops 2.0
//	C = 5:  drops 2.0 4.0            5.0† stays: it is an event of revision 5
//	C = 6:  drops 2.0 4.0 5.0†       nothing is left of the first generation
//	C = 9:  drops … 8.0              9.0† and 9.1 stay
//	C = 11: drops … 9.1              11.0† stays, until C = 12 drops the last, and the key
//
// Invariants, asserted where revs grows:
//  1. revs rises strictly.
//  2. The first revision, and each after a tombstone, may be a put or, where compaction
//     has dropped the puts before it, a tombstone.
//  3. open is zero if and only if the last revision is a tombstone.
//  4. revs is never empty while the key is in an index.
type keyIndex struct {
	key  []byte
	open generation
	revs []Revision
}

// put records a put at rev and returns the generation that it belongs to.
func (ki *keyIndex) put(rev Revision) generation {
	ki.append(rev)
	if ki.open.ver == 0 {
		ki.open.created = rev.Main
	}
	ki.open.ver++
	return ki.open
}

// tombstone records a deletion at rev, which ends the open generation.
func (ki *keyIndex) tombstone(rev Revision) {
	if ki.open.ver == 0 {
		panic(fmt.Sprintf("mvcc: deletion of %q at %v, but it is not there: %v", ki.key, rev, ki.revs))
	}
	ki.append(rev)
	ki.open = generation{}
}

// restore records what a record on disk says: open is taken from a put's record.
func (ki *keyIndex) restore(rev Revision, open generation) {
	ki.append(rev)
	ki.open = open
}

// undo takes back the newest change; before is the generation that was open then.
func (ki *keyIndex) undo(before generation) {
	ki.revs = ki.revs[:len(ki.revs)-1]
	ki.open = before
}

func (ki *keyIndex) append(rev Revision) {
	if n := len(ki.revs); n > 0 && ki.revs[n-1].Compare(rev) >= 0 {
		panic(fmt.Sprintf("mvcc: revision %v of key %q does not come after %v (invariant 1)", rev, ki.key, ki.revs[n-1]))
	}
	ki.revs = append(ki.revs, rev)
}

// newest returns the newest revision whose main part is at most at, be it a tombstone.
func (ki *keyIndex) newest(at int64) (Revision, bool) {
	n := len(ki.revs)
	if n > 0 && ki.revs[n-1].Main > at { // most reads ask for the last one
		n = sort.Search(n, func(i int) bool { return ki.revs[i].Main > at })
	}
	if n == 0 {
		return Revision{}, false
	}
	return ki.revs[n-1], true
}

// live returns the revision of the record that a read at revision at gets, if there is
// one: the newest, unless it is a tombstone.
func (ki *keyIndex) live(at int64) (Revision, bool) {
	rev, ok := ki.newest(at)
	return rev, ok && !rev.Tombstone
}

// needs tells whether a store compacted at revision compactRev needs the change rev of
// this key. Everything from compactRev on is needed, as it may be read or watched. Of
// what lies before, only the newest can be: if nothing replaced it up to compactRev and
// it is a put, it is what reads find.
//
// The rule speaks of single changes, not of generations, so it cannot drop the tombstone
// of compactRev itself (REGRESSIONS S7), nor a put that shares its transaction with a
// deletion (S9).
func (ki *keyIndex) needs(rev Revision, compactRev int64) bool {
	if rev.Main >= compactRev {
		return true
	}
	newest, ok := ki.newest(compactRev)
	return ok && newest == rev && !rev.Tombstone
}

// forget drops a revision that is not needed any more.
func (ki *keyIndex) forget(rev Revision) {
	i, found := slices.BinarySearchFunc(ki.revs, rev, Revision.Compare)
	if !found {
		panic(fmt.Sprintf("mvcc: compaction drops %v of key %q, which the index does not hold: %v", rev, ki.key, ki.revs))
	}
	ki.revs = slices.Delete(ki.revs, i, i+1)
	if len(ki.revs) > 0 && cap(ki.revs) >= 4*len(ki.revs) {
		ki.revs = slices.Clone(ki.revs)
	}
}

// generations splits the history where tombstones end it, to be looked at.
func (ki *keyIndex) generations() [][]Revision {
	var all [][]Revision
	begin := 0
	for i, rev := range ki.revs {
		if rev.Tombstone || i == len(ki.revs)-1 {
			all = append(all, slices.Clone(ki.revs[begin:i+1]))
			begin = i + 1
		}
	}
	return all
}
