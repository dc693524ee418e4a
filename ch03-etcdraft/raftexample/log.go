package raftexample

import (
	"errors"
	"fmt"
	"slices"

	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// Log keeps what a member must not forget. When a method returns nil, what it was given
// survives a power cut; after an error the member stops, because nobody can tell what
// is on the disk.
type Log interface {
	// Load returns what was saved by earlier lives of the member. It is called once,
	// first.
	Load() (Saved, error)
	// SaveSnapshot keeps a snapshot. It counts only once a saved HardState.Commit covers it.
	SaveSnapshot(pb.Snapshot) error
	// Save appends entries, then st unless it is empty. Entries replace those saved
	// before from the first of their indexes on.
	Save(st pb.HardState, entries []pb.Entry) error
}

// Saved is what a member finds at its start; the zero value is a member that never lived.
type Saved struct {
	Snapshot  pb.Snapshot // the newest that HardState.Commit covers
	HardState pb.HardState
	Entries   []pb.Entry // those after Snapshot
}

// ErrLost means that the log has less than it once had. The member must not start: it
// would break promises that it does not remember.
var ErrLost = errors.New("raftexample: the log lost what was saved")

// neverLived reports whether the member has promised nothing yet. Entries without a
// HardState are what a crash in its very first save leaves; they do not count.
func (s Saved) neverLived() bool { return raft.IsEmptyHardState(s.HardState) }

// storage fills the storage that raft reads from.
func (s Saved) storage() (*raft.MemoryStorage, error) {
	if s.neverLived() {
		return raft.NewMemoryStorage(), nil
	}
	entries := s.withoutReplaced()
	last := s.Snapshot.Metadata.Index + uint64(len(entries))
	if s.HardState.Commit > last {
		return nil, fmt.Errorf("%w: HardState.Commit is %d, the log ends at %d; remove this member from the cluster and add it "+
			"under another ID, with an empty log", ErrLost, s.HardState.Commit, last)
	}
	ms := raft.NewMemoryStorage()
	if !raft.IsEmptySnap(s.Snapshot) {
		if err := ms.ApplySnapshot(s.Snapshot); err != nil {
			return nil, err
		}
	}
	if err := ms.SetHardState(s.HardState); err != nil {
		return nil, err
	}
	return ms, ms.Append(entries)
}

// withoutReplaced cuts off entries that a snapshot from the leader has replaced. They
// still stand in an append-only log, before the snapshot's record; their terms tell them, for
// the terms of a log never fall (Raft §5.3). Kept, they would hide the snapshot's term from
// the next election, in which this member could help one win who lacks committed entries.
func (s Saved) withoutReplaced() []pb.Entry {
	term := s.Snapshot.Metadata.Term
	for i, e := range s.Entries {
		if e.Term < term {
			return s.Entries[:i]
		}
		term = e.Term
	}
	return s.Entries
}

// MemoryLog is a Log that outlives its member, not the process. Like a log on disk it
// is a list of records that only grows, and a crash may leave any first part of it.
type MemoryLog struct {
	records []record
}

// record is one of a snapshot, entries and a HardState.
type record struct {
	snapshot *pb.Snapshot
	entries  []pb.Entry
	state    *pb.HardState
}

var _ Log = (*MemoryLog)(nil)

// NewMemoryLog returns an empty log.
func NewMemoryLog() *MemoryLog { return &MemoryLog{} }

// Load reads the records from the first to the last.
func (l *MemoryLog) Load() (Saved, error) {
	var s Saved
	for _, r := range l.records {
		if r.state != nil {
			s.HardState = *r.state
		}
	}
	for _, r := range l.records {
		if r.snapshot != nil && r.snapshot.Metadata.Index <= s.HardState.Commit {
			s.Snapshot = *r.snapshot
		}
	}
	for _, r := range l.records {
		for _, e := range r.entries {
			if e.Index <= s.Snapshot.Metadata.Index {
				continue
			}
			place := int(e.Index - s.Snapshot.Metadata.Index - 1)
			if place > len(s.Entries) {
				return Saved{}, fmt.Errorf("%w: entry %d has none before it", ErrLost, e.Index)
			}
			s.Entries = append(s.Entries[:place], e)
		}
	}
	return s, nil
}

// SaveSnapshot never fails.
func (l *MemoryLog) SaveSnapshot(snapshot pb.Snapshot) error {
	l.records = append(l.records, record{snapshot: &snapshot})
	return nil
}

// Save makes two records, entries first: a crash may come between. It never fails.
func (l *MemoryLog) Save(st pb.HardState, entries []pb.Entry) error {
	if len(entries) > 0 {
		l.records = append(l.records, record{entries: slices.Clone(entries)})
	}
	if !raft.IsEmptyHardState(st) {
		l.records = append(l.records, record{state: &st})
	}
	return nil
}
