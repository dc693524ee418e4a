package etcdserver

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"insideetcd/ch01-intro/ids"
	"insideetcd/ch01-intro/version"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/lease"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch06-storage/v2store"
	"insideetcd/ch07-server/alarm"
	"insideetcd/ch07-server/apply"
	"insideetcd/ch07-server/compactor"
	"insideetcd/ch07-server/membership"
	"insideetcd/ch07-server/quota"
)

// EtcdServer is one member (book §7.3). NewServer makes one from its data
// directory, Start lets it run, Stop ends it.
//
// Invariants
//  1. appliedIndex ≤ committedIndex; neither ever goes back.
//  2. Only the apply loop writes kv and v2store.
//  3. A caller gets a result only after its entry is durable and applied.
type EtcdServer struct {
	Cfg ServerConfig
	lg  *slog.Logger

	id         ids.ID
	attributes membership.Attributes
	cluster    *membership.RaftCluster

	r       *raftNode
	applyq  *applyQueue
	applyV2 apply.ApplierV2
	applyV3 apply.ApplierV3

	v2store v2store.Store
	kv      *mvcc.WatchableStore
	lessor  lease.Lessor
	be      backend.Backend
	alarms  *alarm.AlarmStore
	quota   *quota.Quota

	compactor *compactor.Compactor

	appliedIndex   atomic.Uint64
	committedIndex atomic.Uint64
	applying       *atomic.Uint64 // the entry that is being applied
	snapshotting   atomic.Bool
	progress       etcdProgress // where apply starts
	startCommit    uint64       // raft's commit index at the start

	reqIDGen  *ids.Generator
	w         *waiters
	applyWait appliedWait
	deadlines *deadlines

	readWanted chan struct{}
	nextRead   atomic.Pointer[readRound]

	leaderMu      sync.Mutex
	leaderChanged chan struct{} // closed when another leader is known
	electedAt     time.Time     // when the present leader was heard of

	ctx      context.Context // ends when the server stops
	cancel   context.CancelFunc
	readych  chan struct{} // closed when this member is published
	stopping chan struct{}
	done     chan struct{}

	haltOnce  sync.Once
	stopOnce  sync.Once
	startOnce sync.Once
	started   atomic.Bool
	applyDone chan struct{}
	wg        sync.WaitGroup // goroutines other than raftNode.run and applyLoop

	errMu sync.Mutex
	err   error // why the server stops by itself
}

func newEtcdServer(cfg ServerConfig, b *bootstrapped) (*EtcdServer, error) {
	s := &EtcdServer{
		Cfg: cfg, lg: cfg.logger(),
		id: b.id, cluster: b.cluster,
		attributes: membership.Attributes{Name: cfg.Name, ClientURLs: cfg.ClientURLs},
		applyq:     newApplyQueue(),
		v2store:    b.v2store, kv: b.kv, lessor: b.lessor, be: b.be,
		applying: b.applying,
		progress: b.progress, startCommit: b.commit,
		reqIDGen:   ids.NewGenerator(uint16(b.id), time.Now()),
		w:          newWaiters(),
		readWanted: make(chan struct{}, 1),

		leaderChanged: make(chan struct{}),
		readych:       make(chan struct{}),
		stopping:      make(chan struct{}),
		done:          make(chan struct{}),
		applyDone:     make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.deadlines = newDeadlines(s.ctx, cfg.ReqTimeout())
	s.nextRead.Store(newReadRound())
	s.r = newRaftNode(b.node, b.raftStorage, b.storage, cfg.tick())
	s.applyV2 = apply.NewApplierV2(b.cluster, s.onClusterVersion)
	var err error
	if s.alarms, err = alarm.NewAlarmStore(s.lg, s); err != nil {
		return nil, err
	}
	s.quota = quota.New(s.lg, cfg.QuotaBackendBytes, b.be.Size, quota.StoredIn(b.kv))
	s.compactor = compactor.New(s.lg, cfg.AutoCompaction, b.kv, s)
	s.applyV3 = apply.Guard(apply.NewApplierV3(b.kv, b.lessor, s.alarms), s.alarms, s.quota, s.raiseNoSpace)
	if cfg.EnableLeaseCheckpoint {
		s.lessor.SetCheckpointer(s.checkpointLeases)
	}
	s.appliedIndex.Store(b.progress.appliedi)
	s.committedIndex.Store(b.progress.appliedi)
	return s, nil
}

// Start lets the member run. It returns at once; Ready tells when the member
// serves requests.
func (s *EtcdServer) Start() {
	s.startOnce.Do(func() {
		s.started.Store(true)
		s.reportIdentity()
		go s.applyLoop(s.progress)
		go s.r.run(s)
		s.goAttach(s.linearizableReads)
		s.goAttach(s.campaignAlone)
		s.goAttach(s.announce)
		s.goAttach(s.revokeExpiredLeases)
		s.compactor.Pause()
		s.compactor.Run()
		s.purgeFiles()
	})
}

// goAttach runs f in a goroutine that Stop waits for.
func (s *EtcdServer) goAttach(f func()) {
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		f()
	}()
}

