package wal

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// diskBuckets go from 1 ms to 8 s, as in etcd, so that dashboards made for it fit.
var diskBuckets = prometheus.ExponentialBuckets(0.001, 2, 14)

var (
	fsyncSeconds = promauto.NewHistogram(prometheus.HistogramOpts{
		Name:    "etcd_disk_wal_fsync_duration_seconds",
		Help:    "Time of one sync of the write-ahead log.",
		Buckets: diskBuckets,
	})
	writeSeconds = promauto.NewHistogram(prometheus.HistogramOpts{
		Name:    "etcd_disk_wal_write_duration_seconds",
		Help:    "Time of one write call on the write-ahead log.",
		Buckets: diskBuckets,
	})
	writtenBytes = promauto.NewGauge(prometheus.GaugeOpts{
		Name: "etcd_disk_wal_write_bytes_total",
		Help: "Bytes handed to the write-ahead log's file.",
	})
)

type timer struct {
	histogram prometheus.Observer
	start     time.Time
}

func startTimer(h prometheus.Observer) timer { return timer{histogram: h, start: time.Now()} }

func (t timer) stop() time.Duration {
	took := time.Since(t.start)
	t.histogram.Observe(took.Seconds())
	return took
}
