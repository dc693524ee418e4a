package election

import (
	"testing"

	"insideetcd/ch02-raft/paper"
)

// TestMutant is yours. It passes on the reference, and fails on two faults, one after the
// other: a server that gives votes away to candidates whose log lacks what its own has, and
// one that takes half of an even number of servers for a majority.
//
// What the other tests of this folder use is there for you: start, campaigns, vote, answer,
// expect. Fail by an assertion: a panic does not count.
func TestMutant(t *testing.T) {
	s := start(t, 3, withLog(1, 3))
	granted, _ := s.answer(2, 4, &paper.RequestVote{LastLogIndex: 9, LastLogTerm: 2})
	expect(s, ruleUpTo, "a longer log with an older last term gets the vote", false, granted)

	s = start(t, 4, inTerm(1))
	s.campaigns(1)
	s.vote(2, true)
	expect(s, ruleWin, "role with 2 of 4 votes", paper.Candidate, s.Status().Role)
}
