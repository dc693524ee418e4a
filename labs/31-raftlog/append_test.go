package raftlog

import (
	"slices"
	"testing"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// Task 3.1.2: what is written, and when it counts. Node 1 follows.

func TestEntriesAreHandedOutOnce(t *testing.T) {
	n := start(t, 1, 1, 1)
	n.appends(2, 1, 2, 1, 1, 1)
	rd := n.hands()
	expect(n, ruleOnce, "to be written", show(entries(3, 1, 1)), show(rd.Entries))
	n.appends(2, 1, 4, 1, 1) // while the first two are being written
	n.wrote(rd)
	rd = n.writes()
	expect(n, ruleOnce, "to be written", show(entries(5, 1)), show(rd.Entries))
	expect(n, ruleOnce, "on disk", show(entries(1, 1, 1, 1, 1, 1)), show(n.stored()))
	expect(n, ruleOnce, "there is something to do", false, n.HasReady())
}

func TestALateAppendTruncatesNothing(t *testing.T) {
	n := start(t, 1)
	n.appends(2, 1, 0, 0, 1, 1, 1, 1)
	n.writes()
	n.appends(2, 1, 0, 0, 1, 1) // an earlier message, come late
	rd := n.writes()
	expect(n, ruleLate, "to be written", "[]", show(rd.Entries))
	n.appends(2, 1, 4, 1, 1)
	n.writes()
	expect(n, ruleLate, "on disk", show(entries(1, 1, 1, 1, 1, 1)), show(n.stored()))
	n.appends(2, 1, 1, 1, 1, 1, 1, 1, 1) // half known, half new
	rd = n.writes()
	expect(n, ruleLate, "to be written", show(entries(6, 1)), show(rd.Entries))
}

func TestAConflictReplacesTheTail(t *testing.T) {
	for _, c := range []struct {
		name             string
		stored, unstable []uint64
		prev, prevTerm   uint64
		from             []uint64
		want             []uint64
	}{
		{"in Storage", []uint64{1, 1, 1, 1}, nil, 1, 1, []uint64{3}, []uint64{1, 3}},
		{"in Storage, below what is not stored", []uint64{1, 1, 1}, []uint64{2, 2}, 2, 1, []uint64{3, 3}, []uint64{1, 1, 3, 3}},
		{"at the first that is not stored", []uint64{1, 1}, []uint64{2, 2, 2}, 2, 1, []uint64{3}, []uint64{1, 1, 3}},
		{"among those that are not stored", []uint64{1, 1}, []uint64{2, 2, 2}, 3, 2, []uint64{3, 3}, []uint64{1, 1, 2, 3, 3}},
		{"behind entries that agree", []uint64{1, 1}, []uint64{2, 2}, 1, 1, []uint64{1, 2, 3}, []uint64{1, 1, 2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := start(t, 1, c.stored...)
			if len(c.unstable) > 0 {
				n.appends(2, 2, uint64(len(c.stored)), c.stored[len(c.stored)-1], c.unstable...)
			}
			n.appends(3, 3, c.prev, c.prevTerm, c.from...)
			m := n.answer(pb.MsgAppResp) // writes all there is
			expect(n, ruleConflict, "on disk", show(entries(1, c.want...)), show(n.stored()))
			expect(n, ruleConflict, "refused", false, m.Reject)
		})
	}
}

func TestWhatWasHandedOutStaysAsItWas(t *testing.T) {
	n := start(t, 1, 1)
	n.appends(2, 2, 1, 1, 2, 2, 2)
	rd := n.hands()
	before := slices.Clone(rd.Entries)
	n.appends(3, 3, 2, 2, 3, 3)
	expect(n, ruleLent, "the Ready that is being written", show(before), show(rd.Entries))
}

// A replaced entry is written late: its write is no proof of the one in its place.
func TestTheWriteOfAReplacedEntryProvesNothing(t *testing.T) {
	n := start(t, 1, 1)
	n.appends(2, 2, 1, 1, 2, 2)
	rd := n.hands() // 2/2 and 2/3 …
	n.appends(3, 3, 2, 2, 3)
	n.wrote(rd) // … of which 2/3 is not in the log any more
	rd = n.writes()
	expect(n, ruleWritten, "to be written", show(entries(3, 3)), show(rd.Entries))
	expect(n, ruleWritten, "on disk", show(entries(1, 1, 2, 3)), show(n.stored()))
}
