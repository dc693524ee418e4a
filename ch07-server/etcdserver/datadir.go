package etcdserver

import (
	"fmt"
	"strings"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/wal"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch07-server/apply"
)

// isLeftover names files below snap that a crash may leave half written: a
// defragmentation's copy, a snapshot that was being received.
func isLeftover(name string) bool {
	return strings.HasPrefix(name, "db.tmp.") || strings.HasPrefix(name, "tmp")
}

// checkComplete refuses a data directory whose parts contradict each other.
// A record at the log's end that was lost after it had been synced looks like
// one that was never finished; but then the database or the commit index know
// of an entry that the log does not have (test J5).
func checkComplete(cfg *ServerConfig, l *openedLog, sn *raftpb.Snapshot, consistentIndex uint64) error {
	if err := wal.CheckComplete(l.lastIndex(sn), l.state.Commit, consistentIndex); err != nil {
		return fmt.Errorf("data directory %s: %w", cfg.DataDir, err)
	}
	if sn != nil && consistentIndex < sn.Metadata.Index {
		return fmt.Errorf("data directory %s: the database holds entries up to index %d, but the snapshot stands for all up to index %d, and the entries between are gone from the log: restore the data directory from a snapshot or a backup",
			cfg.DataDir, consistentIndex, sn.Metadata.Index)
	}
	return nil
}

// checkSupported refuses a data directory that holds what this build would
// have to ignore: ignoring it would change what the other data means.
func checkSupported(l *openedLog, be backend.Backend) error {
	found, err := unsupportedState(be)
	if err != nil {
		return err
	}
	if found != "" {
		return fmt.Errorf("the database holds %s, which this build cannot serve; use etcd 3.4 for it", found)
	}
	for i := range l.entries {
		e := &l.entries[i]
		if e.Type != raftpb.EntryNormal || len(e.Data) == 0 {
			continue
		}
		r, v2, err := pb.DecodeRaftEntry(e.Data)
		if err != nil {
			return fmt.Errorf("raft entry %d: %w", e.Index, err)
		}
		if v2 != nil && apply.SupportedV2(v2) || r != nil && (e.Index <= be.ConsistentIndex() || apply.Supported(r)) {
			continue
		}
		return fmt.Errorf("raft entry %d holds a request that this build cannot execute; use etcd 3.4 for it", e.Index)
	}
	return nil
}

// unsupportedState names what lies in the database and is not served yet; ""
// when there is nothing.
func unsupportedState(be backend.Backend) (string, error) {
	tx := be.ReadTx()
	tx.Lock()
	defer tx.Unlock()
	for _, b := range []struct {
		bucket backend.Bucket
		what   string
	}{
		{backend.BucketLease, "leases"},
		{backend.BucketAlarm, "alarms"},
	} {
		some := false
		err := tx.UnsafeForEach(b.bucket, func(k, v []byte) error {
			some = true
			return nil
		})
		if err != nil {
			return "", fmt.Errorf("read the %s: %w", b.what, err)
		}
		if some {
			return b.what, nil
		}
	}
	if _, v := tx.UnsafeRange(backend.BucketAuth, []byte("authEnabled"), nil, 0); len(v) == 1 && string(v[0]) == "\x01" {
		return "authentication that is switched on", nil
	}
	return "", nil
}
