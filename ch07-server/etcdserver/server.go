package etcdserver

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/ids"
	"insideetcd/ch01-intro/version"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch06-storage/v2store"
	"insideetcd/ch07-server/apply"
	"insideetcd/ch07-server/membership"
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
	kv      mvcc.KV
	be      backend.Backend

	appliedIndex   atomic.Uint64
	committedIndex atomic.Uint64
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

	stopOnce  sync.Once
	startOnce sync.Once
	started   atomic.Bool
	applyDone chan struct{}
	wg        sync.WaitGroup // goroutines other than raftNode.run and applyLoop

	errMu sync.Mutex
	err   error // why the server stopped by itself
}

func newEtcdServer(cfg ServerConfig, b *bootstrapped) *EtcdServer {
	s := &EtcdServer{
		Cfg: cfg, lg: cfg.logger(),
		id: b.id, cluster: b.cluster,
		attributes: membership.Attributes{Name: cfg.Name, ClientURLs: cfg.ClientURLs},
		applyq:     newApplyQueue(),
		v2store:    b.v2store, kv: b.kv, be: b.be,
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
	s.applyV3 = apply.NewApplierV3(b.kv)
	s.appliedIndex.Store(b.progress.appliedi)
	s.committedIndex.Store(b.progress.appliedi)
	return s
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

// campaignAlone makes the only voter of a cluster its leader without waiting
// for an election timeout: there is nobody it could disturb. Raft refuses as
// long as committed conf changes wait to be applied, so those come first; it
// is asked again in case it has not heard yet that they are.
func (s *EtcdServer) campaignAlone() {
	if err := s.waitApplied(s.startCommit); err != nil {
		return
	}
	for s.Leader() == 0 {
		changed := s.leaderChangedNotify()
		if err := s.r.Campaign(s.ctx); err != nil {
			return
		}
		select {
		case <-changed:
		case <-time.After(s.Cfg.tick()):
		case <-s.stopping:
			return
		}
	}
}

// Stop ends the member cleanly: what was acknowledged is on disk, the files
// are closed. It may be called more than once and by several goroutines.
func (s *EtcdServer) Stop() {
	s.stopOnce.Do(s.stop)
	<-s.done
}

func (s *EtcdServer) stop() {
	close(s.stopping)
	s.cancel()
	if s.started.Load() {
		s.r.stop()
		<-s.applyDone
	} else {
		s.r.Node.Stop()
	}
	s.wg.Wait()
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

// fail stops the server because it cannot go on without risking what was
// acknowledged. Err tells the reason.
func (s *EtcdServer) fail(err error) {
	s.errMu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.errMu.Unlock()
	s.lg.Error("stopping the server", "error", err)
	go s.Stop()
}

// Err is why the server stopped by itself; nil if it was told to.
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

// updateLeadership, updateCommittedIndex and enqueueApply are the server's
// side of raftNode (readyHandler).
func (s *EtcdServer) updateLeadership(lead uint64, leading bool) {
	set := func(g interface{ Set(float64) }, v bool) {
		g.Set(map[bool]float64{true: 1}[v])
	}
	set(hasLeader, lead != 0)
	set(isLeader, leading)
	set(isLearner, s.IsLearner())
	if lead == 0 {
		return
	}
	leaderChanges.Inc()
	s.leaderMu.Lock()
	s.electedAt = time.Now()
	close(s.leaderChanged)
	s.leaderChanged = make(chan struct{})
	s.leaderMu.Unlock()
}

func (s *EtcdServer) updateCommittedIndex(index uint64) {
	if index > s.committedIndex.Load() {
		s.committedIndex.Store(index)
		proposalsCommitted.Set(float64(index))
	}
}

func (s *EtcdServer) enqueueApply(entries []raftpb.Entry) { s.applyq.push(entries) }

// leaderChangedNotify returns a channel that is closed when another leader is
// known.
func (s *EtcdServer) leaderChangedNotify() <-chan struct{} {
	s.leaderMu.Lock()
	defer s.leaderMu.Unlock()
	return s.leaderChanged
}

// leaderLostSince tells whether a leader was replaced around the time of a
// request that started `ago` ago: then it probably died with the old leader.
func (s *EtcdServer) leaderLostSince(ago time.Duration) bool {
	s.leaderMu.Lock()
	elected := s.electedAt
	s.leaderMu.Unlock()
	start := time.Now().Add(-ago)
	lost := elected.Add(-2 * s.Cfg.ElectionTimeout())
	return start.After(lost) && start.Before(elected)
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

// Backend is the database below KV.
func (s *EtcdServer) Backend() backend.Backend { return s.be }

// IsLearner tells whether this member has no vote.
func (s *EtcdServer) IsLearner() bool { return s.cluster.IsLocalMemberLearner() }

// Alarms lists the active alarms. Raising them is later work, and a data
// directory that holds some is refused, so there are none.
func (s *EtcdServer) Alarms() []*pb.AlarmMember { return nil }

// MaxTxnOps is how many operations a transaction may have.
func (s *EtcdServer) MaxTxnOps() int { return int(s.Cfg.MaxTxnOps) }

// MaxRequestBytes is how long an encoded request may be.
func (s *EtcdServer) MaxRequestBytes() int { return int(s.Cfg.MaxRequestBytes) }

// Ready is closed when the member serves requests.
func (s *EtcdServer) Ready() <-chan struct{} { return s.readych }

// StopNotify is closed when the server has stopped.
func (s *EtcdServer) StopNotify() <-chan struct{} { return s.done }
