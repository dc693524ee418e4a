package embed

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDefaultsAreThoseOf34(t *testing.T) {
	c := NewConfig()
	require.NoError(t, c.Validate())
	require.Equal(t, "default.etcd", c.dataDir())
	require.Equal(t, "default=http://localhost:2380", c.initialCluster())
	c.Name = "m1"
	require.Equal(t, "m1.etcd", c.dataDir())
	require.Equal(t, "m1=http://localhost:2380", c.initialCluster())
	require.EqualValues(t, 100_000, c.SnapshotCount)
	require.EqualValues(t, 1_572_864, c.MaxRequestBytes)
	require.EqualValues(t, 128, c.MaxTxnOps)
	require.NoError(t, c.Validate())
}

func TestParseURLs(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string
		err      string
	}{
		{"one", "http://127.0.0.1:2379", []string{"http://127.0.0.1:2379"}, ""},
		{"sorted, blanks dropped", "http://b:1, http://a:2", []string{"http://a:2", "http://b:1"}, ""},
		{"a socket file", "unix:///tmp/x.sock", []string{"unix:///tmp/x.sock"}, ""},
		{"IPv6", "http://[::1]:2379", []string{"http://[::1]:2379"}, ""},
		{"nothing", "", nil, "no URL is given"},
		{"no scheme", "bogus", nil, "URL scheme must be http, https, unix, or unixs: bogus"},
		{"another scheme", "ftp://127.0.0.1:1", nil, "URL scheme must be http, https, unix, or unixs: ftp://127.0.0.1:1"},
		{"no port", "http://127.0.0.1", nil, `URL address does not have the form "host:port": http://127.0.0.1`},
		{"a path", "http://127.0.0.1:1/x", nil, "URL must not contain a path: http://127.0.0.1:1/x"},
		{"a bad one among good ones", "http://a:1,x", nil, "URL scheme must be http, https, unix, or unixs: x"},
		{"no file", "unix://", nil, "URL names no socket file: unix://"},
		{"not a URL at all", "http://[::1:2379", nil, "missing ']' in host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseURLs(c.in)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, urlStrings(got))
		})
	}
}

// Each mistake is one line that names the flag.
func TestValidateNamesTheMistake(t *testing.T) {
	for _, c := range []struct {
		name    string
		mistake func(*Config)
		want    string
	}{
		{"no client listener", func(c *Config) { c.LCUrls = nil }, "--listen-client-urls: no URL is given"},
		{"no advertised URL", func(c *Config) { c.ACUrls = nil }, "--advertise-client-urls: no URL is given"},
		{"listening on a name", func(c *Config) { c.LPUrls = mustURLs("http://foo:2380") }, "--listen-peer-urls: expected IP in URL for binding (http://foo:2380)"},
		{"TLS", func(c *Config) { c.LCUrls = mustURLs("https://127.0.0.1:2379") }, "--listen-client-urls: https://127.0.0.1:2379 needs TLS, which this build does not serve yet; use http or unix"},
		{"no tick", func(c *Config) { c.TickMs = 0 }, "--heartbeat-interval must be >0 (set to 0ms)"},
		{"no election", func(c *Config) { c.ElectionMs = 0 }, "--election-timeout must be >0 (set to 0ms)"},
		{"election too close to heartbeat", func(c *Config) { c.ElectionMs = 499 }, "--election-timeout[499ms] should be at least as 5 times as --heartbeat-interval[100ms]"},
		{"election too long", func(c *Config) { c.ElectionMs = 50_001 }, "--election-timeout[50001ms] is too long, and should be set less than 50000ms"},
		{"negative keepalive", func(c *Config) { c.GRPCKeepAliveTimeout = -1 }, "must not be negative"},
		{"no ops", func(c *Config) { c.MaxTxnOps = 0 }, "--max-txn-ops must be >0"},
		{"no bytes", func(c *Config) { c.MaxRequestBytes = 0 }, "--max-request-bytes must be >0"},
		{"freelist", func(c *Config) { c.BackendFreelistType = "tree" }, `--backend-bbolt-freelist-type "tree" is neither array nor map`},
		{"cluster state", func(c *Config) { c.ClusterState = "old" }, `--initial-cluster-state "old" is neither new nor existing`},
		{"checkpoints written down, not made known", func(c *Config) { c.ExperimentalEnableLeaseCheckpointPersist = true }, "setting experimental-enable-lease-checkpoint-persist requires experimental-enable-lease-checkpoint"},
		{"negative progress", func(c *Config) { c.ExperimentalWatchProgressNotifyInterval = -1 }, "--experimental-watch-progress-notify-interval must not be negative"},
		{"negative warning", func(c *Config) { c.ExperimentalWarningApplyDuration = -1 }, "--experimental-warning-apply-duration must not be negative"},
		{"not in the cluster", func(c *Config) { c.InitialCluster = "a=http://localhost:2380" }, `couldn't find local name "default" in the initial cluster configuration`},
		{"no name", func(c *Config) { c.Name = "" }, `names no member; the form is NAME=URL`},
		{"cluster without URL", func(c *Config) { c.InitialCluster = "default" }, `member "default": URL scheme must be http, https, unix, or unixs:`},
		{"two members", func(c *Config) { c.InitialCluster = "default=http://a:1,b=http://b:1" }, "--initial-cluster names 2 members"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := NewConfig()
			c.mistake(cfg)
			err := cfg.Validate()
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestANewMemberMustAdvertiseWhatTheClusterKnows(t *testing.T) {
	c := NewConfig()
	require.NoError(t, c.checkNewMember())
	c.APUrls = mustURLs("http://localhost:1111")
	require.EqualError(t, c.checkNewMember(), "--initial-cluster has default=http://localhost:2380 but --initial-advertise-peer-urls has http://localhost:1111: both must name the same URLs for this member")
	c.InitialCluster = "default=http://b:1,default=http://a:1"
	c.APUrls = mustURLs("http://a:1,http://b:1")
	require.NoError(t, c.checkNewMember())
	c.ClusterState = ClusterStateFlagExisting
	require.ErrorContains(t, c.checkNewMember(), "joining a cluster is not built yet")
}

func TestExperimentalSettingsReachTheMember(t *testing.T) {
	c := NewConfig()
	require.Equal(t, 10*time.Minute, c.ExperimentalWatchProgressNotifyInterval)
	c.ExperimentalEnableLeaseCheckpoint, c.ExperimentalEnableLeaseCheckpointPersist = true, true
	c.ExperimentalWarningApplyDuration = time.Minute
	require.NoError(t, c.Validate())
	member := c.serverConfig(nil)
	require.True(t, member.EnableLeaseCheckpoint)
	require.True(t, member.LeaseCheckpointPersist)
	require.Equal(t, time.Minute, member.WarningApplyDuration)
}
