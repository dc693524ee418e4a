package raftengine

import (
	"math/rand/v2"
	"slices"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// Change proposes a change of members that draw chooses: one or several, simple or joint,
// left by raft or by a later change. Many of them raft refuses, which then is what is
// tried.
func (n *node) Change(draw uint64) error {
	return n.rn.ProposeConfChange(drawChange(rand.New(rand.NewPCG(draw, 0)), n.servers, n.store.conf))
}

func drawChange(rnd *rand.Rand, servers []uint64, conf pb.ConfState) pb.ConfChangeV2 {
	joint := len(conf.VotersOutgoing) > 0
	if joint && rnd.IntN(4) > 0 {
		return pb.ConfChangeV2{} // leave
	}
	cc := pb.ConfChangeV2{Transition: pb.ConfChangeTransition(rnd.IntN(3))}
	voters := slices.Clone(conf.Voters)
	for range 1 + rnd.IntN(1+rnd.IntN(3)) {
		kind := []pb.ConfChangeType{
			pb.ConfChangeAddNode, pb.ConfChangeAddNode, pb.ConfChangeAddLearnerNode, pb.ConfChangeRemoveNode,
		}[rnd.IntN(4)]
		id := servers[rnd.IntN(len(servers))]
		if kind != pb.ConfChangeAddNode {
			voters = slices.DeleteFunc(voters, func(v uint64) bool { return v == id })
		}
		if len(voters) < 2 { // one voter counts its vote before it is on disk
			break
		}
		cc.Changes = append(cc.Changes, pb.ConfChangeSingle{Type: kind, NodeID: id})
	}
	if len(cc.Changes) == 0 {
		cc.Changes = []pb.ConfChangeSingle{{Type: pb.ConfChangeUpdateNode, NodeID: servers[0]}}
	}
	return cc
}

// members are all that belong to a configuration, sorted.
func members(conf pb.ConfState) []uint64 {
	all := slices.Concat(conf.Voters, conf.VotersOutgoing, conf.Learners)
	slices.Sort(all)
	return slices.Compact(all)
}
