package snap

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// diskBuckets go from 1 ms to 8 s, as in etcd, so that dashboards made for it fit.
var diskBuckets = prometheus.ExponentialBuckets(0.001, 2, 14)

var (
	marshalSeconds = promauto.NewHistogram(prometheus.HistogramOpts{
		Name:    "etcd_debugging_snap_save_marshalling_duration_seconds",
		Help:    "Time to encode a snapshot file.",
		Buckets: diskBuckets,
	})
	saveSeconds = promauto.NewHistogram(prometheus.HistogramOpts{
		Name:    "etcd_debugging_snap_save_total_duration_seconds",
		Help:    "Time to encode, write and sync a snapshot file.",
		Buckets: diskBuckets,
	})
	fsyncSeconds = promauto.NewHistogram(prometheus.HistogramOpts{
		Name:    "etcd_snap_fsync_duration_seconds",
		Help:    "Time of one sync of a snapshot file.",
		Buckets: diskBuckets,
	})
)

// timed runs f and observes how long it took, if it worked.
func timed(h prometheus.Observer, f func() error) error {
	start := time.Now()
	if err := f(); err != nil {
		return err
	}
	h.Observe(time.Since(start).Seconds())
	return nil
}
