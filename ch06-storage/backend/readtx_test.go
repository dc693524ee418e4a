package backend

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKeysInAnyOrder looks for keys on disk and in the buffer, near each other and far
// apart, in their order and back, some of which are not there: where the last look has left
// the cursor must not matter.
func TestKeysInAnyOrder(t *testing.T) {
	b := newBackend(t)
	name := func(i int) string { return fmt.Sprintf("%05d", i) }
	want := map[string]string{}
	put := func(i int, value string) { b.put(BucketKey, name(i), value); want[name(i)] = value }
	for i := range 3000 { // several pages
		if i%3 != 0 {
			put(i, "disk")
		}
	}
	b.ForceCommit()
	for i := 0; i < 3000; i += 7 {
		put(i, "buffer")
	}
	b.del(BucketKey, name(10))
	delete(want, name(10))
	tx := b.ConcurrentReadTx()
	defer tx.Unlock()
	random := rand.New(rand.NewPCG(1, 2))
	look := func(i int) {
		require.Equal(t, want[name(i)], string(tx.UnsafeGet(BucketKey, []byte(name(i)))), name(i))
	}
	for _, step := range []int{1, 2, 4, 5, 50, -1, -3} {
		for i := range 3000 {
			look(((i*step)%3100 + 3100) % 3100)
		}
	}
	for _, i := range random.Perm(3100) {
		look(i)
		switch random.IntN(20) {
		case 0: // also uses the cursor
			keys, _ := tx.UnsafeRange(BucketKey, []byte(name(i)), nil, 0)
			require.Equal(t, want[name(i)] != "", len(keys) == 1)
		case 1:
			keys, _ := tx.UnsafeRange(BucketKey, []byte(name(i)), []byte(name(i+5)), 0)
			require.True(t, slices.IsSortedFunc(keys, slices.Compare))
		case 2:
			require.Nil(t, tx.UnsafeGet(BucketLease, []byte(name(i))), "another bucket")
		}
		look(i + 1)
	}
}
