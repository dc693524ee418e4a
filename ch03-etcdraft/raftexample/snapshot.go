package raftexample

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// A snapshot is the whole kvstore after one entry, so that the log before it can go. Raft
// sends it to a member that lacks entries which are gone, and a member begins from it when it
// starts.

// snapshotIsDue: snapCount entries were applied since the last one, or the members have
// changed since. A new member refuses a snapshot in which it is no member yet, and once the
// log's beginning is gone it can begin with nothing else.
func (n *raftNode) snapshotIsDue() bool {
	return n.appliedIndex-n.snapshotIndex >= n.snapCount || n.snapshotIndex > 0 && n.confIndex > n.snapshotIndex
}

// maybeTriggerSnapshot makes a snapshot if one is due. The last catchUpEntries before it stay
// in memory, so that a member that lags a little gets entries and not all the pairs.
func (n *raftNode) maybeTriggerSnapshot() error {
	if !n.snapshotIsDue() {
		return nil
	}
	snapshot, err := n.raftStorage.CreateSnapshot(n.appliedIndex, &n.confState, n.kvstore.getSnapshot())
	if err != nil {
		return fmt.Errorf("raftexample: make a snapshot at %d: %w", n.appliedIndex, err)
	}
	if err := n.log.SaveSnapshot(snapshot); err != nil {
		return fmt.Errorf("raftexample: save the snapshot at %d: %w", n.appliedIndex, err)
	}
	n.snapshotIndex = n.appliedIndex
	if first, _ := n.raftStorage.FirstIndex(); n.appliedIndex >= first+n.catchUpEntries {
		return n.raftStorage.Compact(n.appliedIndex - n.catchUpEntries)
	}
	return nil
}

// publishSnapshot puts a snapshot in the place of all that was applied.
func (n *raftNode) publishSnapshot(snapshot pb.Snapshot) error {
	at := snapshot.Metadata
	if at.Index <= n.appliedIndex {
		return fmt.Errorf("raftexample: a snapshot at %d came, but %d is applied already", at.Index, n.appliedIndex)
	}
	if err := n.kvstore.recoverFromSnapshot(snapshot.Data); err != nil {
		return fmt.Errorf("%w (snapshot at index %d)", err, at.Index)
	}
	n.confState, n.snapshotIndex, n.appliedIndex = at.ConfState, at.Index, at.Index
	n.transport.SetPeers(n.addresses())
	return nil
}

// contents is a snapshot's data. Pairs and IDs are sorted, so that equal stores have equal
// snapshots.
type contents struct {
	Pairs   []pair            `json:"pairs"`
	Members map[uint64]string `json:"members"`
	Removed []uint64          `json:"removed,omitempty"`
}

type pair struct {
	Key []byte `json:"key"`
	Val []byte `json:"val"`
}

func (s *kvstore) getSnapshot() []byte {
	c := contents{Members: s.members, Removed: slices.Sorted(maps.Keys(s.removed))}
	for _, key := range slices.Sorted(maps.Keys(s.kvStore)) {
		c.Pairs = append(c.Pairs, pair{Key: []byte(key), Val: []byte(s.kvStore[key])})
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("raftexample: the store cannot be encoded: %v", err)) // it has numbers and bytes only
	}
	return b
}

func (s *kvstore) recoverFromSnapshot(data []byte) error {
	var c contents
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("raftexample: a snapshot that cannot be read: %w", err)
	}
	*s = *newKVStore()
	for _, p := range c.Pairs {
		s.kvStore[string(p.Key)] = string(p.Val)
	}
	maps.Copy(s.members, c.Members)
	for _, id := range c.Removed {
		s.removed[id] = true
	}
	return nil
}
