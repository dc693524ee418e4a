package raft

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// What could not be applied is refused before it is in the log: it takes an empty
// entry's place.
func TestImpossibleConfChangesBecomeEmptyEntries(t *testing.T) {
	for _, change := range []string{"r1", "l1", ""} {
		m := startMember(t)
		require.NoError(t, m.rn.ProposeConfChange(changes(t, change)))
		rd := m.rn.Ready()
		require.Equal(t, []pb.Entry{{Term: 2, Index: 3}}, rd.Entries, "change %q", change)
	}
	m := startMember(t)
	garbage := pb.Entry{Type: pb.EntryConfChange, Data: []byte("\xff\xff")}
	require.NoError(t, m.rn.Step(pb.Message{Type: pb.MsgProp, Entries: []pb.Entry{garbage, {Data: []byte("x")}}}))
	m.settle()
	require.Equal(t, []string{"x"}, m.applied, "the others of the proposal go through")
}

func TestConfChangeTakesEffectWhenApplied(t *testing.T) {
	m := startMember(t)
	require.NoError(t, m.rn.ProposeConfChange(pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 2}))
	rd := m.rn.Ready()
	m.handle(rd, []part{entriesToDisk, hardStateToDisk})
	require.Empty(t, m.rn.Status().Config.ConfState().Learners, "committed, not applied")
	m.handle(rd, []part{applyAndAnswer, advance})
	require.Equal(t, []uint64{2}, m.rn.Status().Config.ConfState().Learners)
}

// A change that the application refuses is settled with NodeID 0.
func TestRefusedByTheApplication(t *testing.T) {
	m := startMember(t)
	cs := m.rn.ApplyConfChange(pb.ConfChange{})
	require.Equal(t, pb.ConfState{Voters: []uint64{1}}, *cs)
}

func TestVersionsKeepTheirEntryType(t *testing.T) {
	v1 := pb.ConfChange{ID: 7, Type: pb.ConfChangeAddLearnerNode, NodeID: 2, Context: []byte("c")}
	for _, row := range []struct {
		cc   pb.ConfChangeI
		want pb.EntryType
	}{{v1, pb.EntryConfChange}, {v1.AsV2(), pb.EntryConfChangeV2}} {
		e, err := confChangeEntry(row.cc)
		require.NoError(t, err)
		require.Equal(t, row.want, e.Type)
		back, err := decodeConfChange(e)
		require.NoError(t, err)
		require.Equal(t, row.cc.AsV2(), back)
	}
	_, err := decodeConfChange(pb.Entry{Type: pb.EntryConfChangeV2, Index: 4, Data: []byte("\xff")})
	require.True(t, strings.HasPrefix(err.Error(), "decode the EntryConfChangeV2 at index 4: "), err)
}
