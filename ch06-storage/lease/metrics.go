package lease

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	grantedTotal = counter("etcd_debugging_lease_granted_total", "The number of leases granted by this member's lessor.")
	revokedTotal = counter("etcd_debugging_lease_revoked_total", "The number of leases revoked.")
	renewedTotal = counter("etcd_debugging_lease_renewed_total", "The number of renewals served as primary lessor.")
	grantedTTL   = promauto.NewHistogram(prometheus.HistogramOpts{
		Name:    "etcd_debugging_lease_ttl_total",
		Help:    "The TTLs of granted leases, in seconds.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 24),
	})
)

func counter(name, help string) prometheus.Counter {
	return promauto.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}
