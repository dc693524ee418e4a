package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"insideetcd/final/embed"
)

func TestFlagsBecomeConfiguration(t *testing.T) {
	o, err := parse([]string{
		"-name", "m1", "-data-dir=d", "--snapshot-count=7", "--heartbeat-interval", "50", "--election-timeout=500",
		"-listen-client-urls", "http://127.0.0.1:1,http://127.0.0.1:2", "-advertise-client-urls=http://x:1",
		"--initial-cluster", "m1=http://localhost:2380", "--pre-vote", "--initial-election-tick-advance=false",
		"--grpc-keepalive-min-time=1s", "--quota-backend-bytes", "-1", "--unsafe-no-fsync=true", "-cors", "http://a,http://b",
	}, []string{"ETCD_MAX_TXN_OPS=9", "ETCD_WAL_DIR=", "HOME=/", "ETCD_EXPERIMENTAL_COMPACTION_BATCH_LIMIT=3"})
	require.NoError(t, err)
	c := o.cfg
	require.Equal(t, "m1", c.Name)
	require.Equal(t, "d", c.Dir)
	require.EqualValues(t, 7, c.SnapshotCount)
	require.EqualValues(t, 50, c.TickMs)
	require.Len(t, c.LCUrls, 2)
	require.True(t, c.PreVote)
	require.False(t, c.InitialElectionTickAdvance)
	require.Equal(t, time.Second, c.GRPCKeepAliveMinTime)
	require.EqualValues(t, -1, c.QuotaBackendBytes)
	require.True(t, c.UnsafeNoFsync)
	require.Equal(t, []string{"http://a", "http://b"}, c.CORS)
	require.EqualValues(t, 9, c.MaxTxnOps, "from the environment")
	require.Equal(t, 3, c.CompactionBatchLimit, "an old name, from the environment")
}

// Flags of 3.4 that were experimental then, and the names that later versions gave them.
func TestExperimentalFlags(t *testing.T) {
	o, err := parse([]string{"--experimental-enable-lease-checkpoint", "-experimental-enable-lease-checkpoint-persist=true",
		"--experimental-watch-progress-notify-interval", "200ms"}, []string{"ETCD_EXPERIMENTAL_WARNING_APPLY_DURATION=1s"})
	require.NoError(t, err)
	require.True(t, o.cfg.ExperimentalEnableLeaseCheckpoint)
	require.True(t, o.cfg.ExperimentalEnableLeaseCheckpointPersist)
	require.Equal(t, 200*time.Millisecond, o.cfg.ExperimentalWatchProgressNotifyInterval)
	require.Equal(t, time.Second, o.cfg.ExperimentalWarningApplyDuration)

	o, err = parse([]string{"--watch-progress-notify-interval=3s", "--warning-apply-duration=2s"}, nil)
	require.NoError(t, err)
	require.Equal(t, 3*time.Second, o.cfg.ExperimentalWatchProgressNotifyInterval)
	require.Equal(t, 2*time.Second, o.cfg.ExperimentalWarningApplyDuration)

	_, err = parse([]string{"--experimental-enable-lease-checkpoint-persist"}, nil)
	require.EqualError(t, err, "setting experimental-enable-lease-checkpoint-persist requires experimental-enable-lease-checkpoint", "3.4's words")
	_, err = parse([]string{"--experimental-nonsense=1"}, nil)
	require.ErrorContains(t, err, "experimental-nonsense")
}

func TestWithoutFlagsTheDefaultsHold(t *testing.T) {
	o, err := parse(nil, nil)
	require.NoError(t, err)
	require.Empty(t, o.warnings)
	require.Equal(t, embed.NewConfig(), o.cfg)
}

// Every flag that is known and not built may be given its default.
func TestUnbuiltFlagsMayHaveTheirDefaults(t *testing.T) {
	var args []string
	for _, f := range unbuilt {
		args = append(args, "--"+f.name+"="+f.value)
	}
	_, err := parse(args, nil)
	require.NoError(t, err)
	for _, f := range unbuilt {
		_, err := parse([]string{"--" + f.name + "=other"}, nil)
		require.ErrorContains(t, err, "--"+f.name+" other is not built yet")
	}
}

