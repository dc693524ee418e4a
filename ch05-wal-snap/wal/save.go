package wal

import (
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/walpb"
)

// Save appends the entries of a Ready and then its HardState (book §5.1.4), and syncs once
// for all of them if anything depends on it. It MUST return BEFORE the Ready's messages are
// sent (a leader may send MsgApp meanwhile, Raft §10.2.1 of the thesis) and before its
// entries count as stored.
//
// An empty st means that the state has not changed. A state that differs from the last one
// only in Commit is not synced: Commit may lag, for whoever knows it again after a crash
// can only be told more.
func (w *WAL) Save(st raftpb.HardState, ents []raftpb.Entry) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.writable(); err != nil {
		return err
	}
	hasState := st != raftpb.HardState{}
	if !hasState && len(ents) == 0 {
		return nil
	}
	mustSync := len(ents) > 0 || hasState && (st.Vote != w.state.Vote || st.Term != w.state.Term)
	if err := w.append(st, hasState, ents); err != nil {
		return w.fail(err)
	}
	if mustSync {
		if err := w.sync(); err != nil {
			return w.fail(err)
		}
	}
	if w.encoder.end() < w.segmentBytes {
		return nil
	}
	return w.fail(w.cut())
}

func (w *WAL) append(st raftpb.HardState, hasState bool, ents []raftpb.Entry) error {
	for i := range ents {
		if err := w.encoder.entry(&ents[i]); err != nil {
			return err
		}
		w.enti = ents[i].Index
	}
	if !hasState {
		return nil
	}
	w.state = st
	return w.encoder.state(st)
}

// SaveSnapshot notes, synced, that a snapshot file exists. It MUST come AFTER the file was
// saved and synced: reading starts at a snapshot that the log names.
func (w *WAL) SaveSnapshot(s walpb.Snapshot) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.writable(); err != nil {
		return err
	}
	if err := w.encoder.data(SnapshotType, s); err != nil {
		return w.fail(err)
	}
	// A snapshot from the leader jumps over entries that this log will never hold; the next
	// segment must not claim them.
	w.enti = max(w.enti, s.Index)
	return w.fail(w.sync())
}
