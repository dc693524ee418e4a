package embed

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"insideetcd/ch07-server/compactor"
)

// Validate finds the mistakes that can be found without touching anything. Each error is
// one line that names the flag.
func (c *Config) Validate() error {
	for _, check := range []func() error{c.checkURLs, c.checkTimes, c.checkLimits, c.checkCompaction, c.checkExperimental, c.checkCluster} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) checkURLs() error {
	for _, list := range []struct {
		flag   string
		urls   []url.URL
		listen bool
	}{
		{"--listen-peer-urls", c.LPUrls, true},
		{"--listen-client-urls", c.LCUrls, true},
		{"--initial-advertise-peer-urls", c.APUrls, false},
		{"--advertise-client-urls", c.ACUrls, false},
	} {
		if len(list.urls) == 0 {
			return fmt.Errorf("%s: no URL is given", list.flag)
		}
		for _, u := range list.urls {
			if u.Scheme == "https" || u.Scheme == "unixs" {
				return fmt.Errorf("%s: %s needs TLS, which this build does not serve yet; use http or unix", list.flag, u.String())
			}
			if !list.listen {
				continue
			}
			if err := checkBind(u); err != nil {
				return fmt.Errorf("%s: %w", list.flag, err)
			}
		}
	}
	return nil
}

func (c *Config) checkCompaction() error {
	_, err := compactor.ParsePolicy(c.AutoCompactionMode, c.AutoCompactionRetention)
	return err
}

// checkExperimental: what is written down must be made known first.
func (c *Config) checkExperimental() error {
	switch {
	case c.ExperimentalEnableLeaseCheckpointPersist && !c.ExperimentalEnableLeaseCheckpoint:
		return errors.New("setting experimental-enable-lease-checkpoint-persist requires experimental-enable-lease-checkpoint")
	case c.ExperimentalWatchProgressNotifyInterval < 0:
		return errors.New("--experimental-watch-progress-notify-interval must not be negative")
	case c.ExperimentalWarningApplyDuration < 0:
		return errors.New("--experimental-warning-apply-duration must not be negative")
	}
	return nil
}

func (c *Config) checkTimes() error {
	switch {
	case c.TickMs == 0:
		return errors.New("--heartbeat-interval must be >0 (set to 0ms)")
	case c.ElectionMs == 0:
		return errors.New("--election-timeout must be >0 (set to 0ms)")
	case 5*c.TickMs > c.ElectionMs:
		return fmt.Errorf("--election-timeout[%vms] should be at least as 5 times as --heartbeat-interval[%vms]", c.ElectionMs, c.TickMs)
	case c.ElectionMs > maxElectionMs:
		return fmt.Errorf("--election-timeout[%vms] is too long, and should be set less than %vms", c.ElectionMs, maxElectionMs)
	case c.GRPCKeepAliveMinTime < 0, c.GRPCKeepAliveInterval < 0, c.GRPCKeepAliveTimeout < 0:
		return errors.New("--grpc-keepalive-min-time, --grpc-keepalive-interval and --grpc-keepalive-timeout must not be negative")
	}
	return nil
}

func (c *Config) checkLimits() error {
	switch {
	case c.MaxTxnOps == 0:
		return errors.New("--max-txn-ops must be >0")
	case c.MaxRequestBytes == 0:
		return errors.New("--max-request-bytes must be >0")
	case c.MaxConcurrentStreams == 0:
		return errors.New("--max-concurrent-streams must be >0")
	case c.BackendFreelistType != "array" && c.BackendFreelistType != "map":
		return fmt.Errorf("--backend-bbolt-freelist-type %q is neither array nor map", c.BackendFreelistType)
	}
	return nil
}

func (c *Config) checkCluster() error {
	if c.ClusterState != ClusterStateFlagNew && c.ClusterState != ClusterStateFlagExisting {
		return fmt.Errorf("--initial-cluster-state %q is neither new nor existing", c.ClusterState)
	}
	peers, err := parseInitialCluster(c.initialCluster())
	if err != nil {
		return err
	}
	if len(peers[c.Name]) == 0 {
		return fmt.Errorf("couldn't find local name %q in the initial cluster configuration", c.Name)
	}
	if len(peers) > 1 {
		return fmt.Errorf("--initial-cluster names %d members; this build runs clusters of one member", len(peers))
	}
	return nil
}

// checkNewMember finds the mistakes that matter only when the member does not exist yet:
// later its data directory knows better than the flags.
func (c *Config) checkNewMember() error {
	if c.ClusterState == ClusterStateFlagExisting {
		return fmt.Errorf("--initial-cluster-state existing: there is no member in %s, and joining a cluster is not built yet", c.dataDir())
	}
	peers, err := parseInitialCluster(c.initialCluster())
	if err != nil {
		return err
	}
	advertised, planned := urlStrings(c.APUrls), peers[c.Name]
	slices.Sort(advertised)
	if !slices.Equal(advertised, planned) {
		return fmt.Errorf("--initial-cluster has %s but --initial-advertise-peer-urls has %s: both must name the same URLs for this member",
			c.Name+"="+strings.Join(planned, ","+c.Name+"="), strings.Join(advertised, ","))
	}
	return nil
}
