package raftpb

import (
	"fmt"
	"slices"

	"insideetcd/ch01-intro/api/wire"
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

// Size is the length of the encoding in bytes.
func (cs ConfState) Size() int {
	return wire.SizeVarints(1, cs.Voters) +
		wire.SizeVarints(2, cs.Learners) +
		wire.SizeVarints(3, cs.VotersOutgoing) +
		wire.SizeVarints(4, cs.LearnersNext) +
		wire.SizeBool(5)
}

// AppendTo appends the encoding to b. AutoLeave is always there: an empty ConfState is
// 28 00.
func (cs ConfState) AppendTo(b []byte) []byte {
	b = wire.AppendVarints(b, 1, cs.Voters)
	b = wire.AppendVarints(b, 2, cs.Learners)
	b = wire.AppendVarints(b, 3, cs.VotersOutgoing)
	b = wire.AppendVarints(b, 4, cs.LearnersNext)
	return wire.AppendBool(b, 5, cs.AutoLeave)
}

func (cs *ConfState) decode(d wire.Decoder) error {
	for d.Next() {
		switch d.Field() {
		case 1:
			cs.Voters = d.AppendVarints(cs.Voters)
		case 2:
			cs.Learners = d.AppendVarints(cs.Learners)
		case 3:
			cs.VotersOutgoing = d.AppendVarints(cs.VotersOutgoing)
		case 4:
			cs.LearnersNext = d.AppendVarints(cs.LearnersNext)
		case 5:
			cs.AutoLeave = d.Bool()
		}
	}
	return d.Err()
}
