package mvcc

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	rangeTotal  = twoNames("range_total", "The number of ranges.")
	putTotal    = twoNames("put_total", "The number of puts.")
	deleteTotal = twoNames("delete_total", "The number of deletes.")
	txnTotal    = twoNames("txn_total", "The number of transactions with more than one operation.")

	putBytesTotal = gauge("etcd_debugging_mvcc_total_put_size_in_bytes", "The sum of the sizes of keys and values that were put, in bytes.")
	keysTotal     = gauge("etcd_debugging_mvcc_keys_total", "The number of keys that live.")

	currentRevision = gauge("etcd_debugging_mvcc_current_revision", "The current revision of the store.")
	compactRevision = gauge("etcd_debugging_mvcc_compact_revision", "The revision of the last compaction, -1 if there was none.")

	compactionKeys = promauto.NewCounter(prometheus.CounterOpts{
		Name: "etcd_debugging_mvcc_db_compaction_keys_total", Help: "The number of records removed by compactions.",
	})
	compactionLast       = gauge("etcd_debugging_mvcc_db_compaction_last", "The Unix time of the end of the last compaction, in seconds.")
	compactionPause      = histogram("etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds", "The duration of slices of a compaction, in milliseconds.", 1, 13)
	compactionTotal      = histogram("etcd_debugging_mvcc_db_compaction_total_duration_milliseconds", "The duration of compactions, in milliseconds.", 100, 14)
	indexCompactionPause = histogram("etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds", "The duration of slices of an index compaction, in milliseconds.", 0.5, 14)
	hashSeconds          = histogram("etcd_mvcc_hash_duration_seconds", "The duration of hashing the whole file.", 0.01, 15)
	hashRevSeconds       = histogram("etcd_mvcc_hash_rev_duration_seconds", "The duration of hashing the history.", 0.01, 15)
)

// Counted where it happens, looked up when somebody asks.
var (
	watchStreamTotal = countGauge("watch_stream_total", "The number of open watch streams.")
	watcherTotal     = countGauge("watcher_total", "The number of watchers.")
	slowWatcherTotal = countGauge("slow_watcher_total", "The number of watchers that are not synced.")
	pendingEvents    = countGauge("pending_events_total", "The number of watch events that wait to be taken from their streams.")
	eventsTotal      = new(atomic.Int64)

	_ = promauto.NewCounterFunc(prometheus.CounterOpts{
		Name: "etcd_debugging_mvcc_events_total", Help: "The number of watch events taken from their streams.",
	}, func() float64 { return float64(eventsTotal.Load()) })
)

func countGauge(name, help string) *atomic.Int64 {
	count := new(atomic.Int64)
	promauto.NewGaugeFunc(prometheus.GaugeOpts{Name: "etcd_debugging_mvcc_" + name, Help: help},
		func() float64 { return float64(count.Load()) })
	return count
}

// twoNames registers a counter under its name and under the one it had before 3.4.
func twoNames(name, help string) *atomic.Int64 {
	count := new(atomic.Int64)
	read := func() float64 { return float64(count.Load()) }
	promauto.NewCounterFunc(prometheus.CounterOpts{Name: "etcd_mvcc_" + name, Help: help}, read)
	promauto.NewCounterFunc(prometheus.CounterOpts{
		Name: "etcd_debugging_mvcc_" + name, Help: "Old name of etcd_mvcc_" + name + ".",
	}, read)
	return count
}

func gauge(name, help string) prometheus.Gauge {
	return promauto.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func histogram(name, help string, start float64, count int) prometheus.Histogram {
	return promauto.NewHistogram(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(start, 2, count),
	})
}

// countOps counts the operations of a transaction that has ended.
func countOps(ranges, puts, deletes int) {
	rangeTotal.Add(int64(ranges))
	putTotal.Add(int64(puts))
	deleteTotal.Add(int64(deletes))
	if ranges+puts+deletes > 1 {
		txnTotal.Add(1)
	}
}

func observeRevisions(current, compact int64) {
	currentRevision.Set(float64(current))
	compactRevision.Set(float64(compact))
}
