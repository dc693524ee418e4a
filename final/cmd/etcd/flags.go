package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"insideetcd/final/embed"
)

// options is what the command line and the environment say.
type options struct {
	cfg         *embed.Config
	logLevel    string
	logOutputs  []string
	logger      string
	debug       bool
	showVersion bool

	warnings []string // said once the log is open
}

// parse reads flags first, then the environment for flags that were not given.
func parse(args, environ []string) (*options, error) {
	o := &options{cfg: embed.NewConfig()}
	fs := newFlagSet(o)
	if err := fs.Parse(doubleDashes(args)); err != nil {
		return nil, err
	}
	if o.showVersion {
		return o, nil
	}
	if err := checkArguments(fs.Args()); err != nil {
		return nil, err
	}
	if err := setFromEnvironment(fs, environ, o.warn); err != nil {
		return nil, err
	}
	if err := refuseUnbuilt(fs, o.warn); err != nil {
		return nil, err
	}
	if fs.Changed("listen-client-urls") && !fs.Changed("advertise-client-urls") {
		return nil, errors.New("--advertise-client-urls is required when --listen-client-urls is set explicitly")
	}
	return o, o.cfg.Validate()
}

func (o *options) warn(line string) { o.warnings = append(o.warnings, line) }

// doubleDashes makes -data-dir of old scripts --data-dir; pflag would read it as the
// short flags d, a, t, … Numbers stay: they are values.
func doubleDashes(args []string) []string {
	out := make([]string, 0, len(args))
	for i, a := range args {
		if a == "--" {
			return append(out, args[i:]...)
		}
		if a == "-h" {
			a = "--help"
		} else if len(a) > 1 && a[0] == '-' && isLetter(a[1]) {
			a = "-" + a
		}
		out = append(out, a)
	}
	return out
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func checkArguments(args []string) error {
	if len(args) == 0 {
		return nil
	}
	if args[0] == "gateway" || args[0] == "grpc-proxy" {
		return fmt.Errorf("'etcd %s' is not built yet", args[0])
	}
	return fmt.Errorf("'%s' is not a valid flag", args[0])
}

// newFlagSet declares the flags that work, bound to o, and the known ones that do not.
func newFlagSet(o *options) *pflag.FlagSet {
	fs := pflag.NewFlagSet("etcd", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {} // main prints usage or one line, never both
	declareMember(fs, o.cfg)
	declareCluster(fs, o.cfg)
	declareStorage(fs, o.cfg)
	declareClients(fs, o.cfg)
	declareExperimental(fs, o.cfg)
	declareLogging(fs, o)
	declareUnbuilt(fs)
	return fs
}

func declareMember(fs *pflag.FlagSet, c *embed.Config) {
	fs.StringVar(&c.Name, "name", c.Name, "name of this member")
	fs.StringVar(&c.Dir, "data-dir", c.Dir, "data directory (default \"NAME.etcd\")")
	fs.StringVar(&c.WalDir, "wal-dir", c.WalDir, "separate directory of the write-ahead log")
	fs.Uint64Var(&c.SnapshotCount, "snapshot-count", c.SnapshotCount, "applied entries between two raft snapshots")
	fs.UintVar(&c.TickMs, "heartbeat-interval", c.TickMs, "milliseconds between heartbeats")
	fs.UintVar(&c.ElectionMs, "election-timeout", c.ElectionMs, "milliseconds without a leader before an election")
	fs.BoolVar(&c.InitialElectionTickAdvance, "initial-election-tick-advance", c.InitialElectionTickAdvance, "shorten the first wait for a leader")
	fs.BoolVar(&c.PreVote, "pre-vote", c.PreVote, "ask before an election whether it could be won")
	fs.Var((*urls)(&c.LPUrls), "listen-peer-urls", "URLs to listen on for peers")
	fs.Var((*urls)(&c.LCUrls), "listen-client-urls", "URLs to listen on for clients")
	fs.UintVar(&c.MaxSnapFiles, "max-snapshots", c.MaxSnapFiles, "snapshot files to keep (0 keeps all)")
	fs.UintVar(&c.MaxWalFiles, "max-wals", c.MaxWalFiles, "log files to keep (0 keeps all)")
}

func declareCluster(fs *pflag.FlagSet, c *embed.Config) {
	fs.Var((*urls)(&c.APUrls), "initial-advertise-peer-urls", "URLs under which peers find this member")
	fs.Var((*urls)(&c.ACUrls), "advertise-client-urls", "URLs under which clients find this member")
	fs.StringVar(&c.InitialCluster, "initial-cluster", c.InitialCluster, "first members, as NAME=URL,… (default \"NAME="+embed.DefaultInitialAdvertisePeerURLs+"\")")
	fs.StringVar(&c.ClusterState, "initial-cluster-state", c.ClusterState, "new or existing")
	fs.StringVar(&c.InitialClusterToken, "initial-cluster-token", c.InitialClusterToken, "what tells clusters with equal URLs apart")
}

func declareStorage(fs *pflag.FlagSet, c *embed.Config) {
	fs.Int64Var(&c.QuotaBackendBytes, "quota-backend-bytes", c.QuotaBackendBytes, "size limit of the database (0 is 2 GiB, negative none)")
	fs.StringVar(&c.AutoCompactionMode, "auto-compaction-mode", c.AutoCompactionMode, "what auto-compaction-retention counts: periodic (time) or revision")
	fs.StringVar(&c.AutoCompactionRetention, "auto-compaction-retention", c.AutoCompactionRetention, "history to keep: hours or a duration, or a number of revisions (0: do not compact)")
	fs.DurationVar(&c.BackendBatchInterval, "backend-batch-interval", c.BackendBatchInterval, "longest time before the database commits (0 is 100ms)")
	fs.IntVar(&c.BackendBatchLimit, "backend-batch-limit", c.BackendBatchLimit, "most operations before the database commits (0 is 10000)")
	for _, name := range []string{"backend-bbolt-freelist-type", "experimental-backend-bbolt-freelist-type"} {
		fs.StringVar(&c.BackendFreelistType, name, c.BackendFreelistType, "how the database keeps its free pages: array or map")
	}
	for _, name := range []string{"compaction-batch-limit", "experimental-compaction-batch-limit"} {
		fs.IntVar(&c.CompactionBatchLimit, name, c.CompactionBatchLimit, "revisions a compaction removes at a time (0 is 1000)")
	}
	for _, name := range []string{"compaction-sleep-interval", "experimental-compaction-sleep-interval"} {
		fs.DurationVar(&c.CompactionSleepInterval, name, c.CompactionSleepInterval, "pause between these (0 is 10ms)")
	}
	fs.BoolVar(&c.UnsafeNoFsync, "unsafe-no-fsync", c.UnsafeNoFsync, "never wait for the disk: acknowledged writes may be lost")
	hide(fs, "experimental-backend-bbolt-freelist-type", "experimental-compaction-batch-limit", "experimental-compaction-sleep-interval")
}

func declareClients(fs *pflag.FlagSet, c *embed.Config) {
	fs.UintVar(&c.MaxTxnOps, "max-txn-ops", c.MaxTxnOps, "most operations of a transaction")
	fs.UintVar(&c.MaxRequestBytes, "max-request-bytes", c.MaxRequestBytes, "most bytes of a request")
	fs.Uint32Var(&c.MaxConcurrentStreams, "max-concurrent-streams", c.MaxConcurrentStreams, "most calls at a time on one connection")
	fs.DurationVar(&c.GRPCKeepAliveMinTime, "grpc-keepalive-min-time", c.GRPCKeepAliveMinTime, "clients that ping more often are cut off")
	fs.DurationVar(&c.GRPCKeepAliveInterval, "grpc-keepalive-interval", c.GRPCKeepAliveInterval, "time after which idle clients are pinged (0: never)")
	fs.DurationVar(&c.GRPCKeepAliveTimeout, "grpc-keepalive-timeout", c.GRPCKeepAliveTimeout, "time to wait for the answer to a ping")
	fs.StringSliceVar(&c.CORS, "cors", c.CORS, "origins of web pages that may use the client URLs")
	fs.BoolVar(&c.EnableGRPCGateway, "enable-grpc-gateway", c.EnableGRPCGateway, "serve the v3 API in JSON below /v3 on the client URLs")
	fs.BoolVar(&c.EnablePprof, "enable-pprof", c.EnablePprof, "serve profiles below /debug/pprof on the client URLs")
}

func declareExperimental(fs *pflag.FlagSet, c *embed.Config) {
	fs.BoolVar(&c.ExperimentalEnableLeaseCheckpoint, "experimental-enable-lease-checkpoint", c.ExperimentalEnableLeaseCheckpoint, "a new leader goes on with what long leases have left")
	fs.BoolVar(&c.ExperimentalEnableLeaseCheckpointPersist, "experimental-enable-lease-checkpoint-persist", c.ExperimentalEnableLeaseCheckpointPersist, "a restarted cluster too")
	for _, name := range []string{"experimental-watch-progress-notify-interval", "watch-progress-notify-interval"} {
		fs.DurationVar(&c.ExperimentalWatchProgressNotifyInterval, name, c.ExperimentalWatchProgressNotifyInterval, "time after which a quiet watch is told how far it is (at least 100ms)")
	}
	for _, name := range []string{"experimental-warning-apply-duration", "warning-apply-duration"} {
		fs.DurationVar(&c.ExperimentalWarningApplyDuration, name, c.ExperimentalWarningApplyDuration, "log entries that take longer to apply")
	}
	hide(fs, "watch-progress-notify-interval", "warning-apply-duration")
}

func declareLogging(fs *pflag.FlagSet, o *options) {
	fs.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn, error, panic or fatal")
	fs.StringSliceVar(&o.logOutputs, "log-outputs", []string{"default"}, "default (stderr), stdout, stderr, or files")
	fs.StringSliceVar(&o.logOutputs, "log-output", []string{"default"}, "old name of --log-outputs")
	fs.StringVar(&o.logger, "logger", "slog", "accepted for scripts (zap, capnslog); lines are slog's text in any case")
	fs.BoolVar(&o.debug, "debug", false, "old form of --log-level debug")
	fs.BoolVar(&o.showVersion, "version", false, "print the version and exit")
	hide(fs, "log-output", "debug")
}

func hide(fs *pflag.FlagSet, names ...string) {
	for _, name := range names {
		fs.Lookup(name).Hidden = true
	}
}

// urls is a flag that holds a comma-separated list of URLs.
type urls []url.URL

func (u *urls) Set(s string) error {
	parsed, err := embed.ParseURLs(s)
	if err == nil {
		*u = parsed
	}
	return err
}

func (u *urls) String() string {
	var list []string
	for i := range *u {
		list = append(list, (*u)[i].String())
	}
	return strings.Join(list, ",")
}

func (*urls) Type() string { return "urls" }
