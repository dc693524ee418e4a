package quorum

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// held is what each voter is known to hold; a voter without an entry is unknown.
type held map[uint64]Index

func (h held) AckedIndex(id uint64) (Index, bool) { i, ok := h[id]; return i, ok }

func voters(ids ...uint64) MajorityConfig {
	c := MajorityConfig{}
	for _, id := range ids {
		c[id] = struct{}{}
	}
	return c
}

// The example of the package comment.
func ExampleMajorityConfig_CommittedIndex() {
	c := voters(1, 2, 3, 4, 5)
	h := held{1: 9, 2: 5, 3: 7, 5: 8}
	fmt.Println(c, "commit", c.CommittedIndex(h))
	fmt.Print(c.Describe(h))
	h[4] = 9
	fmt.Println("with voter 4 at 9:", c.CommittedIndex(h))
	// Output:
	// (1 2 3 4 5) commit 7
	//          idx
	// xxxx>      9    (id=1)
	// x>         5    (id=2)
	// xx>        7    (id=3)
	// ?          0    (id=4)
	// xxx>       8    (id=5)
	// with voter 4 at 9: 8
}

// A change from {1 2 3} to {1 4 5}: what the old majority holds is not enough.
func ExampleJointConfig() {
	c := JointConfig{voters(1, 4, 5), voters(1, 2, 3)}
	fmt.Println(c, "commit", c.CommittedIndex(held{1: 9, 2: 9, 3: 9, 4: 2}))
	fmt.Println("votes of 1 2 3:", c.VoteResult(map[uint64]bool{1: true, 2: true, 3: true}))
	fmt.Println("and of 4:", c.VoteResult(map[uint64]bool{1: true, 2: true, 3: true, 4: true}))
	fmt.Println("but not of 4 and 5:", c.VoteResult(map[uint64]bool{1: true, 2: true, 3: true, 4: false, 5: false}))
	// Output:
	// (1 4 5)&&(1 2 3) commit 2
	// votes of 1 2 3: VotePending
	// and of 4: VoteWon
	// but not of 4 and 5: VoteLost
}

func TestVotesDecideByMajority(t *testing.T) {
	yes, no := true, false
	for _, row := range []struct {
		name  string
		c     MajorityConfig
		votes map[uint64]bool
		want  VoteResult
	}{
		{"nobody has to agree", voters(), nil, VoteWon},
		{"one voter, silent", voters(1), nil, VotePending},
		{"one voter agrees", voters(1), map[uint64]bool{1: yes}, VoteWon},
		{"one voter refuses", voters(1), map[uint64]bool{1: no}, VoteLost},
		{"half of two is no majority", voters(1, 2), map[uint64]bool{1: yes}, VotePending},
		{"one refusal of two decides", voters(1, 2), map[uint64]bool{1: yes, 2: no}, VoteLost},
		{"half of four is no majority", voters(1, 2, 3, 4), map[uint64]bool{1: yes, 2: yes}, VotePending},
		{"two refusals of four decide", voters(1, 2, 3, 4), map[uint64]bool{3: no, 4: no}, VoteLost},
		{"three of four", voters(1, 2, 3, 4), map[uint64]bool{1: yes, 2: yes, 4: yes, 3: no}, VoteWon},
		{"strangers do not count", voters(1, 2, 3), map[uint64]bool{7: yes, 8: yes, 9: yes}, VotePending},
	} {
		require.Equal(t, row.want, row.c.VoteResult(row.votes), "%s: %v of %v", row.name, row.votes, row.c)
	}
}

// The committed index by its definition: the highest index that more than half hold.
func committedByDefinition(c MajorityConfig, h held) (best Index) {
	for _, candidate := range h {
		n := 0
		for id := range c {
			if h[id] >= candidate {
				n++
			}
		}
		if 2*n > len(c) && candidate > best {
			best = candidate
		}
	}
	return best
}

func TestCommittedIndexIsWhatItsDefinitionSays(t *testing.T) {
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		c, h := voters(), held{}
		for id := uint64(1); id <= 1+rnd.Uint64N(11); id++ {
			c[id] = struct{}{}
			if rnd.IntN(5) > 0 {
				h[id] = Index(rnd.IntN(20))
			}
		}
		require.Equal(t, committedByDefinition(c, h), c.CommittedIndex(h), "seed %d: %v hold %v", seed, c, h)

		other := voters(2, 3, 20)
		h[20] = Index(rnd.IntN(20))
		joint := JointConfig{c, other}
		require.Equal(t, min(committedByDefinition(c, h), committedByDefinition(other, h)), joint.CommittedIndex(h), "seed %d", seed)
		require.Equal(t, c.CommittedIndex(h), JointConfig{c}.CommittedIndex(h), "an empty half leaves the other to decide")
		require.Equal(t, c.CommittedIndex(h), JointConfig{nil, c}.CommittedIndex(h))
	}
}

func TestCommittedIndexOfNobodyIsInfinite(t *testing.T) {
	require.Equal(t, "∞", JointConfig{}.CommittedIndex(held{}).String())
	require.Equal(t, "VoteWon VoteResult(9)", fmt.Sprint(JointConfig{}.VoteResult(nil), VoteResult(9)))
	require.Equal(t, "<empty majority quorum>", JointConfig{}.Describe(held{}))
}

func TestCountingAllocatesNothing(t *testing.T) {
	c, h := JointConfig{voters(1, 2, 3, 4, 5)}, held{1: 3, 2: 4, 5: 9}
	var l AckedIndexer = h
	require.Zero(t, testing.AllocsPerRun(100, func() { c.CommittedIndex(l) }))
}

func BenchmarkCommittedIndex(b *testing.B) {
	c, h := JointConfig{voters(1, 2, 3, 4, 5)}, held{1: 3, 2: 4, 3: 7, 4: 8, 5: 9}
	b.ReportAllocs()
	for b.Loop() {
		c.CommittedIndex(h)
	}
}
