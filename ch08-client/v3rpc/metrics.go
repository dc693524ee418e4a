package v3rpc

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"google.golang.org/grpc/codes"
)

// The counters of the gRPC layer, under the names that dashboards know. The grpc_server_
// family has one series for each method (and code), present with 0 from the start, so a
// rate over them is right from the first call on.
var (
	sentBytes = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: "etcd", Subsystem: "network", Name: "client_grpc_sent_bytes_total",
		Help: "The total number of bytes sent to grpc clients.",
	})
	receivedBytes = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: "etcd", Subsystem: "network", Name: "client_grpc_received_bytes_total",
		Help: "The total number of bytes received from grpc clients.",
	})
	clientRequests = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: "etcd", Subsystem: "server", Name: "client_requests_total",
		Help: "The total number of client requests per client version.",
	}, []string{"type", "client_api_version"})

	streamFailures = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: "etcd", Subsystem: "network", Name: "server_stream_failures_total",
		Help: "The total number of stream failures from the local server.",
	}, []string{"Type", "API"})
	watchFailures     = newStreamFailures("watch")
	keepAliveFailures = newStreamFailures("lease-keepalive")

	methodLabels = []string{"grpc_type", "grpc_service", "grpc_method"}

	rpcsStarted = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "grpc_server_started_total",
		Help: "Total number of RPCs started on the server.",
	}, methodLabels)
	rpcsHandled = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "grpc_server_handled_total",
		Help: "Total number of RPCs completed on the server, regardless of success or failure.",
	}, append(methodLabels[:3:3], "grpc_code"))
	messagesReceived = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "grpc_server_msg_received_total",
		Help: "Total number of RPC stream messages received on the server.",
	}, methodLabels)
	messagesSent = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "grpc_server_msg_sent_total",
		Help: "Total number of gRPC stream messages sent by the server.",
	}, methodLabels)
)

// failureCounters count the streams of one API that broke without the doing of client or
// server: a client that cancels, or a server that stops, is no failure.
type failureCounters struct{ receive, send prometheus.Counter }

func newStreamFailures(api string) failureCounters {
	return failureCounters{
		receive: streamFailures.WithLabelValues("receive", api),
		send:    streamFailures.WithLabelValues("send", api),
	}
}

// maxCode is the highest of gRPC's codes; they run from 0 without gaps.
const maxCode = codes.Unauthenticated

// methodCounters are the counters of one method, looked up once.
type methodCounters struct {
	started, received, sent prometheus.Counter
	handled                 [maxCode + 1]prometheus.Counter
}

// newMethodCounters looks them up; kind is unary, server_stream, client_stream or bidi_stream.
func newMethodCounters(kind, service, method string) *methodCounters {
	m := &methodCounters{
		started:  rpcsStarted.WithLabelValues(kind, service, method),
		received: messagesReceived.WithLabelValues(kind, service, method),
		sent:     messagesSent.WithLabelValues(kind, service, method),
	}
	for c := range m.handled {
		m.handled[c] = rpcsHandled.WithLabelValues(kind, service, method, codes.Code(c).String())
	}
	return m
}

// finished counts the end of a call; code may come from anywhere, also out of range.
func (m *methodCounters) finished(code codes.Code) {
	if code > maxCode {
		code = codes.Unknown
	}
	m.handled[code].Inc()
}
