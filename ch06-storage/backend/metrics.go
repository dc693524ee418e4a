package backend

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	bolt "go.etcd.io/bbolt"
)

var (
	commitSeconds    = histogram("etcd_disk_backend_commit_duration_seconds", "The duration of commits of the backend.", 0.001, 14)
	rebalanceSeconds = histogram("etcd_debugging_disk_backend_commit_rebalance_duration_seconds", "The rebalancing part of backend commits.", 0.001, 14)
	spillSeconds     = histogram("etcd_debugging_disk_backend_commit_spill_duration_seconds", "The page-splitting part of backend commits.", 0.001, 14)
	writeSeconds     = histogram("etcd_debugging_disk_backend_commit_write_duration_seconds", "The writing part of backend commits.", 0.001, 14)
	defragSeconds    = histogram("etcd_disk_backend_defrag_duration_seconds", "The duration of defragmentations of the backend.", 0.1, 13)
	snapshotSeconds  = histogram("etcd_disk_backend_snapshot_duration_seconds", "The duration of streaming snapshots of the backend.", 0.01, 17)
	defragInflight   = gauge("etcd_disk_defrag_inflight", "1 while a defragmentation runs.")
	dbSize           = gauge("etcd_mvcc_db_total_size_in_bytes", "The size of the backend file, in bytes.")
	dbSizeOld        = gauge("etcd_debugging_mvcc_db_total_size_in_bytes", "Old name of etcd_mvcc_db_total_size_in_bytes.")
	dbSizeInUse      = gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "The size of the backend file without its free pages, in bytes.")
	openReadTxs      = gauge("etcd_mvcc_db_open_read_transactions", "The number of open bbolt read transactions.")
)

// histogram registers buckets of start seconds and its doublings.
func histogram(name, help string, start float64, count int) prometheus.Histogram {
	return promauto.NewHistogram(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(start, 2, count),
	})
}

func gauge(name, help string) prometheus.Gauge {
	return promauto.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func observeCommit(stats bolt.TxStats, took time.Duration) {
	commitSeconds.Observe(took.Seconds())
	rebalanceSeconds.Observe(stats.GetRebalanceTime().Seconds())
	spillSeconds.Observe(stats.GetSpillTime().Seconds())
	writeSeconds.Observe(stats.GetWriteTime().Seconds())
}

func observeSizes(size, inUse int64, readTxs int) {
	dbSize.Set(float64(size))
	dbSizeOld.Set(float64(size))
	dbSizeInUse.Set(float64(inUse))
	openReadTxs.Set(float64(readTxs))
}
