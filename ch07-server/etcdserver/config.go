package etcdserver

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"insideetcd/ch07-server/compactor"
)

// Defaults and limits of etcd 3.4.
const (
	DefaultSnapshotCount = 100_000 // applied entries between two raft snapshots

	// SnapshotCatchUpEntries is how many entries stay in the raft log behind a
	// snapshot, so that a slightly late follower needs no snapshot.
	SnapshotCatchUpEntries = 5000

	DefaultMaxTxnOps       = 128
	DefaultMaxRequestBytes = 1.5 * 1024 * 1024 // 1,572,864 bytes

	DefaultWarningApplyDuration = 100 * time.Millisecond

	// maxApplyBacklog is how far apply may fall behind commit before new
	// proposals are turned away with ErrTooManyRequests.
	maxApplyBacklog = 5000
)

// ServerConfig is what NewServer needs to know (book §7.3.1). Nothing in it
// changes after the server was made.
type ServerConfig struct {
	Name       string
	ClientURLs []string // advertised to clients
	PeerURLs   []string // advertised to peers

	DataDir         string
	DedicatedWALDir string // "" puts the log below DataDir

	SnapshotCount uint64 // 0 means DefaultSnapshotCount
	MaxSnapFiles  uint   // 0 keeps all
	MaxWALFiles   uint   // 0 keeps all

	InitialPeerURLsMap  map[string][]string // member name → its peer URLs
	InitialClusterToken string
	NewCluster          bool

	TickMs        uint // milliseconds of one raft tick, the heartbeat interval
	ElectionTicks int  // ticks without a leader before an election
	PreVote       bool

	QuotaBackendBytes    int64 // 0 means quota.DefaultBytes, negative no limit
	BackendBatchInterval time.Duration
	BackendBatchLimit    int
	BackendFreelistType  string

	AutoCompaction compactor.Policy // when to compact without being asked; zero: never

	CompactionBatchLimit    int
	CompactionSleepInterval time.Duration

	// EnableLeaseCheckpoint has the leader make known, every LeaseCheckpointInterval (0 means
	// lease.DefaultCheckpointInterval), what long leases have left: the next leader goes on
	// from there. With LeaseCheckpointPersist that outlives a restart too (REGRESSIONS L3).
	EnableLeaseCheckpoint   bool
	LeaseCheckpointPersist  bool
	LeaseCheckpointInterval time.Duration

	WarningApplyDuration time.Duration // an entry that takes longer is logged; 0 means 100 ms

	MaxTxnOps       uint
	MaxRequestBytes uint

	// UnsafeNoFsync leaves out every fsync: acknowledged writes may be lost.
	UnsafeNoFsync bool

	Logger *slog.Logger
}

// ReqTimeout is how long a request may wait for its entry to be applied: five
// seconds for queues, disk and network, plus one election and the detection of
// the leader's loss that led to it.
func (c *ServerConfig) ReqTimeout() time.Duration {
	return 5*time.Second + 2*c.ElectionTimeout()
}

// ElectionTimeout is ElectionTicks in time.
func (c *ServerConfig) ElectionTimeout() time.Duration {
	return time.Duration(c.ElectionTicks) * c.tick()
}

func (c *ServerConfig) tick() time.Duration { return time.Duration(c.TickMs) * time.Millisecond }

// MemberDir holds all that this member writes, except a dedicated log.
func (c *ServerConfig) MemberDir() string { return filepath.Join(c.DataDir, "member") }

// WALDir holds the write-ahead log.
func (c *ServerConfig) WALDir() string {
	if c.DedicatedWALDir != "" {
		return c.DedicatedWALDir
	}
	return filepath.Join(c.MemberDir(), "wal")
}

// SnapDir holds raft snapshots and the database.
func (c *ServerConfig) SnapDir() string { return filepath.Join(c.MemberDir(), "snap") }

// BackendPath is the bbolt database.
func (c *ServerConfig) BackendPath() string { return filepath.Join(c.SnapDir(), "db") }

func (c *ServerConfig) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.Default()
	}
	return c.Logger
}

// withDefaults fills in what was left zero.
func (c ServerConfig) withDefaults() ServerConfig {
	if c.SnapshotCount == 0 {
		c.SnapshotCount = DefaultSnapshotCount
	}
	if c.TickMs == 0 {
		c.TickMs = 100
	}
	if c.ElectionTicks == 0 {
		c.ElectionTicks = 10
	}
	if c.WarningApplyDuration == 0 {
		c.WarningApplyDuration = DefaultWarningApplyDuration
	}
	if c.MaxTxnOps == 0 {
		c.MaxTxnOps = DefaultMaxTxnOps
	}
	if c.MaxRequestBytes == 0 {
		c.MaxRequestBytes = DefaultMaxRequestBytes
	}
	return c
}

// validate finds the mistakes that would otherwise show up as damage later.
func (c *ServerConfig) validate() error {
	if c.Name == "" {
		return errors.New("etcdserver: the member needs a name")
	}
	if c.DataDir == "" {
		return errors.New("etcdserver: the member needs a data directory")
	}
	urls, ok := c.InitialPeerURLsMap[c.Name]
	if !ok || len(urls) == 0 {
		return fmt.Errorf("etcdserver: couldn't find local name %q in the initial cluster configuration", c.Name)
	}
	if len(c.InitialPeerURLsMap) != 1 {
		return fmt.Errorf("etcdserver: the initial cluster names %d members; this server runs one", len(c.InitialPeerURLsMap))
	}
	return nil
}
