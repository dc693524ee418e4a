package mvcc

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"insideetcd/ch06-storage/interval"
)

// example is the history in the comment of keyIndex.
func example(t *testing.T) *treeIndex {
	t.Helper()
	x := newTreeIndex()
	put := func(main int64, sub int32) { x.put([]byte("k"), Revision{Main: main, Sub: sub}) }
	del := func(main int64, sub int32) { x.tombstone([]byte("k"), Revision{Main: main, Sub: sub, Tombstone: true}) }
	put(2, 0)
	put(4, 0)
	del(5, 0)
	put(8, 0)
	del(9, 0)
	put(9, 1)
	del(11, 0)
	return x
}

func show(revs []Revision) string {
	texts := make([]string, len(revs))
	for i, rev := range revs {
		texts[i] = rev.String()
	}
	return strings.Join(texts, " ")
}

func TestWorkedExample(t *testing.T) {
	x := example(t)
	ki := x.of([]byte("k"))

	require.Equal(t, "2.0 4.0 5.0† 8.0 9.0† 9.1 11.0†", show(ki.revs))
	require.Zero(t, ki.open, "the key is deleted: no generation is open")
	var lives []string
	for _, life := range ki.generations() {
		lives = append(lives, show(life))
	}
	require.Equal(t, []string{"2.0 4.0 5.0†", "8.0 9.0†", "9.1 11.0†"}, lives)

	for at, want := range map[int64]string{1: "", 2: "2.0", 3: "2.0", 4: "4.0", 5: "", 7: "", 8: "8.0", 9: "9.1", 10: "9.1", 11: "", 20: ""} {
		revs, total := x.live(interval.Point([]byte("k")), at, 0)
		require.Equal(t, want, show(revs), "read at %d", at)
		require.EqualValues(t, len(revs), total)
	}
}

func TestWorkedExampleCompacted(t *testing.T) {
	for _, c := range []struct {
		at   int64
		left string
	}{
		{3, "2.0 4.0 5.0† 8.0 9.0† 9.1 11.0†"},
		{4, "4.0 5.0† 8.0 9.0† 9.1 11.0†"},
		{5, "5.0† 8.0 9.0† 9.1 11.0†"},
		{6, "8.0 9.0† 9.1 11.0†"},
		{9, "9.0† 9.1 11.0†"},
		{11, "11.0†"},
		{12, ""},
	} {
		x := example(t)
		compactIndex(x, c.at)
		if c.left == "" {
			require.Zero(t, x.len(), "compacted at %d: the key is gone", c.at)
			continue
		}
		require.Equal(t, c.left, show(x.of([]byte("k")).revs), "compacted at %d", c.at)
	}
}

// compactIndex does to an index what a whole compaction does, without a backend: it goes
// through the changes in the order of revisions.
func compactIndex(x *treeIndex, compactRev int64) {
	var all []unneeded
	x.visit(interval.All(), func(ki *keyIndex) bool {
		for _, rev := range ki.revs {
			all = append(all, unneeded{ki.key, rev})
		}
		return true
	})
	sortByRevision(all)
	for _, v := range all {
		if v.rev.Main < compactRev && !x.needs(v.key, v.rev, compactRev) {
			x.forget(v.key, v.rev)
		}
	}
}

func TestUndoTakesBackTheNewestChange(t *testing.T) {
	x := newTreeIndex()
	key := []byte("k")
	_, before := x.put(key, Revision{Main: 2})
	x.undo(key, before)
	require.Zero(t, x.len(), "the first put undone: the key was never there")

	x.put(key, Revision{Main: 2})
	want := *x.of(key)
	before = x.tombstone(key, Revision{Main: 3, Tombstone: true})
	_, beforePut := x.put(key, Revision{Main: 3, Sub: 1})
	x.undo(key, beforePut)
	x.undo(key, before)
	require.Equal(t, want.open, x.of(key).open)
	require.Equal(t, "2.0", show(x.of(key).revs))
}

func TestBrokenHistoryPanics(t *testing.T) {
	x := newTreeIndex()
	require.PanicsWithValue(t, `mvcc: delete: key "k" is not in the index`, func() {
		x.tombstone([]byte("k"), Revision{Main: 3, Tombstone: true})
	})
	x.put([]byte("k"), Revision{Main: 3})
	require.Panics(t, func() { x.put([]byte("k"), Revision{Main: 3}) }, "invariant 1")
}

func sortByRevision(all []unneeded) {
	slices.SortFunc(all, func(a, b unneeded) int { return a.rev.Compare(b.rev) })
}
