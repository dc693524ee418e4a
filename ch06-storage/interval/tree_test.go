package interval

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// requireInvariants checks the three invariants of Tree below n.
func requireInvariants(t require.TestingT, n *node[int]) {
	if n == nil {
		return
	}
	require.False(t, n.iv.IsEmpty(), "invariant 1")
	require.LessOrEqual(t, n.lean(), 1, "invariant 3 at %v", n.iv)
	require.GreaterOrEqual(t, n.lean(), -1, "invariant 3 at %v", n.iv)
	latest := n.end
	for side, child := range map[int]*node[int]{-1: n.left, 1: n.right} {
		if child == nil {
			continue
		}
		require.Equal(t, side, sign(n.compare(child.iv, child.end)), "invariant 1: %v below %v", child.iv, n.iv)
		if child.latest.compare(latest) > 0 {
			latest = child.latest
		}
		requireInvariants(t, child)
	}
	require.Zero(t, latest.compare(n.latest), "invariant 2 at %v", n.iv)
	require.Equal(t, 1+max(n.left.levels(), n.right.levels()), n.height)
}

func sign(i int) int { return min(max(i, -1), 1) }

// TestTheExampleOfTree is the example at the type.
func TestTheExampleOfTree(t *testing.T) {
	var tree Tree[string]
	for name, ends := range map[string]string{"a": "12", "b": "29", "c": "34", "d": "46", "e": "56", "f": "67", "g": "78"} {
		tree.Set(New([]byte(ends[:1]), []byte(ends[1:])), name)
	}
	require.Equal(t, []string{"b", "f"}, tree.AppendContaining(nil, []byte("6")))
	require.Equal(t, []string{"b", "d", "e"}, tree.AppendContaining(nil, []byte("5")))
	require.Empty(t, tree.AppendContaining(nil, []byte("9")))
}

func TestTreeFindsByHowAnIntervalIsMeant(t *testing.T) {
	var tree Tree[int]
	tree.Set(New([]byte("a"), []byte("a\x00")), 1)
	tree.Set(New([]byte("b"), []byte("a")), 9) // empty
	require.Equal(t, 1, tree.Len())
	value, found := tree.Get(Point([]byte("a")))
	require.True(t, found, "two spellings of one set of keys")
	require.Equal(t, 1, value)
	tree.Set(Point([]byte("a")), 2)
	require.Equal(t, 1, tree.Len())
	require.Equal(t, []int{2}, tree.AppendContaining(nil, []byte("a")))
	require.False(t, tree.Delete(New([]byte("a"), []byte("b"))), "not the same interval")
	require.False(t, tree.Delete(Interval{}))
	_, found = tree.Get(New([]byte("a"), []byte("b")))
	require.False(t, found)
	require.True(t, tree.Delete(Point([]byte("a"))))
	require.Zero(t, tree.Len())
}

// TestTreeAgainstAList does the same to a tree and to a list of intervals.
func TestTreeAgainstAList(t *testing.T) {
	drawKey := rapid.Custom(func(t *rapid.T) []byte {
		return rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 'b', 'c'}), 1, 3).Draw(t, "key")
	})
	drawInterval := rapid.Custom(func(t *rapid.T) Interval {
		switch key := drawKey.Draw(t, "begin"); rapid.IntRange(0, 3).Draw(t, "shape") {
		case 0:
			return Point(key)
		case 1:
			return New(key, []byte{0})
		default:
			return New(key, drawKey.Draw(t, "end"))
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		var tree Tree[int]
		list := map[string]int{}
		byName := map[string]Interval{}
		next := 0
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				iv := drawInterval.Draw(t, "interval")
				next++
				tree.Set(iv, next)
				if !iv.IsEmpty() {
					list[iv.String()], byName[iv.String()] = next, iv
				}
			},
			"delete": func(t *rapid.T) {
				iv := drawInterval.Draw(t, "interval")
				if len(byName) > 0 && rapid.Bool().Draw(t, "one that is there") {
					iv = byName[rapid.SampledFrom(slices.Sorted(maps.Keys(byName))).Draw(t, "which")]
				}
				_, was := list[iv.String()]
				delete(list, iv.String())
				delete(byName, iv.String())
				require.Equal(t, was, tree.Delete(iv), "%v", iv)
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(list), tree.Len())
				requireInvariants(t, tree.root)
				require.ElementsMatch(t, slices.Collect(maps.Values(list)), tree.AppendAll(nil))
				key := drawKey.Draw(t, "searched")
				want := []int{}
				for name, value := range list {
					got, found := tree.Get(byName[name])
					require.True(t, found)
					require.Equal(t, value, got)
					if byName[name].Contains(key) {
						want = append(want, value)
					}
				}
				require.ElementsMatch(t, want, tree.AppendContaining(nil, key), "containing %q", key)
			},
		})
	})
}

// visits counts the nodes that a search looks at.
func visits(n *node[int], key []byte) int {
	if n == nil || !n.latest.isAfter(key) {
		return 1
	}
	count := 1 + visits(n.left, key)
	if string(n.iv.begin) <= string(key) {
		count += visits(n.right, key)
	}
	return count
}

// TestSearchIsShort counts instead of taking the time.
func TestSearchIsShort(t *testing.T) {
	const n = 1 << 14
	var apart, nested Tree[int]
	for i := range n {
		apart.Set(New(fmt.Appendf(nil, "%06d", 2*i), fmt.Appendf(nil, "%06d", 2*i+1)), i)
		nested.Set(New(fmt.Appendf(nil, "%06d", i), fmt.Appendf(nil, "%06d", 4*n-i)), i)
	}
	height := apart.root.height
	require.LessOrEqual(t, float64(height), 1.45*math.Log2(n)+2, "height of an AVL tree")
	for _, i := range []int{0, 1, n / 3, n - 1} {
		require.LessOrEqual(t, visits(apart.root, fmt.Appendf(nil, "%06d", 2*i)), 4*height, "one found")
		require.LessOrEqual(t, visits(apart.root, fmt.Appendf(nil, "%06d", 2*i+1)), 4*height, "none found")
		found := len(nested.AppendContaining(nil, fmt.Appendf(nil, "%06d", i)))
		require.Equal(t, i+1, found)
		require.LessOrEqual(t, visits(nested.root, fmt.Appendf(nil, "%06d", i)), 2*found+4*height, "many found")
	}
}

func TestSearchDoesNotAllocate(t *testing.T) {
	var tree Tree[int]
	for i := range 1000 {
		tree.Set(New(fmt.Appendf(nil, "%04d", i), []byte{0}), i)
	}
	key, values := []byte("0500"), make([]int, 0, 1000)
	require.Zero(t, testing.AllocsPerRun(100, func() { values = tree.AppendContaining(values[:0], key) }))
	require.Len(t, values, 501)
}

func BenchmarkTreeContaining(b *testing.B) {
	for _, n := range []int{100, 10_000, 1_000_000} {
		b.Run(fmt.Sprintf("%d intervals", n), func(b *testing.B) {
			var tree Tree[int]
			for i := range n {
				tree.Set(New(fmt.Appendf(nil, "%08d/", i), fmt.Appendf(nil, "%08d0", i)), i)
			}
			key, values := fmt.Appendf(nil, "%08d/k", n/3), make([]int, 0, 8)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				values = tree.AppendContaining(values[:0], key)
			}
			if len(values) != 1 {
				b.Fatal(values)
			}
		})
	}
}
