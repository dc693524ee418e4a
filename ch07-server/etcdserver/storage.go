package etcdserver

import (
	"fmt"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/snap"
	"insideetcd/ch05-wal-snap/wal"
	"insideetcd/ch05-wal-snap/walpb"
)

// storage is where raft's state becomes durable: the write-ahead log, and the
// snapshots that let it be cut.
type storage struct {
	wal  *wal.WAL
	snap *snap.Snapshotter
}

// save appends entries and then state to the log, with one fsync for all of
// it. When it returns, they survive a crash.
func (st *storage) save(state raftpb.HardState, entries []raftpb.Entry) error {
	return st.wal.Save(state, entries)
}

// saveSnap makes a snapshot durable. The file comes first and the record that
// vouches for it second: a crash between the two leaves a file that nobody
// believes in, instead of a record without a file.
func (st *storage) saveSnap(s raftpb.Snapshot) error {
	if err := st.snap.SaveSnap(s); err != nil {
		return fmt.Errorf("save snapshot %d: %w", s.Metadata.Index, err)
	}
	err := st.wal.SaveSnapshot(walpb.Snapshot{
		Index: s.Metadata.Index,
		Term:  s.Metadata.Term,
	})
	if err != nil {
		return fmt.Errorf("record snapshot %d in the log: %w", s.Metadata.Index, err)
	}
	return nil
}

// release gives up the log segments that only hold entries before s, so that
// they may be purged.
func (st *storage) release(s raftpb.Snapshot) error {
	return st.wal.ReleaseLockTo(s.Metadata.Index)
}

func (st *storage) close() error { return st.wal.Close() }
