package etcdserver

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"insideetcd/ch01-intro/version"
)

func gauge(name, help string) prometheus.Gauge {
	return promauto.NewGauge(prometheus.GaugeOpts{Namespace: "etcd", Subsystem: "server", Name: name, Help: help})
}

func counter(name, help string) prometheus.Counter {
	return promauto.NewCounter(prometheus.CounterOpts{Namespace: "etcd", Subsystem: "server", Name: name, Help: help})
}

func labelled(name, help, label string) *prometheus.GaugeVec {
	return promauto.NewGaugeVec(prometheus.GaugeOpts{Namespace: "etcd", Subsystem: "server", Name: name, Help: help}, []string{label})
}

// The server's metrics under the names of etcd 3.4. Several names that end in
// _total are gauges there; they stay so.
var (
	hasLeader          = gauge("has_leader", "Whether this member knows a leader: 1 yes, 0 no.")
	isLeader           = gauge("is_leader", "Whether this member is the leader: 1 yes, 0 no.")
	isLearner          = gauge("is_learner", "Whether this member is a learner: 1 yes, 0 no.")
	leaderChanges      = counter("leader_changes_seen_total", "Leader changes this member has seen.")
	proposalsCommitted = gauge("proposals_committed_total", "Raft index up to which entries are committed.")
	proposalsApplied   = gauge("proposals_applied_total", "Raft index up to which entries are applied.")
	proposalsPending   = gauge("proposals_pending", "Proposals that wait for their result.")
	proposalsFailed    = counter("proposals_failed_total", "Proposals that ended without a result.")
	slowApplies        = counter("slow_apply_total", "Entries that took longer than 100 ms to apply.")
	slowReadIndexes    = counter("slow_read_indexes_total", "ReadIndex requests that were answered late or not at all.")
	readIndexesFailed  = counter("read_indexes_failed_total", "ReadIndex requests that failed.")
	quotaBackendBytes  = gauge("quota_backend_bytes", "Size limit of the database in bytes; -1 when there is none.")
	leasesExpired      = promauto.NewCounter(prometheus.CounterOpts{
		Name: "etcd_debugging_server_lease_expired_total", Help: "Leases revoked because they had expired.",
	})
	serverID        = labelled("id", "1 on the label that holds this member's ID in hexadecimal.", "server_id")
	serverVersion   = labelled("version", "1 on the label that holds the server's version.", "server_version")
	serverGoVersion = labelled("go_version", "1 on the label that holds the version of Go.", "server_go_version")
)

func (s *EtcdServer) reportIdentity() {
	serverID.WithLabelValues(s.id.String()).Set(1)
	serverVersion.WithLabelValues(version.Compatible).Set(1)
	serverGoVersion.WithLabelValues(runtime.Version()).Set(1)
	quotaBackendBytes.Set(float64(s.quotaBytes()))
}

// quotaBytes is the size limit of the database, -1 for none.
func (s *EtcdServer) quotaBytes() int64 {
	if limit := s.quota.Limit(); limit > 0 {
		return limit
	}
	return -1
}

// setTo sets a gauge that says yes or no.
func setTo(g prometheus.Gauge, yes bool) {
	if yes {
		g.Set(1)
		return
	}
	g.Set(0)
}
