package quorum

// JointConfig is the voters of a configuration in transition: [0] the incoming set, [1]
// the outgoing one. While both are there nothing is decided without a majority of each
// (Raft §6), so neither can act behind the other's back. Outside a transition [1] is
// empty.
type JointConfig [2]MajorityConfig

// String shows both halves, or one if there is no transition: (1 2 3)&&(1 2).
func (c JointConfig) String() string {
	if len(c[1]) == 0 {
		return c[0].String()
	}
	return c[0].String() + "&&" + c[1].String()
}

// IDs returns the voters of both halves.
func (c JointConfig) IDs() map[uint64]struct{} {
	ids := make(map[uint64]struct{}, len(c[0])+len(c[1]))
	for _, half := range c {
		for id := range half {
			ids[id] = struct{}{}
		}
	}
	return ids
}

// Contains reports whether id votes in either half.
func (c JointConfig) Contains(id uint64) bool {
	_, in := c[0][id]
	_, out := c[1][id]
	return in || out
}

// CommittedIndex returns the highest index that majorities of both halves hold.
func (c JointConfig) CommittedIndex(l AckedIndexer) Index {
	return min(c[0].CommittedIndex(l), c[1].CommittedIndex(l))
}

// VoteResult is won if both halves are won, and lost as soon as one is lost.
func (c JointConfig) VoteResult(votes map[uint64]bool) VoteResult {
	in, out := c[0].VoteResult(votes), c[1].VoteResult(votes)
	switch {
	case in == VoteLost || out == VoteLost:
		return VoteLost
	case in == VoteWon && out == VoteWon:
		return VoteWon
	default:
		return VotePending
	}
}

// Describe draws how far each voter of either half is.
func (c JointConfig) Describe(l AckedIndexer) string {
	return MajorityConfig(c.IDs()).Describe(l)
}