// Stop ends the member cleanly: what was acknowledged is on disk, the files
// are closed. Nobody may use KV or Backend any more, so whoever serves clients
// stops doing so BEFORE. It may be called more than once.
func (s *EtcdServer) Stop() {
	s.halt()
	s.stopOnce.Do(s.stop)
	<-s.done
}

// halt turns callers away and lets the server's goroutines end; the stores stay
// open for those who are reading.
func (s *EtcdServer) halt() {
	s.haltOnce.Do(func() {
		close(s.stopping)
		s.cancel()
	})
}

func (s *EtcdServer) stop() {
	if s.started.Load() {
		s.r.stop()
		<-s.applyDone
	} else {
		s.r.Node.Stop()
	}
	s.wg.Wait()
	s.compactor.Stop()
	s.lessor.Stop()
	s.closeStores()
	close(s.done)
}

func (s *EtcdServer) closeStores() {
	for _, c := range []struct {
		what  string
		close func() error
	}{
		{"write-ahead log", s.r.storage.close},
		{"store", s.kv.Close},
		{"database", s.be.Close},
	} {
		if err := c.close(); err != nil {
			s.lg.Error("failed to close the "+c.what, "error", err)
		}
	}
}

// fail halts the server because it cannot go on without risking what was
// acknowledged. Err tells the reason; Stop is still to be called.
func (s *EtcdServer) fail(err error) {
	s.errMu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.errMu.Unlock()
	s.lg.Error("stopping the server", "error", err)
	s.halt()
}

// Err is why the server stops by itself; nil if it was told to.
func (s *EtcdServer) Err() error {
	s.errMu.Lock()
	defer s.errMu.Unlock()
	return s.err
}

func (s *EtcdServer) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// What the server tells about itself.

// ID is this member's ID.
func (s *EtcdServer) ID() ids.ID { return s.id }

// ClusterID is the ID of the cluster.
func (s *EtcdServer) ClusterID() ids.ID { return s.cluster.ID() }

// Leader is the ID of the leader, 0 when none is known.
func (s *EtcdServer) Leader() ids.ID { return ids.ID(s.r.lead.Load()) }

// Term is the current raft term.
func (s *EtcdServer) Term() uint64 { return s.r.term.Load() }

// CommittedIndex is the raft index up to which entries are committed.
func (s *EtcdServer) CommittedIndex() uint64 { return s.committedIndex.Load() }

// AppliedIndex is the raft index up to which entries are applied.
func (s *EtcdServer) AppliedIndex() uint64 { return s.appliedIndex.Load() }

// Cluster is the membership.
func (s *EtcdServer) Cluster() *membership.RaftCluster { return s.cluster }

// ClusterVersion is what all members agree to understand; nil until decided.
func (s *EtcdServer) ClusterVersion() *version.Version { return s.cluster.Version() }

// KV is the multi-version store. Only the apply loop may write it.
func (s *EtcdServer) KV() mvcc.KV { return s.kv }

// NewWatchStream opens a stream of watches on the store.
func (s *EtcdServer) NewWatchStream() mvcc.WatchStream { return s.kv.NewWatchStream() }

// Backend is the database below KV.
func (s *EtcdServer) Backend() backend.Backend { return s.be }

// IsLearner tells whether this member has no vote.
func (s *EtcdServer) IsLearner() bool { return s.cluster.IsLocalMemberLearner() }

// MaxTxnOps is how many operations a transaction may have.
func (s *EtcdServer) MaxTxnOps() int { return int(s.Cfg.MaxTxnOps) }

// MaxRequestBytes is how long an encoded request may be.
func (s *EtcdServer) MaxRequestBytes() int { return int(s.Cfg.MaxRequestBytes) }

// Ready is closed when the member serves requests.
func (s *EtcdServer) Ready() <-chan struct{} { return s.readych }

// StoppingNotify is closed when the server begins to stop, by Stop or by itself
// (Err): it answers ErrStopped from then on, and Stop is to be called.
func (s *EtcdServer) StoppingNotify() <-chan struct{} { return s.stopping }

// StopNotify is closed when the server has stopped.
func (s *EtcdServer) StopNotify() <-chan struct{} { return s.done }
