package embed

import (
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"insideetcd/ch07-server/compactor"
	"insideetcd/ch07-server/etcdserver"
	"insideetcd/ch08-client/v3rpc"
)

// Values of Config.ClusterState.
const (
	ClusterStateFlagNew      = "new"
	ClusterStateFlagExisting = "existing"
)

// Defaults of etcd 3.4.
const (
	DefaultName                     = "default"
	DefaultListenPeerURLs           = "http://localhost:2380"
	DefaultListenClientURLs         = "http://localhost:2379"
	DefaultInitialAdvertisePeerURLs = "http://localhost:2380"
	DefaultAdvertiseClientURLs      = "http://localhost:2379"
	DefaultInitialClusterToken      = "etcd-cluster"

	DefaultMaxSnapshots = 5
	DefaultMaxWALs      = 5
	DefaultTickMs       = 100
	DefaultElectionMs   = 1000

	DefaultGRPCKeepAliveMinTime  = 5 * time.Second
	DefaultGRPCKeepAliveInterval = 2 * time.Hour
	DefaultGRPCKeepAliveTimeout  = 20 * time.Second
	DefaultMaxConcurrentStreams  = 1<<32 - 1

	DefaultBackendFreelistType = "map"

	// maxElectionMs keeps a typing error from making a cluster wait minutes for a leader.
	maxElectionMs = 50_000
)

// Config is what an operator decides. NewConfig fills in the defaults; times named …Ms
// are milliseconds.
type Config struct {
	Name   string
	Dir    string // data directory; "": NAME.etcd
	WalDir string // separate directory of the write-ahead log; "": below Dir

	SnapshotCount uint64 // applied entries between two raft snapshots
	MaxSnapFiles  uint   // 0: keep all
	MaxWalFiles   uint   // 0: keep all

	TickMs                     uint // one raft tick, the heartbeat interval
	ElectionMs                 uint // at least five ticks
	InitialElectionTickAdvance bool
	PreVote                    bool

	LPUrls, LCUrls []url.URL // listen for peers, for clients
	APUrls, ACUrls []url.URL // advertise to peers, to clients

	ClusterState        string // ClusterStateFlagNew or …Existing
	InitialCluster      string // name=url,name=url,…; "": this member at its default URL
	InitialClusterToken string

	QuotaBackendBytes       int64 // 0: 2 GiB, negative: no limit
	AutoCompactionMode      string
	AutoCompactionRetention string
	BackendBatchInterval    time.Duration
	BackendBatchLimit       int
	BackendFreelistType     string // array or map
	CompactionBatchLimit    int    // revisions
	CompactionSleepInterval time.Duration

	// What long leases have left is agreed on now and then, so that a new leader goes on from
	// there, and with …Persist a restarted cluster too.
	ExperimentalEnableLeaseCheckpoint        bool
	ExperimentalEnableLeaseCheckpointPersist bool

	// A quiet watch that asked for progress is told after this time; 0: 10 min.
	ExperimentalWatchProgressNotifyInterval time.Duration
	// An entry that takes longer to apply is logged; 0: 100 ms.
	ExperimentalWarningApplyDuration time.Duration

	MaxTxnOps            uint
	MaxRequestBytes      uint
	MaxConcurrentStreams uint32 // per client connection

	GRPCKeepAliveMinTime  time.Duration
	GRPCKeepAliveInterval time.Duration // 0: no pings
	GRPCKeepAliveTimeout  time.Duration

	CORS        []string // origins of web pages that may use the client URLs
	EnablePprof bool     // serve /debug/pprof on the client URLs

	EnableGRPCGateway bool // serve the v3 API in JSON below /v3 on the client URLs

	// UnsafeNoFsync leaves out every fsync: acknowledged writes may be lost.
	UnsafeNoFsync bool

	Logger *slog.Logger // nil: slog.Default()
}

