package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// The worked example of the type's comment.
func TestUnstableWorkedExample(t *testing.T) {
	u := newUnstable(6, DiscardLogger())
	u.append(ents(6, 1, 1, 1))
	lent := u.lend()
	require.Equal(t, ents(6, 1, 1, 1), lent)

	u.append(ents(9, 1)) // while the application writes 6 to 8
	u.stableTo(8, 1)
	require.EqualValues(t, 9, u.offset)
	require.Equal(t, ents(9, 1), u.entries)
	require.Equal(t, ents(6, 1, 1, 1), lent, "U4: what was lent stays as it was")
}

func TestUnstableReplacesFromTheFirstIndexOn(t *testing.T) {
	for _, row := range []struct {
		name       string
		ents, want []pb.Entry
		wantOffset uint64
	}{
		{"behind the end", ents(8, 2), ents(5, 1, 1, 1, 2), 5},
		{"in the middle", ents(6, 2), ents(5, 1, 2), 5},
		{"at the offset", ents(5, 2, 2), ents(5, 2, 2), 5},
		{"below the offset: stored entries are void", ents(3, 2, 2), ents(3, 2, 2), 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := newUnstable(5, DiscardLogger())
			u.append(ents(5, 1, 1, 1))
			lent := u.lend()
			u.append(row.ents)
			require.Equal(t, row.want, u.entries)
			require.Equal(t, row.wantOffset, u.offset)
			require.Equal(t, ents(5, 1, 1, 1), lent, "U4: what was lent stays as it was")
		})
	}
	u := newUnstable(5, DiscardLogger())
	requirePanicHas(t, func() { u.append(ents(7, 1)) }, "invariant U1: append at index 7 leaves a gap after 4")
}

func TestUnstableStableTo(t *testing.T) {
	for _, row := range []struct {
		name        string
		index, term uint64
		wantOffset  uint64
		wantLen     int
	}{
		{"the first", 5, 1, 6, 1},
		{"both", 6, 1, 7, 0},
		{"another term is another entry", 5, 2, 5, 2},
		{"below: known already", 4, 1, 5, 2},
		{"beyond the end", 7, 1, 5, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := newUnstable(5, DiscardLogger())
			u.append(ents(5, 1, 1))
			u.stableTo(row.index, row.term)
			require.Equal(t, row.wantOffset, u.offset)
			require.Len(t, u.entries, row.wantLen)
		})
	}
}

func TestUnstableSnapshot(t *testing.T) {
	u := newUnstable(5, DiscardLogger())
	u.append(ents(5, 1, 1))
	_, ok := u.firstIndex()
	require.False(t, ok, "without a snapshot, Storage knows where the log starts")

	u.restore(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 20, Term: 3}})
	first, ok := u.firstIndex()
	require.True(t, ok)
	require.EqualValues(t, 21, first)
	last, _ := u.lastIndex()
	require.EqualValues(t, 20, last)
	term, _ := u.term(20)
	require.EqualValues(t, 3, term)

	u.stableTo(20, 3) // the confirmation of an entry that the snapshot has replaced
	require.EqualValues(t, 21, u.offset)
	u.stableSnapTo(19)
	require.NotNil(t, u.snapshot, "an older snapshot was written")
	u.stableSnapTo(20)
	require.Nil(t, u.snapshot)
}

// A burst's array is not kept for ever.
func TestUnstableLetsALargeArrayGo(t *testing.T) {
	u := newUnstable(1, DiscardLogger())
	for i := range uint64(600) { // its array has room for 1024
		u.append(ents(i+1, 1))
	}
	u.stableTo(600, 1)
	require.LessOrEqual(t, cap(u.entries), entryChunk)
}
