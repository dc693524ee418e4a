package membership

import (
	"encoding/json"
	"fmt"
	"slices"

	"insideetcd/ch01-intro/ids"
	"insideetcd/ch03-etcdraft/raftpb"
)

// maxLearners is how many learners a cluster of etcd 3.4 may have.
const maxLearners = 1

// ConfigChangeContext is the JSON in the Context of a raftpb.ConfChange that adds,
// promotes or updates a member. Adding and updating carry the Member alone;
// promoting carries the ID and IsPromote. Removing has no context.
type ConfigChangeContext struct {
	Member
	// IsPromote tells a learner that becomes a voter from a new voter: both are
	// ConfChangeAddNode to Raft.
	IsPromote bool `json:"isPromote"`
}

// AddConfChange proposes m as a new member, voter or learner. The proposer sets the
// ID of the change, also of the following three.
func AddConfChange(m *Member) raftpb.ConfChange {
	kind := raftpb.ConfChangeAddNode
	if m.IsLearner {
		kind = raftpb.ConfChangeAddLearnerNode
	}
	return raftpb.ConfChange{Type: kind, NodeID: uint64(m.ID), Context: []byte(encode(m))}
}

// PromoteConfChange proposes that learner id becomes a voter.
func PromoteConfChange(id ids.ID) raftpb.ConfChange {
	context := ConfigChangeContext{Member: Member{ID: id}, IsPromote: true}
	return raftpb.ConfChange{Type: raftpb.ConfChangeAddNode, NodeID: uint64(id), Context: []byte(encode(context))}
}

// RemoveConfChange proposes that member id leaves for ever.
func RemoveConfChange(id ids.ID) raftpb.ConfChange {
	return raftpb.ConfChange{Type: raftpb.ConfChangeRemoveNode, NodeID: uint64(id)}
}

// UpdateConfChange proposes new peer URLs for member id.
//
// Applying an update replaces all of the member's RaftAttributes: that is what every
// 3.4 member does with the entry, and all must judge the next change alike. So the
// proposal has to carry the learner flag along. etcd leaves it out, and a learner
// whose URL is updated becomes a voter in the member list, though not to Raft.
func (c *RaftCluster) UpdateConfChange(id ids.ID, peerURLs []string) raftpb.ConfChange {
	m := Member{ID: id, RaftAttributes: RaftAttributes{PeerURLs: slices.Sorted(slices.Values(peerURLs))}}
	if now := c.Member(id); now != nil {
		m.IsLearner = now.IsLearner
	}
	return raftpb.ConfChange{Type: raftpb.ConfChangeUpdateNode, NodeID: uint64(id), Context: []byte(encode(m))}
}

// ValidateConfigurationChange tells whether a committed change may be applied. It is
// a function of the v2 tree and the entry alone, so all members give one answer.
func (c *RaftCluster) ValidateConfigurationChange(cc raftpb.ConfChange) error {
	members, removed, err := c.places().tree.members()
	if err != nil {
		return err
	}
	return validate(cc, members, removed)
}

// validate applies the rules of etcd 3.4, in its order.
func validate(cc raftpb.ConfChange, members map[ids.ID]*Member, removed map[ids.ID]bool) error {
	id := ids.ID(cc.NodeID)
	if removed[id] {
		return ErrIDRemoved
	}
	context, err := decodeContext(cc)
	if err != nil {
		return err
	}
	known := members[id]
	switch cc.Type {
	case raftpb.ConfChangeAddNode, raftpb.ConfChangeAddLearnerNode:
		if context.IsPromote {
			return validatePromotion(known)
		}
		return validateAddition(&context.Member, members)
	case raftpb.ConfChangeRemoveNode:
		if known == nil {
			return ErrIDNotFound
		}
		return nil
	case raftpb.ConfChangeUpdateNode:
		if known == nil {
			return ErrIDNotFound
		}
		return validatePeerURLs(&context.Member, members)
	default:
		return fmt.Errorf("membership: configuration change %d for member %s is of unknown type %d", cc.ID, id, cc.Type)
	}
}

func validatePromotion(known *Member) error {
	switch {
	case known == nil:
		return ErrIDNotFound
	case !known.IsLearner:
		return ErrMemberNotLearner
	}
	return nil
}

func validateAddition(m *Member, members map[ids.ID]*Member) error {
	if members[m.ID] != nil {
		return ErrIDExists
	}
	if err := validatePeerURLs(m, members); err != nil {
		return err
	}
	learners := 0
	for _, other := range members {
		if other.IsLearner {
			learners++
		}
	}
	if m.IsLearner && learners >= maxLearners {
		return ErrTooManyLearners
	}
	return nil
}

// validatePeerURLs refuses URLs that belong to another member.
func validatePeerURLs(m *Member, members map[ids.ID]*Member) error {
	for _, other := range members {
		for _, url := range other.PeerURLs {
			if other.ID != m.ID && slices.Contains(m.PeerURLs, url) {
				return ErrPeerURLexists
			}
		}
	}
	return nil
}

// decodeContext reads the context of a change that has one. Its member must be the
// one that the change names to Raft.
func decodeContext(cc raftpb.ConfChange) (ConfigChangeContext, error) {
	var context ConfigChangeContext
	if cc.Type == raftpb.ConfChangeRemoveNode {
		context.ID = ids.ID(cc.NodeID)
		return context, nil
	}
	if err := json.Unmarshal(cc.Context, &context); err != nil {
		return context, fmt.Errorf("membership: context of configuration change %d: %w", cc.ID, err)
	}
	if uint64(context.ID) != cc.NodeID {
		return context, fmt.Errorf("membership: configuration change %d is for member %x, its context for member %s",
			cc.ID, cc.NodeID, context.ID)
	}
	return context, nil
}

// Apply carries out a change that ValidateConfigurationChange has accepted.
func (c *RaftCluster) Apply(cc raftpb.ConfChange) error {
	context, err := decodeContext(cc)
	if err != nil {
		return err
	}
	switch cc.Type {
	case raftpb.ConfChangeAddNode, raftpb.ConfChangeAddLearnerNode:
		if context.IsPromote {
			c.PromoteMember(context.ID)
		} else {
			c.AddMember(&context.Member)
		}
	case raftpb.ConfChangeRemoveNode:
		c.RemoveMember(context.ID)
	case raftpb.ConfChangeUpdateNode:
		c.UpdateRaftAttributes(context.ID, context.RaftAttributes)
	}
	return nil
}
