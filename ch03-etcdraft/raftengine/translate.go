package raftengine

import (
	"encoding/binary"

	"insideetcd/ch02-raft/sim"
	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// message is raft's message as the simulator carries it.
type message pb.Message

func (m message) String() string { return raft.DescribeMessage(pb.Message(m), nil) }

var roles = map[raft.StateType]sim.Role{
	raft.StateFollower: sim.Follower, raft.StatePreCandidate: sim.PreCandidate,
	raft.StateCandidate: sim.Candidate, raft.StateLeader: sim.Leader,
}

func contextOf(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }
func idOf(context []byte) uint64 { return binary.BigEndian.Uint64(context) }

// save is what a Ready, or a snapshot of the node's own, asks to be written.
func save(t taken) sim.Save {
	out := sim.Save{Entries: toSim(t.rd.Entries)}
	if hs := t.rd.HardState; !raft.IsEmptyHardState(hs) {
		out.State = &sim.HardState{Term: hs.Term, Vote: hs.Vote, Commit: hs.Commit}
	}
	switch {
	case t.own != nil:
		out.Snapshot = toSimSnapshot(*t.own)
	case !raft.IsEmptySnap(t.rd.Snapshot):
		out.Snapshot = toSimSnapshot(t.rd.Snapshot)
	}
	return out
}

func entry(e pb.Entry) sim.Entry {
	return sim.Entry{Index: e.Index, Term: e.Term, Data: e.Data, Config: e.Type != pb.EntryNormal}
}

func toSim(ents []pb.Entry) []sim.Entry {
	if len(ents) == 0 {
		return nil
	}
	out := make([]sim.Entry, len(ents))
	for i, e := range ents {
		out[i] = entry(e)
	}
	return out
}

// toRaft reads entries back from a disk. The simulator keeps one mark for configuration
// entries; all that this engine makes are of version 2.
func toRaft(ents []sim.Entry) []pb.Entry {
	out := make([]pb.Entry, len(ents))
	for i, e := range ents {
		out[i] = pb.Entry{Index: e.Index, Term: e.Term, Data: e.Data}
		if e.Config {
			out[i].Type = pb.EntryConfChangeV2
		}
	}
	return out
}

func confChange(e pb.Entry) (cc pb.ConfChangeV2, ok bool) {
	if e.Type != pb.EntryConfChangeV2 {
		return cc, false
	}
	must(cc.Unmarshal(e.Data))
	return cc, true
}

func toSimSnapshot(s pb.Snapshot) *sim.Snapshot {
	m := s.Metadata
	return &sim.Snapshot{Index: m.Index, Term: m.Term, State: s.Data, Engine: m.ConfState}
}

func toRaftSnapshot(s sim.Snapshot) pb.Snapshot {
	conf, _ := s.Engine.(pb.ConfState)
	return pb.Snapshot{Data: s.State, Metadata: pb.SnapshotMetadata{Index: s.Index, Term: s.Term, ConfState: conf}}
}