// The flags of 3.4 are all known: built, refused, or ignored as etcd itself ignores them.
func TestAllFlagsOf34AreKnown(t *testing.T) {
	fs := newFlagSet(&options{cfg: embed.NewConfig()})
	for _, name := range flagsOf34 {
		require.NotNil(t, fs.Lookup(name), "--"+name)
	}
}

func TestIgnoredFlagsAreMentioned(t *testing.T) {
	o, err := parse([]string{"-v", "--snapshot", "--peer-heartbeat-interval=5"}, nil)
	require.NoError(t, err)
	require.Len(t, o.warnings, 3)
}

func TestUnknownVariablesAreMentionedByNameOnly(t *testing.T) {
	o, err := parse(nil, []string{"ETCD_ROOT_PASSWORD=secret", "ETCD_A=1", "ETCDCTL_API=3"})
	require.NoError(t, err)
	require.Equal(t, []string{"unrecognized environment variable ETCD_A", "unrecognized environment variable ETCD_ROOT_PASSWORD"}, o.warnings)
}

func TestHelpAndVersionNeedNothingElse(t *testing.T) {
	for _, flag := range []string{"-h", "--help", "-help"} {
		_, err := parse([]string{flag}, nil)
		require.ErrorIs(t, err, pflag.ErrHelp)
	}
	o, err := parse([]string{"-version"}, []string{"ETCD_NAME=a"})
	require.NoError(t, err)
	require.True(t, o.showVersion)
}

func TestLogLevels(t *testing.T) {
	for name, want := range map[string]slog.Level{"debug": slog.LevelDebug, "INFO": slog.LevelInfo, "warn": slog.LevelWarn, "fatal": slog.LevelError} {
		got, err := parseLevel(name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := parseLevel("loud")
	require.Error(t, err)
}

var flagsOf34 = []string{
	"name", "data-dir", "wal-dir", "snapshot-count", "heartbeat-interval", "election-timeout",
	"initial-election-tick-advance", "listen-peer-urls", "listen-client-urls", "listen-metrics-urls",
	"max-snapshots", "max-wals", "quota-backend-bytes", "backend-batch-interval", "backend-batch-limit",
	"max-txn-ops", "max-request-bytes", "max-concurrent-streams", "grpc-keepalive-min-time",
	"grpc-keepalive-interval", "grpc-keepalive-timeout", "initial-advertise-peer-urls", "initial-cluster",
	"initial-cluster-state", "initial-cluster-token", "advertise-client-urls", "discovery",
	"discovery-fallback", "discovery-proxy", "discovery-srv", "discovery-srv-name", "strict-reconfig-check",
	"pre-vote", "enable-v2", "auto-compaction-retention", "auto-compaction-mode", "proxy", "proxy-failure-wait",
	"proxy-refresh-interval", "proxy-dial-timeout", "proxy-write-timeout", "proxy-read-timeout", "cert-file",
	"key-file", "client-cert-auth", "client-crl-file", "client-cert-allowed-hostname", "trusted-ca-file",
	"auto-tls", "peer-cert-file", "peer-key-file", "peer-client-cert-auth", "peer-trusted-ca-file",
	"peer-cert-allowed-cn", "peer-cert-allowed-hostname", "peer-auto-tls", "peer-crl-file", "cipher-suites",
	"cors", "host-whitelist", "auth-token", "bcrypt-cost", "auth-token-ttl", "enable-pprof", "metrics",
	"enable-grpc-gateway", "logger", "log-outputs", "log-output", "log-level", "log-package-levels", "debug",
	"force-new-cluster", "unsafe-no-fsync", "config-file", "version", "experimental-initial-corrupt-check",
	"experimental-corrupt-check-time", "experimental-enable-v2v3", "experimental-backend-bbolt-freelist-type",
	"experimental-enable-lease-checkpoint", "experimental-enable-lease-checkpoint-persist",
	"experimental-compaction-batch-limit", "experimental-peer-skip-client-san-verification",
	"experimental-watch-progress-notify-interval", "experimental-warning-apply-duration", "cluster-active-size",
	"cluster-remove-delay", "cluster-sync-interval", "config", "force", "max-result-buffer",
	"max-retry-attempts", "peer-heartbeat-interval", "peer-election-timeout", "retry-interval", "snapshot", "v",
	"vv",
}
