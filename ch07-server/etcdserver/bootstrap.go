package etcdserver

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch01-intro/ids"
	"insideetcd/ch03-etcdraft/raft"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/fileutil"
	"insideetcd/ch05-wal-snap/snap"
	"insideetcd/ch05-wal-snap/wal"
	"insideetcd/ch05-wal-snap/walpb"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/lease"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch06-storage/v2store"
	"insideetcd/ch07-server/membership"
)

// Raft's settings in etcd 3.4.
const (
	maxSizePerMsg   = 1 << 20 // bytes of entries in one append message
	maxInflightMsgs = 512
)

// bootstrapped is all that a member consists of before it runs.
type bootstrapped struct {
	id          ids.ID
	cluster     *membership.RaftCluster
	v2store     v2store.Store
	be          backend.Backend
	kv          *mvcc.WatchableStore
	lessor      lease.Lessor
	applying    *atomic.Uint64 // raft index of the entry that is being applied
	storage     *storage
	raftStorage *raft.MemoryStorage
	node        raft.Node
	progress    etcdProgress
	commit      uint64 // raft's commit index at the start
}

// NewServer opens the data directory, or makes a new one, and returns the
// member it belongs to (book §7.3.1). Nothing runs until Start. A directory
// that is damaged, in use, or holds what this build cannot serve is refused
// with an error that names what was found; nothing in it is changed, except
// that files which a crash left half written are removed.
func NewServer(cfg ServerConfig) (*EtcdServer, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if err := prepareDirs(&cfg); err != nil {
		return nil, err
	}
	b, err := bootstrap(&cfg)
	if err != nil {
		return nil, err
	}
	s, err := newEtcdServer(cfg, b)
	if err != nil {
		b.discard(cfg.logger())
	}
	return s, err
}

func prepareDirs(cfg *ServerConfig) error {
	for _, dir := range []string{cfg.DataDir, cfg.MemberDir(), cfg.SnapDir()} {
		if err := fileutil.TouchDirAll(dir); err != nil {
			return fmt.Errorf("cannot use data directory %s: %w", cfg.DataDir, err)
		}
	}
	return nil
}

// bootstrap opens the database first: its lock tells at once whether another
// server uses the directory.
func bootstrap(cfg *ServerConfig) (*bootstrapped, error) {
	be, err := backend.Open(backend.Config{
		Path:          cfg.BackendPath(),
		BatchInterval: cfg.BackendBatchInterval,
		BatchLimit:    cfg.BackendBatchLimit,
		FreelistType:  cfg.BackendFreelistType,
		MmapSize:      backend.MmapSizeFor(cfg.QuotaBackendBytes),
		UnsafeNoFsync: cfg.UnsafeNoFsync,
		Logger:        cfg.logger(),
	})
	if err != nil {
		return nil, fmt.Errorf("cannot open the database of data directory %s: %w", cfg.DataDir, err)
	}
	b := &bootstrapped{be: be, v2store: v2store.New(membership.StoreClusterPrefix, membership.StoreKeysPrefix)}
	if err := b.open(cfg); err != nil {
		b.discard(cfg.logger())
		return nil, err
	}
	return b, nil
}

// createBuckets makes what every database of etcd 3.4 has from its first start,
// also for parts that hold nothing yet: the hash over the file covers the names
// of its buckets, and the auth revision begins at 1.
func createBuckets(be backend.Backend) {
	tx := be.BatchTx()
	tx.Lock()
	defer tx.Unlock()
	for _, b := range []backend.Bucket{
		backend.BucketAuth, backend.BucketAuthUsers, backend.BucketAuthRoles,
	} {
		tx.UnsafeCreateBucket(b)
	}
	if authRevision := []byte("authRevision"); tx.UnsafeGet(backend.BucketAuth, authRevision) == nil {
		tx.UnsafePut(backend.BucketAuth, authRevision, binary.BigEndian.AppendUint64(nil, 1))
	}
}

func (b *bootstrapped) open(cfg *ServerConfig) error {
	begin := b.create
	if wal.Exist(cfg.WALDir()) {
		begin = b.restart
	}
	if err := begin(cfg); err != nil {
		return err
	}
	createBuckets(b.be)
	if err := b.openStores(cfg); err != nil {
		return fmt.Errorf("cannot read the database of data directory %s: %w", cfg.DataDir, err)
	}
	return nil
}

