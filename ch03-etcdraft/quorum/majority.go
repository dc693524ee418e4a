package quorum

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// MajorityConfig is a set of voters of which more than half decide. The empty set agrees
// to everything, so that in a joint configuration with one empty half the other decides
// alone.
type MajorityConfig map[uint64]struct{}

// usualVoters is how many voters are counted without allocating.
const usualVoters = 9

// String shows the voters in ascending order: (1 2 3).
func (c MajorityConfig) String() string {
	words := make([]string, 0, len(c))
	for _, id := range c.Slice() {
		words = append(words, fmt.Sprint(id))
	}
	return "(" + strings.Join(words, " ") + ")"
}

// Slice returns the voters in ascending order.
func (c MajorityConfig) Slice() []uint64 { return slices.Sorted(maps.Keys(c)) }

// CommittedIndex returns the highest index that a majority is known to hold.
func (c MajorityConfig) CommittedIndex(l AckedIndexer) Index {
	if len(c) == 0 {
		return math.MaxUint64
	}
	var room [usualVoters]Index
	held := room[:0]
	for id := range c {
		index, _ := l.AckedIndex(id) // 0 if nothing is known
		held = append(held, index)
	}
	slices.Sort(held)
	return held[len(held)-c.majority()]
}

// VoteResult tells what votes decide: true for yes, false for no, no entry for a voter
// that has not answered. Votes of others do not count.
func (c MajorityConfig) VoteResult(votes map[uint64]bool) VoteResult {
	if len(c) == 0 {
		return VoteWon
	}
	var yes, missing int
	for id := range c {
		switch vote, answered := votes[id]; {
		case !answered:
			missing++
		case vote:
			yes++
		}
	}
	switch {
	case yes >= c.majority():
		return VoteWon
	case yes+missing >= c.majority():
		return VotePending
	default:
		return VoteLost
	}
}

// majority is the least number of voters of which any two groups share one.
func (c MajorityConfig) majority() int { return len(c)/2 + 1 }

// Describe draws for each voter how far it is, as a bar among the others, e.g. with
// voters 1 to 3 that hold 100, 103 and an unknown index:
//
//	     idx
//	>    100    (id=1)
//	x>   103    (id=2)
//	?      0    (id=3)
func (c MajorityConfig) Describe(l AckedIndexer) string {
	if len(c) == 0 {
		return "<empty majority quorum>"
	}
	ids := c.Slice()
	ranked := slices.Clone(ids)
	index := func(id uint64) Index { i, _ := l.AckedIndex(id); return i }
	slices.SortStableFunc(ranked, func(a, b uint64) int {
		if d := cmp.Compare(index(a), index(b)); d != 0 {
			return d
		}
		return cmp.Compare(a, b)
	})
	var b strings.Builder
	fmt.Fprintf(&b, "%s    idx\n", strings.Repeat(" ", len(ids)))
	for _, id := range ids {
		bar := "?" + strings.Repeat(" ", len(ids))
		if _, known := l.AckedIndex(id); known {
			behind := slices.IndexFunc(ranked, func(o uint64) bool { return index(o) == index(id) })
			bar = strings.Repeat("x", behind) + ">" + strings.Repeat(" ", len(ids)-behind)
		}
		fmt.Fprintf(&b, "%s %5d    (id=%d)\n", bar, index(id), id)
	}
	return b.String()
}
