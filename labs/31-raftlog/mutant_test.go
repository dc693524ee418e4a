package raftlog

import "testing"

// TestMutant is yours. It passes on the reference, and fails on two faults, one after the
// other: a log that takes the write of a replaced entry for a proof of the one in its place,
// and one that is cut by every append, conflict or not.
//
// What the other tests of this folder use is there for you: start, appends, hands, wrote,
// writes, stored, expect. Fail by an assertion: a panic does not count.
func TestMutant(t *testing.T) {
	n := start(t, 1, 1)
	n.appends(2, 2, 1, 1, 2)
	rd := n.hands()
	n.appends(3, 3, 1, 1, 3)
	n.wrote(rd)
	n.writes()
	expect(n, ruleWritten, "on disk", show(entries(1, 1, 3)), show(n.stored()))

	n = start(t, 1, 1, 1)
	n.appends(2, 1, 0, 0, 1)
	n.writes()
	expect(n, ruleLate, "on disk", show(entries(1, 1, 1)), show(n.stored()))
}
