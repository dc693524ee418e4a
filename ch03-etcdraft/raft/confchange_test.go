package raft

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

func changes(t *testing.T, s string) pb.ConfChangeV2 {
	t.Helper()
	cs, err := pb.ConfChangesFromString(s)
	require.NoError(t, err)
	return pb.ConfChangeV2{Changes: cs}
}

func TestMembershipChanges(t *testing.T) {
	start := pb.ConfState{Voters: []uint64{1}, Learners: []uint64{5, 7}}
	for _, row := range []struct {
		name, change string
		want         pb.ConfState
		err          string
	}{
		{"a learner, kept in order", "l6", pb.ConfState{Voters: []uint64{1}, Learners: []uint64{5, 6, 7}}, ""},
		{"a learner that is there", "l5", start, ""},
		{"remove a learner", "r5", pb.ConfState{Voters: []uint64{1}, Learners: []uint64{7}}, ""},
		{"remove a stranger", "r9", start, ""},
		{"update is the application's", "u1", start, ""},
		{"a voter that is there", "v1", start, ""},
		{"0 marks a refused change", "v0", start, ""},
		{"a second voter", "v2", start, "has 2 voters"},
		{"promote a learner", "v5", start, "has 2 voters"},
		{"remove the only voter", "r1", start, "removed all voters"},
		{"demote the only voter", "l1", start, "removed all voters"},
		{"leave a joint configuration", "", start, "can't leave a non-joint config"},
		{"several at once are joint", "l2 l3", start, "joint change"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := newMembership(1, start)
			require.NoError(t, err)
			next, err := m.changed(changes(t, row.change))
			require.Equal(t, start, m.confState(), "the old one is left as it was")
			if row.err != "" {
				require.ErrorContains(t, err, row.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.want, next.confState())
		})
	}
	m, _ := newMembership(1, start)
	_, err := m.changed(pb.ConfChangeV2{Changes: []pb.ConfChangeSingle{{Type: 9, NodeID: 2}}})
	require.EqualError(t, err, "unexpected conf type 9")
}

func TestSeveralVotersAreRefusedInWords(t *testing.T) {
	const wayOut = "runs only as the single voter of its cluster"
	for name, start := range map[string]func(){
		"from a snapshot": func() { newRaft(testConfig(storageOf(3, 1, []uint64{1, 2, 3}, nil))) },
		"joint, from a snapshot": func() {
			s := storageOf(3, 1, []uint64{1}, nil)
			s.snapshot.Metadata.ConfState.VotersOutgoing = []uint64{2}
			newRaft(testConfig(s))
		},
		"at bootstrap": func() { StartNode(testConfig(NewMemoryStorage()), []Peer{{ID: 1}, {ID: 2}}) },
		"from the log": func() { startMember(t).rn.ApplyConfChange(changes(t, "v2")) },
	} {
		t.Run(name, func(t *testing.T) { requirePanicHas(t, start, wayOut) })
	}
	require.ErrorContains(t, newTestRawNode(t, testConfig(NewMemoryStorage())).Bootstrap([]Peer{{ID: 1}, {ID: 2}}), wayOut)
	requirePanicHas(t, func() {
		s := storageOf(3, 1, []uint64{1}, nil)
		s.snapshot.Metadata.ConfState.Learners = []uint64{1}
		newRaft(testConfig(s))
	}, "names 1 as voter and as learner")
}

// What could not be applied is refused before it is in the log: it takes an empty
// entry's place.
func TestImpossibleConfChangesBecomeEmptyEntries(t *testing.T) {
	for _, change := range []string{"v2", "r1", "l1", "", "l2 l3"} {
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
	require.Empty(t, m.rn.Status().Config.Learners, "committed, not applied")
	m.handle(rd, []part{applyAndAnswer, advance})
	require.Equal(t, []uint64{2}, m.rn.Status().Config.Learners)
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
