package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// halfStored is a log with snapshot 3, stored entries 4 and 5, unstable 6 and 7.
func halfStored(maxBytes uint64) *raftLog {
	l := newLog(storageOf(3, 1, nil, ents(4, 1, 1)), maxBytes, DiscardLogger())
	l.append(ents(6, 2, 2))
	return l
}

func TestRaftLogJoinsStorageAndUnstable(t *testing.T) {
	l := halfStored(noLimit)
	size := uint64(ents(4, 1)[0].Size())
	require.EqualValues(t, 4, l.firstIndex())
	require.EqualValues(t, 7, l.lastIndex())
	require.EqualValues(t, 2, l.lastTerm())
	for _, row := range []struct {
		name        string
		lo, hi, max uint64
		want        []pb.Entry
		err         error
	}{
		{"stored only", 4, 6, noLimit, ents(4, 1, 1), nil},
		{"unstable only", 6, 8, noLimit, ents(6, 2, 2), nil},
		{"over the border", 5, 7, noLimit, ents(5, 1, 2), nil},
		{"all", 4, 8, noLimit, ents(4, 1, 1, 2, 2), nil},
		{"limit met in Storage", 4, 8, size, ents(4, 1), nil},
		{"limit met at the border", 4, 8, 2 * size, ents(4, 1, 1), nil},
		{"limit met behind the border", 4, 8, 3 * size, ents(4, 1, 1, 2), nil},
		{"nothing asked", 5, 5, noLimit, nil, nil},
		{"compacted", 3, 6, noLimit, nil, ErrCompacted},
	} {
		got, err := l.slice(row.lo, row.hi, row.max)
		require.Equal(t, row.err, err, row.name)
		require.Equal(t, row.want, got, row.name)
	}
	requirePanicHas(t, func() { _, _ = l.slice(6, 9, noLimit) }, "entries [6, 9) asked of a log of [4, 7]")
}

// When the limit cuts off stored entries, nothing unstable may follow, however small.
func TestRaftLogLimitLeavesNoGap(t *testing.T) {
	stored := ents(4, 1, 1)
	stored[1].Data = make([]byte, 100)
	l := newLog(storageOf(3, 1, nil, stored), 50, DiscardLogger())
	l.append(ents(6, 2, 2))
	l.commitTo(7)
	require.Equal(t, ents(4, 1), l.nextEnts(), "5 does not fit, so 6 must wait too")
}

func TestRaftLogTerm(t *testing.T) {
	l := halfStored(noLimit)
	for i, want := range map[uint64]uint64{2: 0, 3: 1, 4: 1, 5: 1, 6: 2, 7: 2, 8: 0} {
		got, err := l.term(i)
		require.NoError(t, err)
		require.Equal(t, want, got, "term of %d", i)
	}
	require.True(t, l.matchTerm(6, 2))
	require.False(t, l.matchTerm(6, 1))
}

func TestRaftLogMarks(t *testing.T) {
	l := halfStored(noLimit)
	require.EqualValues(t, 3, l.applied, "what the snapshot covers was applied")
	require.Nil(t, l.nextEnts())
	l.commitTo(6)
	l.commitTo(4) // late news
	require.EqualValues(t, 6, l.committed)
	require.Equal(t, ents(4, 1, 1, 2), l.nextEnts())
	l.appliedTo(5)
	require.Equal(t, ents(6, 2), l.nextEnts())

	requirePanicHas(t, func() { l.commitTo(8) },
		"tocommit(8) is out of range [lastIndex(7)]. Was the raft log corrupted, truncated, or lost?")
	requirePanicHas(t, func() { l.appliedTo(4) }, "applied(4) is out of range [prevApplied(5), committed(6)]")
	requirePanicHas(t, func() { l.appliedTo(7) }, "applied(7) is out of range")
	requirePanicHas(t, func() { l.append(ents(6, 3)) }, "invariant L2")
	require.NotPanics(t, func() { l.append(ents(7, 3)) }, "7 was not committed")
}

func TestRaftLogPages(t *testing.T) {
	size := uint64(ents(4, 1)[0].Size())
	l := halfStored(size + 1)
	l.commitTo(7)
	for i := uint64(4); i <= 7; i++ {
		next := l.nextEnts()
		require.Len(t, next, 1)
		require.Equal(t, i, next[0].Index)
		l.appliedTo(i)
	}
	require.False(t, l.hasNextEnts())
}

func TestRaftLogRestore(t *testing.T) {
	l := halfStored(noLimit)
	snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 20, Term: 4}}
	l.restore(snap)
	require.EqualValues(t, 21, l.firstIndex())
	require.EqualValues(t, 20, l.lastIndex())
	require.EqualValues(t, 20, l.committed)
	require.False(t, l.hasNextEnts(), "the snapshot itself is not an entry")
	got, err := l.snapshot()
	require.NoError(t, err)
	require.Equal(t, snap, got)
	require.True(t, l.matchTerm(20, 4))
}

func TestRaftLogScanReadsAllPieces(t *testing.T) {
	big := make([]pb.Entry, 5)
	for i := range big {
		big[i] = pb.Entry{Index: uint64(i) + 1, Term: 1, Data: make([]byte, scanBytes/2)}
	}
	l := newLog(storageOf(0, 0, nil, big), noLimit, DiscardLogger())
	var seen []uint64
	require.NoError(t, l.scan(1, 6, func(e pb.Entry) bool { seen = append(seen, e.Index); return e.Index < 4 }))
	require.Equal(t, []uint64{1, 2, 3, 4}, seen)
}
