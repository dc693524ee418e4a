package raftengine

import (
	"fmt"
	"slices"

	"insideetcd/ch02-raft/sim"
	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// storage is the Storage that a node reads: what its disk holds. raft's MemoryStorage and
// the members, which a new cluster knows before its first snapshot.
type storage struct {
	*raft.MemoryStorage
	first   pb.ConfState // at the start of the node
	conf    pb.ConfState // in force
	writing bool         // a Ready is being saved or applied
}

// InitialState is MemoryStorage's, with the members in any case.
func (s *storage) InitialState() (pb.HardState, pb.ConfState, error) {
	hs, _, err := s.MemoryStorage.InitialState()
	return hs, s.first, err
}

// load puts into a Storage what the disk holds. A crash may have cut a save between the
// snapshot or the entries and the HardState: the snapshot is committed by definition.
func load(cfg sim.Config, disk sim.Stored) (*storage, error) {
	s := &storage{MemoryStorage: raft.NewMemoryStorage(), first: pb.ConfState{Voters: slices.Clone(cfg.Voters)}}
	if snap := disk.Snapshot; snap.Index > 0 {
		conf, ok := snap.Engine.(pb.ConfState)
		if !ok {
			return nil, fmt.Errorf("the snapshot at %d of node %d names no members", snap.Index, cfg.ID)
		}
		s.first = conf
		if err := s.ApplySnapshot(toRaftSnapshot(snap)); err != nil {
			return nil, err
		}
	}
	s.conf = s.first
	if err := s.Append(toRaft(disk.Entries)); err != nil {
		return nil, err
	}
	hs := pb.HardState{Term: disk.State.Term, Vote: disk.State.Vote, Commit: max(disk.State.Commit, disk.Snapshot.Index)}
	if hs.Term == 0 { // not even a term was saved
		hs = pb.HardState{}
	}
	return s, s.SetHardState(hs)
}

// save takes over what the disk has got.
func (s *storage) save(rd raft.Ready) {
	if !raft.IsEmptySnap(rd.Snapshot) {
		must(s.ApplySnapshot(rd.Snapshot))
	}
	must(s.Append(rd.Entries))
	if !raft.IsEmptyHardState(rd.HardState) {
		must(s.SetHardState(rd.HardState))
	}
}

// compact takes over a snapshot of the node's own and forgets the log that it covers.
func (s *storage) compact(snap pb.Snapshot) {
	at := snap.Metadata
	if stored, _ := s.Snapshot(); stored.Metadata.Index >= at.Index {
		return
	}
	_, err := s.CreateSnapshot(at.Index, &at.ConfState, snap.Data)
	must(err)
	must(s.Compact(at.Index))
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("the storage of a simulated node: %v", err))
	}
}
