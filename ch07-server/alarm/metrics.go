package alarm

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/ids"
)

// alarmsActive has the name that etcd 3.6 gave it.
var alarmsActive = promauto.NewGaugeVec(prometheus.GaugeOpts{
	Namespace: "etcd_debugging", Subsystem: "server", Name: "alarms",
	Help: "1 on the labels of an active alarm, 0 on those of one that has ended.",
}, []string{"server_id", "alarm_type"})

func observe(m *pb.AlarmMember, active bool) {
	value := 0.0
	if active {
		value = 1
	}
	alarmsActive.WithLabelValues(ids.ID(m.MemberID).String(), m.Alarm.String()).Set(value)
}
