package etcdserver

import (
	"errors"
	"fmt"

	"insideetcd/ch03-etcdraft/raft"
	"insideetcd/ch05-wal-snap/fileutil"
	"insideetcd/ch06-storage/v2store"
)

// maybeSnapshot cuts the raft log when enough entries were applied since the
// last time. What the snapshot stands for lies in two places: the v2 tree
// inside the .snap file, and the v3 keys in the database. So the database is
// committed first: it must never be behind the snapshot (test S1).
func (s *EtcdServer) maybeSnapshot(ep *etcdProgress) {
	if ep.appliedi-ep.snapi <= s.Cfg.SnapshotCount || !s.snapshotting.CompareAndSwap(false, true) {
		return
	}
	state := *ep
	tree := s.v2store.Clone()
	s.kv.Commit()
	ep.snapi = ep.appliedi
	s.goAttach(func() {
		defer s.snapshotting.Store(false)
		if err := s.saveSnapshot(state, tree); err != nil {
			s.fail(fmt.Errorf("etcdserver: %w", err))
		}
	})
}

func (s *EtcdServer) saveSnapshot(state etcdProgress, tree v2store.Store) error {
	if len(state.confState.Voters) == 0 {
		panic(fmt.Sprintf("etcdserver: snapshot %d would name no voter: no member could start from it", state.appliedi))
	}
	data, err := tree.SaveNoCopy()
	if err != nil {
		return fmt.Errorf("encode the v2 tree: %w", err)
	}
	sn, err := s.r.raftStorage.CreateSnapshot(state.appliedi, &state.confState, data)
	if errors.Is(err, raft.ErrSnapOutOfDate) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.r.storage.saveSnap(sn); err != nil {
		return err
	}
	if err := s.r.storage.release(sn); err != nil {
		return err
	}
	s.lg.Info("saved snapshot", "snapshot-index", sn.Metadata.Index)
	return s.cutRaftLog(state.appliedi)
}

// cutRaftLog drops the entries in memory that lie further behind the snapshot
// than a slow follower may be. Raft itself reads what it does not count as
// applied yet, and that may lag behind apply: such entries stay as well.
func (s *EtcdServer) cutRaftLog(snapi uint64) error {
	index := uint64(1)
	if snapi > SnapshotCatchUpEntries {
		index = snapi - SnapshotCatchUpEntries
	}
	index = min(index, s.r.Status().Applied)
	err := s.r.raftStorage.Compact(index)
	if errors.Is(err, raft.ErrCompacted) {
		return nil
	}
	if err == nil {
		s.lg.Info("compacted Raft logs", "compact-index", index)
	}
	return err
}

// purgeFiles deletes the oldest snapshots and log segments, as long as more
// than the configured number exist and nobody holds them.
func (s *EtcdServer) purgeFiles() {
	purge := func(dir, suffix string, keep uint) {
		if keep > 0 {
			s.goAttach(func() { fileutil.PurgeFiles(s.ctx, s.lg, dir, suffix, keep, fileutil.PurgeInterval) })
		}
	}
	purge(s.Cfg.SnapDir(), "snap", s.Cfg.MaxSnapFiles)
	purge(s.Cfg.SnapDir(), "snap.db", s.Cfg.MaxSnapFiles)
	purge(s.Cfg.WALDir(), "wal", s.Cfg.MaxWALFiles)
}
