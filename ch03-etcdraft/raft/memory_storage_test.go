package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// threeToFive is the worked example: entries 1 to 5, compacted at 3.
func threeToFive(t *testing.T) *MemoryStorage {
	s := NewMemoryStorage()
	require.NoError(t, s.Append(ents(1, 1, 2, 3, 4, 5)))
	require.NoError(t, s.Compact(3))
	return s
}

func TestMemoryStorageWorkedExample(t *testing.T) {
	s := threeToFive(t)
	first, _ := s.FirstIndex()
	last, _ := s.LastIndex()
	require.EqualValues(t, 4, first)
	require.EqualValues(t, 5, last)
	require.Equal(t, pb.Entry{Index: 3, Term: 3}, s.ents[0], "the dummy has no data")
}

func TestMemoryStorageTerm(t *testing.T) {
	s := threeToFive(t)
	for _, row := range []struct {
		index, want uint64
		err         error
	}{
		{2, 0, ErrCompacted},
		{3, 3, nil}, // just before the first: asked for when logs are matched
		{5, 5, nil},
		{6, 0, ErrUnavailable},
	} {
		term, err := s.Term(row.index)
		require.Equal(t, row.want, term, "term of %d", row.index)
		require.Equal(t, row.err, err, "term of %d", row.index)
	}
}

func TestMemoryStorageEntries(t *testing.T) {
	s := threeToFive(t)
	require.NoError(t, s.Append(ents(6, 6)))
	size := uint64(ents(4, 4)[0].Size())
	for _, row := range []struct {
		name        string
		lo, hi, max uint64
		want        []pb.Entry
		err         error
	}{
		{"compacted", 2, 6, noLimit, nil, ErrCompacted},
		{"the dummy", 3, 6, noLimit, nil, ErrCompacted},
		{"all", 4, 7, noLimit, ents(4, 4, 5, 6), nil},
		{"a part", 5, 6, noLimit, ents(5, 5), nil},
		{"at least one", 4, 7, 0, ents(4, 4), nil},
		{"two fit exactly", 4, 7, 2 * size, ents(4, 4, 5), nil},
		{"two fit, the third not quite", 4, 7, 3*size - 1, ents(4, 4, 5), nil},
	} {
		got, err := s.Entries(row.lo, row.hi, row.max)
		require.Equal(t, row.err, err, row.name)
		require.Equal(t, row.want, got, row.name)
	}
	require.Panics(t, func() { _, _ = s.Entries(4, 8, noLimit) }, "beyond the last index")

	require.NoError(t, s.Compact(6))
	_, err := s.Entries(7, 7, noLimit)
	require.Equal(t, ErrUnavailable, err, "only the dummy is left")
}

func TestMemoryStorageAppend(t *testing.T) {
	for _, row := range []struct {
		name       string
		ents, want []pb.Entry
	}{
		{"nothing", nil, ents(3, 3, 4, 5)},
		{"all compacted", ents(1, 1, 2), ents(3, 3, 4, 5)},
		{"the same again", ents(3, 3, 4, 5), ents(3, 3, 4, 5)},
		{"another term from 4 on", ents(4, 6), ents(3, 3, 6)},
		{"partly compacted", ents(2, 3, 3, 7), ents(3, 3, 7)},
		{"behind the end", ents(6, 5), ents(3, 3, 4, 5, 5)},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := threeToFive(t)
			lent, err := s.Entries(4, 6, noLimit)
			require.NoError(t, err)
			require.NoError(t, s.Append(row.ents))
			row.want[0].Data = nil // the dummy
			require.Equal(t, row.want, s.ents)
			require.Equal(t, ents(4, 4, 5), lent, "what was lent stays as it was")
		})
	}
	require.Panics(t, func() { _ = threeToFive(t).Append(ents(7, 5)) }, "a gap")
}

func TestMemoryStorageSnapshots(t *testing.T) {
	s := NewMemoryStorage()
	require.NoError(t, s.Append(ents(1, 1, 2, 3, 4, 5)))
	cs := &pb.ConfState{Voters: []uint64{1}}

	snap, err := s.CreateSnapshot(4, cs, []byte("state"))
	require.NoError(t, err)
	require.Equal(t, pb.SnapshotMetadata{ConfState: *cs, Index: 4, Term: 4}, snap.Metadata, "the term is the log's")
	_, err = s.CreateSnapshot(4, cs, nil)
	require.Equal(t, ErrSnapOutOfDate, err)
	snap, err = s.CreateSnapshot(5, nil, nil)
	require.NoError(t, err)
	require.Equal(t, *cs, snap.Metadata.ConfState, "nil keeps the configuration")
	require.Panics(t, func() { _, _ = s.CreateSnapshot(6, nil, nil) }, "beyond the last index")
	first, _ := s.FirstIndex()
	require.EqualValues(t, 1, first, "a snapshot does not compact")

	require.Equal(t, ErrSnapOutOfDate, s.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 5}}))
	require.NoError(t, s.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 9, Term: 7}}))
	require.Equal(t, []pb.Entry{{Index: 9, Term: 7}}, s.ents, "the log starts over behind the snapshot")
}

func TestMemoryStorageCompact(t *testing.T) {
	s := threeToFive(t)
	require.Equal(t, ErrCompacted, s.Compact(2))
	require.Equal(t, ErrCompacted, s.Compact(3))
	require.NoError(t, s.Compact(5))
	require.Equal(t, []pb.Entry{{Index: 5, Term: 5}}, s.ents)
	require.Panics(t, func() { _ = s.Compact(6) })
	_, err := s.CreateSnapshot(4, nil, nil)
	require.Equal(t, ErrCompacted, err, "the term of entry 4 is forgotten")
}
