package v2store

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	readsTotal        = counter("reads_total", "v2 reads by action")
	readsFailedTotal  = counter("reads_failed_total", "failed v2 reads by action")
	writesTotal       = counter("writes_total", "v2 writes by action")
	writesFailedTotal = counter("writes_failed_total", "failed v2 writes by action")
)

func counter(name, help string) *prometheus.CounterVec {
	return promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: "etcd_debugging", Subsystem: "store", Name: name, Help: help,
	}, []string{"action"})
}

// reportRead counts a Get by what it asked for.
func reportRead(recursive bool, err error) {
	action := Get
	if recursive {
		action = "getRecursive"
	}
	report(readsTotal, readsFailedTotal, action, err)
}

func reportWrite(action string, err error) { report(writesTotal, writesFailedTotal, action, err) }

// report counts every operation in total, and a refused one in failed as well.
func report(total, failed *prometheus.CounterVec, action string, err error) {
	total.WithLabelValues(action).Inc()
	if err != nil {
		failed.WithLabelValues(action).Inc()
	}
}