// openStores puts leases and keys on top of the database. What applying an
// entry changes in either carries the entry's index into the same commit.
func (b *bootstrapped) openStores(cfg *ServerConfig) (err error) {
	b.applying = new(atomic.Uint64)
	b.lessor, err = lease.New(cfg.logger(), b.be, lease.Config{
		MinTTL: lease.MinTTL(cfg.ElectionTicks, cfg.tick()),

		CheckpointInterval: cfg.LeaseCheckpointInterval,
		CheckpointPersist:  cfg.LeaseCheckpointPersist,
		OnWrite:            func(tx backend.BatchTx) { tx.UnsafeSetConsistentIndex(b.applying.Load()) },
	})
	if err != nil {
		return err
	}
	b.kv, err = mvcc.OpenWatchable(cfg.logger(), b.be, mvcc.Config{
		CompactionBatchLimit:    cfg.CompactionBatchLimit,
		CompactionSleepInterval: cfg.CompactionSleepInterval,
		OnCommit:                attachLeases(b.lessor),
	})
	if err != nil {
		b.lessor.Stop()
		return err
	}
	b.lessor.SetRangeDeleter(func() lease.TxnDelete {
		txn := b.kv.Write()
		txn.SetConsistentIndex(b.applying.Load())
		return txn
	})
	return b.reattachLeases()
}

// reattachLeases goes through the history in order: the last record of a key
// says to which lease it belongs.
func (b *bootstrapped) reattachLeases() error {
	if len(b.lessor.Leases()) == 0 {
		return nil
	}
	tx := b.be.ConcurrentReadTx()
	defer tx.Unlock()
	return tx.UnsafeForEach(backend.BucketKey, func(_, v []byte) error {
		record := mvccpb.RawKeyValue(v)
		err := b.lessor.Assign(bytes.Clone(record.Key()), lease.ID(record.Lease()))
		if errors.Is(err, lease.ErrLeaseNotFound) { // an old life of the key
			return nil
		}
		return err
	})
}

// discard closes what a failed start had opened.
func (b *bootstrapped) discard(lg *slog.Logger) {
	if b.node != nil {
		b.node.Stop()
	}
	var closers []func() error
	if b.kv != nil {
		b.lessor.Stop()
		closers = append(closers, b.kv.Close)
	}
	closers = append(closers, b.be.Close)
	if b.storage != nil {
		closers = append(closers, b.storage.close)
	}
	for _, c := range closers {
		if err := c(); err != nil {
			lg.Warn("closing after a failed start", "error", err)
		}
	}
}

// create begins a new member: its IDs follow from the configuration, its log
// starts with the conf change that makes it the cluster's voter.
func (b *bootstrapped) create(cfg *ServerConfig) error {
	if err := wal.CheckComplete(0, 0, b.be.ConsistentIndex()); err != nil {
		return fmt.Errorf("no write-ahead log in %s, but data directory %s has been used: if the log is kept elsewhere, name its directory with --wal-dir: %w",
			cfg.WALDir(), cfg.DataDir, err)
	}
	planned, err := membership.NewClusterFromURLsMap(cfg.logger(), cfg.InitialClusterToken, cfg.InitialPeerURLsMap)
	if err != nil {
		return err
	}
	self := planned.MemberByName(cfg.Name)
	b.id = self.ID
	metadata, err := pb.Metadata{NodeID: uint64(self.ID), ClusterID: uint64(planned.ID())}.Marshal()
	if err != nil {
		return err
	}
	w, err := wal.Create(cfg.logger(), cfg.WALDir(), metadata)
	if err != nil {
		return fmt.Errorf("cannot create the write-ahead log: %w", err)
	}
	b.storage = newStorage(cfg, w)
	b.openCluster(cfg, planned.ID())
	return b.startFirst(cfg, planned)
}

