package raftpb

import (
	"fmt"
	"strconv"
	"strings"
)

// ConfChangeType is what happens to one member.
type ConfChangeType int32

const (
	ConfChangeAddNode        ConfChangeType = 0 // becomes a voter; a learner is promoted
	ConfChangeRemoveNode     ConfChangeType = 1
	ConfChangeUpdateNode     ConfChangeType = 2 // nothing changes for raft: the application's Context does
	ConfChangeAddLearnerNode ConfChangeType = 3 // gets the log, does not count in any majority
)

var confChangeTypeNames = []string{
	"ConfChangeAddNode", "ConfChangeRemoveNode", "ConfChangeUpdateNode", "ConfChangeAddLearnerNode",
}

// String is the constant's name, or the number when it has none.
func (t ConfChangeType) String() string { return enumName(int32(t), confChangeTypeNames) }

// ConfChangeTransition chooses between the simple change of one voter (Ongaro's
// dissertation §4.1) and joint consensus (Raft §6).
type ConfChangeTransition int32

const (
	ConfChangeTransitionAuto          ConfChangeTransition = 0 // joint only when more than one change asks for it
	ConfChangeTransitionJointImplicit ConfChangeTransition = 1 // joint, and raft leaves it by itself
	ConfChangeTransitionJointExplicit ConfChangeTransition = 2 // joint, until the application proposes to leave
)

var confChangeTransitionNames = []string{
	"ConfChangeTransitionAuto", "ConfChangeTransitionJointImplicit", "ConfChangeTransitionJointExplicit",
}

// String is the constant's name, or the number when it has none.
func (t ConfChangeTransition) String() string { return enumName(int32(t), confChangeTransitionNames) }

// ConfChange is one change of one member: the only form that etcd's server proposes.
type ConfChange struct {
	ID      uint64         `json:"id"` // the proposer's mark, so that it knows the entry again
	Type    ConfChangeType `json:"type"`
	NodeID  uint64         `json:"node_id"`           // 0 = refused by the application; changes nothing
	Context []byte         `json:"context,omitempty"` // the application's own, e.g. the member's URLs
}

// ConfChangeSingle is one step of a ConfChangeV2.
type ConfChangeSingle struct {
	Type   ConfChangeType `json:"type"`
	NodeID uint64         `json:"node_id"`
}

// ConfChangeV2 is several changes that take effect together. Without Changes and with
// Transition Auto it asks to leave a joint configuration.
type ConfChangeV2 struct {
	Transition ConfChangeTransition `json:"transition"`
	Changes    []ConfChangeSingle   `json:"changes"`
	Context    []byte               `json:"context,omitempty"`
}

// ConfChangeI is a membership change in either form.
type ConfChangeI interface {
	// AsV1 returns the change in its old form; ok is false when it never had one.
	AsV1() (cc ConfChange, ok bool)
	// AsV2 returns the change in the form that raft works with.
	AsV2() ConfChangeV2
}

// AsV1 returns c itself.
func (c ConfChange) AsV1() (ConfChange, bool) { return c, true }

// AsV2 returns c as a list of one change. ID has no place there and is left behind.
func (c ConfChange) AsV2() ConfChangeV2 {
	return ConfChangeV2{
		Changes: []ConfChangeSingle{{Type: c.Type, NodeID: c.NodeID}},
		Context: c.Context,
	}
}

// AsV1 answers false: even a single change, proposed as V2, is written as V2.
func (c ConfChangeV2) AsV1() (ConfChange, bool) { return ConfChange{}, false }

// AsV2 returns c itself.
func (c ConfChangeV2) AsV2() ConfChangeV2 { return c }

// EnterJoint says whether applying c enters a joint configuration (ok), and whether raft
// then leaves it without being asked.
func (c ConfChangeV2) EnterJoint() (autoLeave, ok bool) {
	switch c.Transition {
	case ConfChangeTransitionAuto:
		return true, len(c.Changes) > 1
	case ConfChangeTransitionJointImplicit:
		return true, true
	default:
		return false, true
	}
}

// LeaveJoint says whether c asks to leave a joint configuration: it holds nothing but,
// perhaps, a Context.
func (c ConfChangeV2) LeaveJoint() bool {
	return c.Transition == ConfChangeTransitionAuto && len(c.Changes) == 0
}

// confChangeLetters is the notation of scripts: "v1 l2 r3 u4".
var confChangeLetters = map[ConfChangeType]byte{
	ConfChangeAddNode:        'v',
	ConfChangeAddLearnerNode: 'l',
	ConfChangeRemoveNode:     'r',
	ConfChangeUpdateNode:     'u',
}

// ConfChangesFromString reads changes written as "v1 l2 r3 u4": make 1 a voter and 2 a
// learner, remove 3, update 4. Blank text is no change.
func ConfChangesFromString(s string) ([]ConfChangeSingle, error) {
	var changes []ConfChangeSingle
	for _, word := range strings.Fields(s) {
		change, err := parseConfChange(word)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	return changes, nil
}

func parseConfChange(word string) (ConfChangeSingle, error) {
	for typ, letter := range confChangeLetters {
		if word[0] != letter {
			continue
		}
		id, err := strconv.ParseUint(word[1:], 10, 64)
		if err != nil {
			return ConfChangeSingle{}, fmt.Errorf("raftpb: conf change %q: %w", word, err)
		}
		return ConfChangeSingle{Type: typ, NodeID: id}, nil
	}
	return ConfChangeSingle{}, fmt.Errorf("raftpb: conf change %q: want v, l, r or u and a member number, as in v1", word)
}

// ConfChangesToString is the inverse of ConfChangesFromString. A type without a letter
// prints as "unknown(N)" before the number.
func ConfChangesToString(changes []ConfChangeSingle) string {
	var b strings.Builder
	for i, c := range changes {
		if i > 0 {
			b.WriteByte(' ')
		}
		if letter, ok := confChangeLetters[c.Type]; ok {
			b.WriteByte(letter)
		} else {
			fmt.Fprintf(&b, "unknown(%d)", int32(c.Type))
		}
		b.WriteString(strconv.FormatUint(c.NodeID, 10))
	}
	return b.String()
}
