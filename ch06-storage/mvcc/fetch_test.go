package mvcc

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/interval"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// TestAListIsTheSameInEveryForm: framed or not, with values or without, from the backend or
// within a transaction; the keys were put in another order than they are listed in.
func TestAListIsTheSameInEveryForm(t *testing.T) {
	m := newMember(t)
	random := rand.New(rand.NewPCG(3, 4))
	last := map[string]string{}
	for i := range 3 {
		for _, k := range random.Perm(700) {
			key := fmt.Sprintf("k%03d", k)
			last[key] = key + string(bytes.Repeat([]byte{'v'}, random.IntN(300)*i))
			m.put(key, last[key])
		}
	}
	all := interval.New([]byte("k"), []byte("l"))
	txn := m.Write()
	defer txn.End()
	txn.Put([]byte("k100"), []byte("the transaction's own"), 7)
	for name, view := range map[string]ReadView{"outside": m.Read(), "inside": txn} {
		if read, isRead := view.(TxnRead); isRead && name == "outside" {
			defer read.End()
		}
		for _, limit := range []int64{0, 1, 10} {
			plain, err := view.Range(all, RangeOptions{Limit: limit})
			require.NoError(t, err)
			require.Nil(t, plain.Framed)
			for i, kv := range plain.KVs {
				require.Equal(t, fmt.Sprintf("k%03d", i), string(kv.Key()))
				if name == "outside" || i != 100 {
					require.Equal(t, last[string(kv.Key())], string(kv.Value()))
				}
			}
			for _, keysOnly := range []bool{false, true} {
				got, err := view.Range(all, RangeOptions{Limit: limit, KeysOnly: keysOnly, FrameTag: 0x12})
				require.NoError(t, err)
				require.Len(t, got.KVs, len(plain.KVs), name)
				var framed []byte
				for i, want := range plain.KVs {
					if keysOnly {
						want = want.WithoutValue()
					}
					require.Equal(t, want, got.KVs[i], name)
					framed = protowire.AppendBytes(append(framed, 0x12), want)
				}
				require.Equal(t, framed, got.Framed, name)
				unframed, err := view.Range(all, RangeOptions{Limit: limit, KeysOnly: keysOnly})
				require.NoError(t, err)
				require.Equal(t, got.KVs, unframed.KVs, name)
			}
		}
	}
	none, err := m.Range(interval.New([]byte("x"), []byte("y")), RangeOptions{FrameTag: 0x12})
	require.NoError(t, err)
	require.Equal(t, RangeResult{Rev: none.Rev}, none)
}

// Nothing is encoded or allocated once more than the list is long.
func TestAListIsCopiedOnce(t *testing.T) {
	records := make([]mvccpb.RawKeyValue, 1000)
	revs := make([]Revision, len(records))
	for i := range records {
		records[i] = encodePut(Revision{Main: 2}, generation{created: 2, ver: 1}, []byte("key"), make([]byte, 100), 0).record
		revs[i] = Revision{Main: int64(2 + (i*7)%1000)} // in no order
	}
	allocs := testing.AllocsPerRun(10, func() {
		fetch(revs, func(rev Revision) []byte { return records[rev.Main-2] }, RangeOptions{FrameTag: 0x12})
	})
	require.LessOrEqual(t, allocs, 3.0, "the slice, the arena, the order")
}

// What was given back is used again, and no list that is in use is written to.
func TestListsInUseKeepTheirMemory(t *testing.T) {
	m := newMember(t)
	for i := range 200 {
		m.put(fmt.Sprintf("k%03d", i), string(bytes.Repeat([]byte{byte(i)}, 1000)))
	}
	list := func() RangeResult {
		res, err := m.Range(interval.New([]byte("k"), []byte("l")), RangeOptions{FrameTag: 0x12})
		require.NoError(t, err)
		return res
	}
	want := bytes.Clone(list().Framed)
	require.Greater(t, len(want), 1<<leastArenaBits)
	var inUse []RangeResult
	for i := range 50 {
		res := list()
		if i%2 == 0 {
			inUse = append(inUse, res)
			continue
		}
		clear(res.Framed)
		Recycle(res.Framed)
	}
	for _, res := range inUse {
		require.Equal(t, want, res.Framed)
	}
	for _, size := range []int{0, 1, 1 << leastArenaBits, 1<<leastArenaBits + 1, 1 << mostArenaBits, 1<<mostArenaBits + 1} {
		arena := newArena(size)
		require.Empty(t, arena)
		require.GreaterOrEqual(t, cap(arena), size)
		Recycle(arena)
		Recycle(make([]byte, 0, 100_000)) // is no arena, so nobody gets it
	}
}
