package etcdhttp

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	healthSuccess = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: "etcd", Subsystem: "server", Name: "health_success",
		Help: "The total number of successful health checks",
	})
	healthFailures = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: "etcd", Subsystem: "server", Name: "health_failures",
		Help: "The total number of failed health checks",
	})
)

// healthReadTimeout is how long the read of a health check may take: a member that needs
// longer is of no use to a client.
const healthReadTimeout = time.Second

// healthHandler tells whether this member can serve: a load balancer sends it traffic
// while the answer is 200.
func healthHandler(lg *slog.Logger, s Server) http.HandlerFunc {
	return OnlyGET(func(w http.ResponseWriter, r *http.Request) {
		if err := checkHealth(r.Context(), s, r.URL.Query()["exclude"]); err != nil {
			healthFailures.Inc()
			lg.Warn("serving /health false", "reason", err)
			http.Error(w, `{"health":"false"}`, http.StatusServiceUnavailable)
			return
		}
		healthSuccess.Inc()
		_, _ = io.WriteString(w, `{"health":"true"}`)
	})
}

// checkHealth is nil for a healthy member. Cheap checks come first, and the read last: it
// asks a quorum. (3.4 sends a no-op through the log for this; a ReadIndex round, as 3.5
// uses it, proves the same and writes nothing.)
func checkHealth(ctx context.Context, s Server, exclude []string) error {
	for _, a := range s.Alarms() {
		if !slices.Contains(exclude, a.Alarm.String()) {
			return fmt.Errorf("alarm %s of member %x is on", a.Alarm, a.MemberID)
		}
	}
	if s.Leader() == 0 {
		return fmt.Errorf("no leader is known")
	}
	ctx, cancel := context.WithTimeout(ctx, healthReadTimeout)
	defer cancel()
	if err := s.LinearizableReadNotify(ctx); err != nil {
		return fmt.Errorf("a linearizable read failed: %w", err)
	}
	return nil
}
