package interval

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWireSpellings(t *testing.T) {
	for _, c := range []struct {
		name, key, end string
		want           string
	}{
		{"one key", "a", "", `{"a"}`},
		{"the end just above the key is one key too", "a", "a\x00", `{"a"}`},
		{"from a key on", "a", "\x00", `["a", ∞)`},
		{"everything", "\x00", "\x00", `["\x00", ∞)`},
		{"a range", "a", "c", `["a", "c")`},
		{"a prefix", "k/", "k0", `["k/", "k0")`},
		{"end equal to begin holds nothing", "a", "a", `{}`},
		{"end below begin holds nothing", "b", "a", `{}`},
		{"longer than the successor is a range", "a", "a\x00\x00", `["a", "a\x00\x00")`},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, New([]byte(c.key), []byte(c.end)).String())
		})
	}
	require.True(t, Interval{}.IsEmpty())
	require.False(t, Interval{}.Contains(nil))
}

func TestEndIsTheSmallestKeyAbove(t *testing.T) {
	end, isBounded := Point([]byte("a")).End()
	require.True(t, isBounded)
	require.Equal(t, []byte("a\x00"), end)
	end, isBounded = New([]byte("a"), []byte("c")).End()
	require.True(t, isBounded)
	require.Equal(t, []byte("c"), end)
	_, isBounded = All().End()
	require.False(t, isBounded)
}

// TestOverlapsMeansACommonKey lists a small key space whole, so that Contains and
// Overlaps are judged by counting keys.
func TestOverlapsMeansACommonKey(t *testing.T) {
	var space [][]byte
	letters := []byte{0, 'a', 'b'}
	for _, x := range letters {
		space = append(space, []byte{x})
		for _, y := range letters {
			space = append(space, []byte{x, y}, []byte{x, y, 0})
		}
	}
	pick := rapid.Custom(func(t *rapid.T) Interval {
		key := rapid.SampledFrom(space).Draw(t, "key")
		if rapid.Bool().Draw(t, "single") {
			return New(key, nil)
		}
		return New(key, rapid.SampledFrom(space).Draw(t, "end"))
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := pick.Draw(t, "a"), pick.Draw(t, "b")
		common := false
		for _, k := range space {
			end, isBounded := a.End()
			inside := !a.IsEmpty() && string(a.Begin()) <= string(k) && (!isBounded || string(k) < string(end))
			require.Equal(t, inside, a.Contains(k), "%v contains %q", a, k)
			common = common || (a.Contains(k) && b.Contains(k))
		}
		require.Equal(t, common, a.Overlaps(b), "%v overlaps %v", a, b)
		require.Equal(t, a.Overlaps(b), b.Overlaps(a))
	})
}
