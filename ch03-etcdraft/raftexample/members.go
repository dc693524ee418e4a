package raftexample

import (
	"errors"
	"fmt"
	"maps"

	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// Errors of changes of members.
var (
	ErrIDRemoved  = errors.New("raftexample: a member of this ID was removed; take an ID that was never used")
	ErrNotMember  = errors.New("raftexample: no member has this ID")
	ErrLastMember = errors.New("raftexample: the last voting member cannot be removed")
)

// applyConfChange puts a committed change in force: in raft, in the store, and in the
// Transport. One that the store refuses is still shown to raft, as a change of nobody, or
// raft would wait for it for ever.
func (n *raftNode) applyConfChange(e pb.Entry) {
	var cc pb.ConfChange
	err := cc.Unmarshal(e.Data)
	if err == nil {
		err = n.kvstore.checkConfChange(cc)
	}
	if err != nil {
		n.lg.Warn("a change of members is refused", "index", e.Index, "error", err)
		cc.NodeID = raft.None
	}
	n.confState, n.confIndex = *n.node.ApplyConfChange(cc), e.Index
	if err == nil {
		n.kvstore.applyConfChange(cc)
		n.transport.SetPeers(n.addresses())
	}
	n.answer(cc.ID, Result{}, err)
}

// checkConfChange is asked before a change is proposed, as advice, and again when it is
// applied, where all members come to the same verdict.
func (s *kvstore) checkConfChange(cc pb.ConfChange) error {
	_, member := s.members[cc.NodeID]
	switch {
	case cc.NodeID == raft.None:
		return fmt.Errorf("%w: 0", ErrNotMember)
	case s.removed[cc.NodeID]:
		return fmt.Errorf("%w: %x", ErrIDRemoved, cc.NodeID)
	case cc.Type == pb.ConfChangeRemoveNode && !member:
		return fmt.Errorf("%w: %x", ErrNotMember, cc.NodeID)
	}
	return nil
}

func (s *kvstore) applyConfChange(cc pb.ConfChange) {
	if cc.Type == pb.ConfChangeRemoveNode {
		delete(s.members, cc.NodeID)
		s.removed[cc.NodeID] = true
		return
	}
	s.members[cc.NodeID] = string(cc.Context)
}

// addresses are where messages go: what the command line said, until the log knows
// better. A member that joins has to answer its leader before it has applied anything.
func (n *raftNode) addresses() map[uint64]string {
	all := maps.Clone(n.initial)
	if all == nil {
		all = map[uint64]string{}
	}
	maps.Copy(all, n.kvstore.members)
	for id := range n.kvstore.removed {
		delete(all, id)
	}
	delete(all, n.id)
	return all
}

// proposeConfChange asks for a change of members and answers when it is in force.
//
// While an earlier change is not applied yet, the leader puts an empty entry in place of
// this one; then nobody answers, and the client is told after a while that nothing is known.
func (n *raftNode) proposeConfChange(cc pb.ConfChange, answer func(Result, error)) {
	if err := n.kvstore.checkConfChange(cc); err != nil {
		answer(Result{}, err)
		return
	}
	voters := n.confState.Voters
	if cc.Type == pb.ConfChangeRemoveNode && len(voters) == 1 && voters[0] == cc.NodeID {
		answer(Result{}, ErrLastMember)
		return
	}
	cc.ID = n.wait(answer)
	n.settleProposal(cc.ID, n.node.ProposeConfChange(cc))
}