// NewConfig returns the configuration of an etcd that was started without any flag.
func NewConfig() *Config {
	return &Config{
		Name: DefaultName,

		SnapshotCount: etcdserver.DefaultSnapshotCount,
		MaxSnapFiles:  DefaultMaxSnapshots,
		MaxWalFiles:   DefaultMaxWALs,

		TickMs:                     DefaultTickMs,
		ElectionMs:                 DefaultElectionMs,
		InitialElectionTickAdvance: true,
		AutoCompactionMode:         "periodic",
		AutoCompactionRetention:    "0",

		LPUrls: mustURLs(DefaultListenPeerURLs),
		LCUrls: mustURLs(DefaultListenClientURLs),
		APUrls: mustURLs(DefaultInitialAdvertisePeerURLs),
		ACUrls: mustURLs(DefaultAdvertiseClientURLs),

		ClusterState:        ClusterStateFlagNew,
		InitialClusterToken: DefaultInitialClusterToken,

		ExperimentalWatchProgressNotifyInterval: v3rpc.DefaultWatchProgressInterval,
		ExperimentalWarningApplyDuration:        etcdserver.DefaultWarningApplyDuration,

		BackendFreelistType: DefaultBackendFreelistType,

		MaxTxnOps:            etcdserver.DefaultMaxTxnOps,
		MaxRequestBytes:      etcdserver.DefaultMaxRequestBytes,
		MaxConcurrentStreams: DefaultMaxConcurrentStreams,

		GRPCKeepAliveMinTime:  DefaultGRPCKeepAliveMinTime,
		GRPCKeepAliveInterval: DefaultGRPCKeepAliveInterval,
		GRPCKeepAliveTimeout:  DefaultGRPCKeepAliveTimeout,

		CORS: []string{"*"},

		EnableGRPCGateway: true,
	}
}

func mustURLs(s string) []url.URL {
	urls, err := ParseURLs(s)
	if err != nil {
		panic(fmt.Sprintf("embed: a default is wrong: %v", err))
	}
	return urls
}

// dataDir is Dir or the default that follows from the name.
func (c *Config) dataDir() string {
	if c.Dir == "" {
		return c.Name + ".etcd"
	}
	return c.Dir
}

// initialCluster is InitialCluster or the default that follows from the name.
func (c *Config) initialCluster() string {
	if c.InitialCluster == "" {
		return c.Name + "=" + DefaultInitialAdvertisePeerURLs
	}
	return c.InitialCluster
}

func (c *Config) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.Default()
	}
	return c.Logger
}

// serverConfig is the part that ch07 needs.
func (c *Config) serverConfig(peers map[string][]string) etcdserver.ServerConfig {
	return etcdserver.ServerConfig{
		Name:       c.Name,
		ClientURLs: urlStrings(c.ACUrls),
		PeerURLs:   urlStrings(c.APUrls),

		DataDir:         c.dataDir(),
		DedicatedWALDir: c.WalDir,
		SnapshotCount:   c.SnapshotCount,
		MaxSnapFiles:    c.MaxSnapFiles,
		MaxWALFiles:     c.MaxWalFiles,

		InitialPeerURLsMap:  peers,
		InitialClusterToken: c.InitialClusterToken,
		NewCluster:          c.ClusterState == ClusterStateFlagNew,

		TickMs:        c.TickMs,
		ElectionTicks: int(c.ElectionMs / c.TickMs),
		PreVote:       c.PreVote,

		QuotaBackendBytes:       c.QuotaBackendBytes,
		AutoCompaction:          c.autoCompaction(),
		BackendBatchInterval:    c.BackendBatchInterval,
		BackendBatchLimit:       c.BackendBatchLimit,
		BackendFreelistType:     c.BackendFreelistType,
		CompactionBatchLimit:    c.CompactionBatchLimit,
		CompactionSleepInterval: c.CompactionSleepInterval,

		EnableLeaseCheckpoint:  c.ExperimentalEnableLeaseCheckpoint,
		LeaseCheckpointPersist: c.ExperimentalEnableLeaseCheckpointPersist,
		WarningApplyDuration:   c.ExperimentalWarningApplyDuration,

		MaxTxnOps:       c.MaxTxnOps,
		MaxRequestBytes: c.MaxRequestBytes,
		UnsafeNoFsync:   c.UnsafeNoFsync,
		Logger:          c.logger(),
	}
}

// autoCompaction is the policy that Validate has accepted.
func (c *Config) autoCompaction() compactor.Policy {
	policy, _ := compactor.ParsePolicy(c.AutoCompactionMode, c.AutoCompactionRetention)
	return policy
}
