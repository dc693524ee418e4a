package membership

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"insideetcd/ch01-intro/version"
)

var clusterVersion = promauto.NewGaugeVec(prometheus.GaugeOpts{
	Namespace: "etcd", Subsystem: "cluster", Name: "version",
	Help: "1 on the label holding the decided cluster version (major.minor), 0 on a replaced one",
}, []string{"cluster_version"})

// reportVersion moves the 1 from the old version's label to the new one's.
func reportVersion(old, now *version.Version) {
	if old != nil {
		clusterVersion.WithLabelValues(old.MajorMinor()).Set(0)
	}
	clusterVersion.WithLabelValues(now.MajorMinor()).Set(1)
}
