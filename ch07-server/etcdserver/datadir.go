package etcdserver

import (
	"fmt"
	"strings"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/wal"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/v2store"
	"insideetcd/ch07-server/apply"
	"insideetcd/ch07-server/membership"
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
func checkSupported(l *openedLog, sn *raftpb.Snapshot, be backend.Backend) error {
	found := unsupportedState(be)
	if found == "" && sn != nil && !soleVoter(sn.Metadata.ConfState, l.metadata.NodeID) {
		found = "a cluster of several members"
	}
	for i := 0; i < len(l.entries) && found == ""; i++ {
		var err error
		found, err = unsupportedEntry(&l.entries[i], l.metadata.NodeID, be.ConsistentIndex())
		if err != nil {
			return fmt.Errorf("raft entry %d: %w", l.entries[i].Index, err)
		}
	}
	if found != "" {
		return fmt.Errorf("it holds %s, which this server cannot serve yet: use etcd 3.4 for it", found)
	}
	return nil
}

func soleVoter(cs raftpb.ConfState, id uint64) bool {
	return len(cs.Voters) == 1 && cs.Voters[0] == id && len(cs.Learners) == 0 && len(cs.VotersOutgoing) == 0
}

// unsupportedEntry names what e asks for, if that cannot be executed. Entries
// of the v3 API up to the consistent index lie in the database already.
func unsupportedEntry(e *raftpb.Entry, self, consistentIndex uint64) (string, error) {
	switch {
	case e.Type == raftpb.EntryConfChange:
		var cc raftpb.ConfChange
		if err := cc.Unmarshal(e.Data); err != nil {
			return "", err
		}
		if cc.NodeID != self || cc.Type == raftpb.ConfChangeRemoveNode {
			return "a cluster of several members", nil
		}
		return "", nil
	case e.Type != raftpb.EntryNormal:
		return "a change to a joint configuration", nil
	case len(e.Data) == 0:
		return "", nil
	}
	r, v2, err := pb.DecodeRaftEntry(e.Data)
	switch {
	case err != nil:
		return "", err
	case v2 != nil && !apply.SupportedV2(v2):
		return fmt.Sprintf("a v2 request (%s %s, raft entry %d)", v2.Method, v2.Path, e.Index), nil
	case v2 == nil && e.Index > consistentIndex && !apply.Supported(r):
		return fmt.Sprintf("a request about users or roles (raft entry %d)", e.Index), nil
	}
	return "", nil
}

// unsupportedState names what lies in the database and is not served yet; ""
// when there is nothing.
func unsupportedState(be backend.Backend) string {
	tx := be.ReadTx()
	tx.Lock()
	defer tx.Unlock()
	if _, v := tx.UnsafeRange(backend.BucketAuth, []byte("authEnabled"), nil, 0); len(v) == 1 && string(v[0]) == "\x01" {
		return "authentication that is switched on"
	}
	return ""
}

// checkNothingExpires refuses a v2 tree with keys that etcd 3.4 would remove
// after a while.
func checkNothingExpires(tree v2store.Store) error {
	keys, err := tree.Get(membership.StoreKeysPrefix, true)
	if err != nil {
		return fmt.Errorf("read the v2 keys: %w", err)
	}
	if expires := expiring(keys.Node); expires != "" {
		return fmt.Errorf("it holds v2 key %s, which expires; this server cannot serve that yet: use etcd 3.4 for it", expires)
	}
	return nil
}

// expiring names a node below n that has a time to live; "" when none has.
func expiring(n *v2store.NodeExtern) string {
	if n.Expiration != nil {
		return n.Key
	}
	for _, child := range n.Nodes {
		if found := expiring(child); found != "" {
			return found
		}
	}
	return ""
}
