// Package quorum answers the two questions that Raft puts to a set of voters: up to
// which index does a majority hold the log, and has a majority voted for me? A joint
// configuration (Raft §6) asks two sets and needs both to agree.
//
// Example: five voters, and what each is known to hold.
//
//	voter          1    2    3    4    5
//	holds up to    9    5    7    ?    8        ? = never heard of: nothing
//	sorted         0    5    7    8    9
//	                         ▲ three of five hold at least 7: committed index 7
//
// The same with voter 4 at 9 gives 8. Everything here is a pure function of its
// arguments; who voted for whom and who holds what is kept in package tracker.
package quorum

import (
	"math"
	"strconv"
)

// Index is a place in the Raft log.
type Index uint64

// String is the number, or ∞ for the index that an empty set of voters commits.
func (i Index) String() string {
	if i == math.MaxUint64 {
		return "∞"
	}
	return strconv.FormatUint(uint64(i), 10)
}

// AckedIndexer knows how far the log of a voter is known to agree with the leader's.
type AckedIndexer interface {
	// AckedIndex returns false for a voter that nothing is known of.
	AckedIndex(voterID uint64) (idx Index, found bool)
}

// VoteResult is what the votes cast so far decide.
type VoteResult uint8

const (
	VotePending VoteResult = 1 // the missing votes decide
	VoteLost    VoteResult = 2 // also with all missing votes there is no majority
	VoteWon     VoteResult = 3
)

var voteResultNames = map[VoteResult]string{VotePending: "VotePending", VoteLost: "VoteLost", VoteWon: "VoteWon"}

// String is the constant's name.
func (v VoteResult) String() string {
	if name, ok := voteResultNames[v]; ok {
		return name
	}
	return "VoteResult(" + strconv.Itoa(int(v)) + ")"
}
