package raftpb_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch03-etcdraft/raftpb"
)

func TestConfChangesAsText(t *testing.T) {
	changes, err := raftpb.ConfChangesFromString(" v1 l2\tr3 u4 ")
	require.NoError(t, err)
	require.Equal(t, []raftpb.ConfChangeSingle{
		{Type: raftpb.ConfChangeAddNode, NodeID: 1},
		{Type: raftpb.ConfChangeAddLearnerNode, NodeID: 2},
		{Type: raftpb.ConfChangeRemoveNode, NodeID: 3},
		{Type: raftpb.ConfChangeUpdateNode, NodeID: 4},
	}, changes)
	require.Equal(t, "v1 l2 r3 u4", raftpb.ConfChangesToString(changes))
	require.Equal(t, "unknown(7)1", raftpb.ConfChangesToString([]raftpb.ConfChangeSingle{{Type: 7, NodeID: 1}}))

	changes, err = raftpb.ConfChangesFromString("  ")
	require.NoError(t, err)
	require.Empty(t, changes)
	for _, bad := range []string{"v", "x1", "1", "v-1", "v1 l", "v1,l2", "v18446744073709551616"} {
		_, err := raftpb.ConfChangesFromString(bad)
		require.Error(t, err, "%q", bad)
	}
}

func TestWhenAChangeIsJoint(t *testing.T) {
	one, two := make([]raftpb.ConfChangeSingle, 1), make([]raftpb.ConfChangeSingle, 2)
	for _, c := range []struct {
		name                    string
		change                  raftpb.ConfChangeV2
		enter, autoLeave, leave bool
	}{
		{"one change needs no joint configuration", raftpb.ConfChangeV2{Changes: one}, false, true, false},
		{"two do, and it ends by itself", raftpb.ConfChangeV2{Changes: two}, true, true, false},
		{"one may ask for it", raftpb.ConfChangeV2{Transition: raftpb.ConfChangeTransitionJointImplicit, Changes: one}, true, true, false},
		{"and for staying in it", raftpb.ConfChangeV2{Transition: raftpb.ConfChangeTransitionJointExplicit, Changes: one}, true, false, false},
		{"nothing leaves it", raftpb.ConfChangeV2{}, false, true, true},
		{"a context does not count", raftpb.ConfChangeV2{Context: []byte("why")}, false, true, true},
		{"a transition does", raftpb.ConfChangeV2{Transition: raftpb.ConfChangeTransitionJointExplicit}, true, false, false},
	} {
		autoLeave, enter := c.change.EnterJoint()
		require.Equal(t, c.enter, enter, c.name)
		require.Equal(t, c.leave, c.change.LeaveJoint(), c.name)
		if enter {
			require.Equal(t, c.autoLeave, autoLeave, c.name)
		}
	}
}

func TestMarshalConfChangeKeepsTheForm(t *testing.T) {
	old := raftpb.ConfChange{ID: 7, Type: raftpb.ConfChangeRemoveNode, NodeID: 3, Context: []byte("c")}
	typ, data, err := raftpb.MarshalConfChange(old)
	require.NoError(t, err)
	require.Equal(t, raftpb.EntryConfChange, typ)
	require.Equal(t, old.AppendTo(nil), data)

	typ, data, err = raftpb.MarshalConfChange(old.AsV2())
	require.NoError(t, err)
	require.Equal(t, raftpb.EntryConfChangeV2, typ)
	var v2 raftpb.ConfChangeV2
	require.NoError(t, v2.Unmarshal(data))
	require.Equal(t, raftpb.ConfChangeV2{
		Changes: []raftpb.ConfChangeSingle{{Type: raftpb.ConfChangeRemoveNode, NodeID: 3}}, Context: []byte("c"),
	}, v2)

	typ, data, err = raftpb.MarshalConfChange(nil)
	require.NoError(t, err)
	require.Equal(t, raftpb.EntryConfChangeV2, typ)
	require.Empty(t, data)
}

func TestEquivalentConfStates(t *testing.T) {
	a := raftpb.ConfState{Voters: []uint64{3, 1, 2}, Learners: []uint64{}, AutoLeave: true}
	b := raftpb.ConfState{Voters: []uint64{1, 2, 3}, AutoLeave: true}
	require.NoError(t, a.Equivalent(b))
	require.Equal(t, []uint64{3, 1, 2}, a.Voters, "comparing must not sort the caller's list")

	for name, change := range map[string]func(*raftpb.ConfState){
		"voters":          func(c *raftpb.ConfState) { c.Voters = []uint64{1, 2} },
		"learners":        func(c *raftpb.ConfState) { c.Learners = []uint64{4} },
		"voters_outgoing": func(c *raftpb.ConfState) { c.VotersOutgoing = []uint64{4} },
		"learners_next":   func(c *raftpb.ConfState) { c.LearnersNext = []uint64{4} },
		"auto_leave":      func(c *raftpb.ConfState) { c.AutoLeave = false },
	} {
		other := b
		change(&other)
		require.Error(t, a.Equivalent(other), name)
	}
}

func TestNumbersWithoutANamePrint(t *testing.T) {
	require.Equal(t, "MsgApp", raftpb.MsgApp.String())
	require.Equal(t, "MsgForgetLeader", raftpb.MsgForgetLeader.String())
	require.Equal(t, "24", raftpb.MessageType(24).String())
	require.Equal(t, "-1", raftpb.EntryType(-1).String())
	require.Equal(t, "EntryConfChangeV2", raftpb.EntryConfChangeV2.String())
	require.Equal(t, "ConfChangeAddLearnerNode", raftpb.ConfChangeAddLearnerNode.String())
	require.Equal(t, "ConfChangeTransitionJointExplicit", raftpb.ConfChangeTransitionJointExplicit.String())
}
