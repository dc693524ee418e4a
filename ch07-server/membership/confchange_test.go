package membership

import (
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch01-intro/ids"
	"insideetcd/ch03-etcdraft/raftpb"
)

func member(id ids.ID, learner bool, peerURLs ...string) *Member {
	return &Member{ID: id, RaftAttributes: RaftAttributes{PeerURLs: peerURLs, IsLearner: learner}}
}

// TestValidate judges every kind of change in a cluster of voters 1 and 2 and learner
// 3, from which 9 was removed.
func TestValidate(t *testing.T) {
	members := map[ids.ID]*Member{1: member(1, false, "a"), 2: member(2, false, "b", "c"), 3: member(3, true, "d")}
	without3 := map[ids.ID]*Member{1: members[1], 2: members[2]}
	removed := map[ids.ID]bool{9: true}
	update := func(m *Member) raftpb.ConfChange {
		return raftpb.ConfChange{Type: raftpb.ConfChangeUpdateNode, NodeID: uint64(m.ID), Context: []byte(encode(m))}
	}
	rows := []struct {
		name    string
		cc      raftpb.ConfChange
		members map[ids.ID]*Member
		want    error
	}{
		{"add a voter", AddConfChange(member(4, false, "e")), members, nil},
		{"add a removed ID", AddConfChange(member(9, false, "e")), members, ErrIDRemoved},
		{"add a known ID", AddConfChange(member(2, false, "e")), members, ErrIDExists},
		{"the ID is looked at before the URL", AddConfChange(member(2, false, "a")), members, ErrIDExists},
		{"add with a voter's URL", AddConfChange(member(4, false, "e", "c")), members, ErrPeerURLexists},
		{"add with a learner's URL", AddConfChange(member(4, false, "d")), members, ErrPeerURLexists},
		{"add the first learner", AddConfChange(member(4, true, "e")), without3, nil},
		{"add a second learner", AddConfChange(member(4, true, "e")), members, ErrTooManyLearners},
		{"the URL is looked at before the number", AddConfChange(member(4, true, "a")), members, ErrPeerURLexists},
		{"promote the learner", PromoteConfChange(3), members, nil},
		{"promote a voter", PromoteConfChange(1), members, ErrMemberNotLearner},
		{"promote nobody", PromoteConfChange(4), members, ErrIDNotFound},
		{"promote a removed ID", PromoteConfChange(9), members, ErrIDRemoved},
		{"remove a voter", RemoveConfChange(1), members, nil},
		{"remove nobody", RemoveConfChange(4), members, ErrIDNotFound},
		{"remove twice", RemoveConfChange(9), members, ErrIDRemoved},
		{"update to a new URL", update(member(1, false, "e")), members, nil},
		{"update to one's own URL", update(member(2, false, "c")), members, nil},
		{"update to another's URL", update(member(1, false, "b")), members, ErrPeerURLexists},
		{"update nobody", update(member(4, false, "e")), members, ErrIDNotFound},
		{"update a removed ID", update(member(9, false, "e")), members, ErrIDRemoved},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			require.ErrorIs(t, validate(row.cc, row.members, removed), row.want)
		})
	}
}

// TestMalformedChangesAreRefused: an entry that nobody should have proposed is
// refused like any other, on every member.
func TestMalformedChangesAreRefused(t *testing.T) {
	rows := []struct {
		name   string
		cc     raftpb.ConfChange
		reason string
	}{
		{"no context", raftpb.ConfChange{ID: 5, NodeID: 1}, "context of configuration change 5"},
		{"context is no JSON", raftpb.ConfChange{ID: 5, NodeID: 1, Context: []byte("{")}, "context of configuration change 5"},
		{"two members", raftpb.ConfChange{ID: 5, NodeID: 0x1f, Context: []byte(`{"id":32}`)}, "is for member 1f, its context for member 20"},
		{"unknown type", raftpb.ConfChange{ID: 5, Type: 7, NodeID: 1, Context: []byte(`{"id":1}`)}, "unknown type 7"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			require.ErrorContains(t, validate(row.cc, nil, nil), row.reason)
		})
	}
}