// startFirst starts raft with the members of the initial configuration. Their
// conf changes are the first entries of the log; applying them fills the
// membership.
func (b *bootstrapped) startFirst(cfg *ServerConfig, planned *membership.RaftCluster) error {
	var peers []raft.Peer
	for _, m := range planned.Members() {
		context, err := json.Marshal(m)
		if err != nil {
			return err
		}
		peers = append(peers, raft.Peer{ID: uint64(m.ID), Context: context})
	}
	b.raftStorage = raft.NewMemoryStorage()
	b.node = raft.StartNode(raftConfig(cfg, b.id, b.raftStorage), peers)
	b.commit = uint64(len(peers)) // one conf change each
	cfg.logger().Info("starting a new member", "local-member-id", b.id.String(), "cluster-id", planned.ID().String())
	return nil
}

// restart brings a member back: the newest snapshot that the log vouches for,
// then the log behind it. Everything is read and checked before raft starts.
func (b *bootstrapped) restart(cfg *ServerConfig) error {
	if err := fileutil.RemoveMatching(cfg.logger(), cfg.SnapDir(), isLeftover); err != nil {
		return err
	}
	sn, err := newestSnapshot(cfg)
	if err != nil {
		return err
	}
	l, err := openLog(cfg, sn, b.be.ConsistentIndex())
	if err != nil {
		return err
	}
	b.id = ids.ID(l.metadata.NodeID)
	b.storage = newStorage(cfg, l.wal)
	if err := checkComplete(cfg, l, sn, b.be.ConsistentIndex()); err != nil {
		return err
	}
	if err := checkSupported(l, sn, b.be); err != nil {
		return fmt.Errorf("data directory %s: %w", cfg.DataDir, err)
	}
	if sn != nil {
		if err := b.v2store.Recovery(sn.Data); err != nil {
			return fmt.Errorf("recover the v2 tree from snapshot %d: %w", sn.Metadata.Index, err)
		}
		if err := checkNothingExpires(b.v2store); err != nil {
			return fmt.Errorf("data directory %s: %w", cfg.DataDir, err)
		}
	}
	b.openCluster(cfg, ids.ID(l.metadata.ClusterID))
	if err := b.cluster.Recover(nil); err != nil {
		return fmt.Errorf("data directory %s: %w", cfg.DataDir, err)
	}
	return b.startAgain(cfg, l, sn)
}

// startAgain puts what the log holds into raft's storage and starts raft.
func (b *bootstrapped) startAgain(cfg *ServerConfig, l *openedLog, sn *raftpb.Snapshot) error {
	if l.neverUsed(sn) {
		// The first start ended before it wrote an entry: begin again.
		planned, err := membership.NewClusterFromURLsMap(cfg.logger(), cfg.InitialClusterToken, cfg.InitialPeerURLsMap)
		if err != nil {
			return err
		}
		if planned.MemberByName(cfg.Name).ID != b.id || planned.ID() != b.cluster.ID() {
			return fmt.Errorf("data directory %s was begun for member %s of cluster %s, but the configuration describes member %s of cluster %s: remove the directory, nothing was written to it, or use the old configuration",
				cfg.DataDir, b.id, b.cluster.ID(), planned.MemberByName(cfg.Name).ID, planned.ID())
		}
		return b.startFirst(cfg, planned)
	}
	b.raftStorage = raft.NewMemoryStorage()
	if sn != nil {
		if err := b.raftStorage.ApplySnapshot(*sn); err != nil {
			return err
		}
		b.progress = etcdProgress{
			confState: sn.Metadata.ConfState,
			snapi:     sn.Metadata.Index,
			appliedi:  sn.Metadata.Index,
		}
	}
	if err := b.raftStorage.SetHardState(l.state); err != nil {
		return err
	}
	if err := b.raftStorage.Append(l.entries); err != nil {
		return err
	}
	b.node = raft.RestartNode(raftConfig(cfg, b.id, b.raftStorage))
	b.commit = l.state.Commit
	cfg.logger().Info("restarting local member",
		"local-member-id", b.id.String(), "cluster-id", b.cluster.ID().String(),
		"commit-index", l.state.Commit, "snapshot-index", b.progress.snapi)
	return nil
}

// openCluster puts the membership on top of the stores that keep it.
func (b *bootstrapped) openCluster(cfg *ServerConfig, cid ids.ID) {
	b.cluster = membership.NewCluster(cfg.logger(), cfg.InitialClusterToken)
	b.cluster.SetID(b.id, cid)
	b.cluster.SetStore(b.v2store)
	b.cluster.SetBackend(b.be)
}

