package raftpb

import (
	"fmt"
	"slices"
)

// ConfState is a membership as raft counts it. In ordinary times only Voters and
// Learners are filled. In a joint configuration (Raft §6) decisions need a majority of
// Voters and one of VotersOutgoing; LearnersNext are voters of the outgoing half that
// become learners when it is left.
type ConfState struct {
	Voters         []uint64 `json:"voters,omitempty"`
	Learners       []uint64 `json:"learners,omitempty"`
	VotersOutgoing []uint64 `json:"voters_outgoing,omitempty"`
	LearnersNext   []uint64 `json:"learners_next,omitempty"`
	AutoLeave      bool     `json:"auto_leave"` // raft leaves the joint configuration by itself
}

// Equivalent returns nil when the two describe the same membership: the lists are sets,
// so order does not count, and an empty list equals a missing one. Otherwise the error
// shows both, sorted.
func (cs ConfState) Equivalent(other ConfState) error {
	a, b := cs.sorted(), other.sorted()
	if slices.Equal(a.Voters, b.Voters) && slices.Equal(a.Learners, b.Learners) &&
		slices.Equal(a.VotersOutgoing, b.VotersOutgoing) && slices.Equal(a.LearnersNext, b.LearnersNext) &&
		a.AutoLeave == b.AutoLeave {
		return nil
	}
	return fmt.Errorf("raftpb: configurations differ, as sorted sets: %+v and %+v", a, b)
}

// sorted returns a copy whose lists ascend; the receiver's lists stay as they are.
func (cs ConfState) sorted() ConfState {
	for _, ids := range []*[]uint64{&cs.Voters, &cs.Learners, &cs.VotersOutgoing, &cs.LearnersNext} {
		*ids = slices.Clone(*ids)
		slices.Sort(*ids)
	}
	return cs
}