func newStorage(cfg *ServerConfig, w *wal.WAL) *storage {
	if cfg.UnsafeNoFsync {
		w.SetUnsafeNoFsync()
	}
	return &storage{wal: w, snap: snap.New(cfg.logger(), cfg.SnapDir())}
}

func raftConfig(cfg *ServerConfig, id ids.ID, ms *raft.MemoryStorage) *raft.Config {
	return &raft.Config{
		ID:              uint64(id),
		ElectionTick:    cfg.ElectionTicks,
		HeartbeatTick:   1,
		Storage:         ms,
		MaxSizePerMsg:   maxSizePerMsg,
		MaxInflightMsgs: maxInflightMsgs,
		CheckQuorum:     true,
		PreVote:         cfg.PreVote,
		Logger:          raft.NewSlogLogger(cfg.logger()),
	}
}

// newestSnapshot returns the newest .snap file that the log has a record of;
// nil when there is none yet. A newer file without a record is what a crash
// between the two leaves.
func newestSnapshot(cfg *ServerConfig) (*raftpb.Snapshot, error) {
	recorded, err := wal.ValidSnapshotEntries(cfg.logger(), cfg.WALDir())
	if err != nil {
		return nil, fmt.Errorf("cannot read the write-ahead log %s: %w", cfg.WALDir(), err)
	}
	sn, err := snap.New(cfg.logger(), cfg.SnapDir()).LoadNewestAvailable(recorded)
	if errors.Is(err, snap.ErrNoSnapshot) {
		return nil, nil
	}
	return sn, err
}

// openedLog is what the write-ahead log holds behind a snapshot.
type openedLog struct {
	wal      *wal.WAL
	metadata pb.Metadata
	state    raftpb.HardState
	entries  []raftpb.Entry
}

// neverUsed tells that the first write to the log did not get as far as raft's
// state: nothing was ever committed. An entry that did arrive is the conf change
// that beginning again writes in its place.
func (l *openedLog) neverUsed(sn *raftpb.Snapshot) bool {
	return sn == nil && raft.IsEmptyHardState(l.state)
}

// lastIndex is the last index that log or snapshot know.
func (l *openedLog) lastIndex(sn *raftpb.Snapshot) uint64 {
	if n := len(l.entries); n > 0 {
		return l.entries[n-1].Index
	}
	if sn != nil {
		return sn.Metadata.Index
	}
	return 0
}

// openLog opens the log behind sn for appending. A torn tail, and only that,
// is repaired, once; but first what is left without it must be complete, for a
// log that was destroyed at its end looks torn too (test J5).
func openLog(cfg *ServerConfig, sn *raftpb.Snapshot, consistentIndex uint64) (*openedLog, error) {
	var from walpb.Snapshot
	if sn != nil {
		from.Index, from.Term = sn.Metadata.Index, sn.Metadata.Term
	}
	l, err := readLog(cfg, from, wal.Open)
	if !errors.Is(err, wal.ErrTorn) {
		return l, err
	}
	rest, err := readLog(cfg, from, wal.OpenForRead)
	if err != nil {
		return nil, err
	}
	rest.wal.Close()
	if err := checkComplete(cfg, rest, sn, consistentIndex); err != nil {
		return nil, err
	}
	if _, err := wal.Repair(cfg.logger(), cfg.WALDir()); err != nil {
		return nil, fmt.Errorf("cannot repair the write-ahead log: %w", err)
	}
	return readLog(cfg, from, wal.Open)
}

func readLog(cfg *ServerConfig, from walpb.Snapshot, open func(*slog.Logger, string, walpb.Snapshot) (*wal.WAL, error)) (*openedLog, error) {
	w, err := open(cfg.logger(), cfg.WALDir(), from)
	if err != nil {
		return nil, fmt.Errorf("cannot open the write-ahead log %s: %w", cfg.WALDir(), err)
	}
	l := &openedLog{wal: w}
	var metadata []byte
	metadata, l.state, l.entries, err = w.ReadAll()
	if err == nil {
		err = l.metadata.Unmarshal(metadata)
	}
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("cannot read the write-ahead log %s: %w", cfg.WALDir(), err)
	}
	return l, nil
}
