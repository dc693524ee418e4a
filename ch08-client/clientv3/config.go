package clientv3

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math"
	"time"

	"google.golang.org/grpc"
)

// ErrNoAvailableEndpoints is returned for a Config without endpoints.
var ErrNoAvailableEndpoints = errors.New("etcdclient: no available endpoints")

// Config says where a cluster is and how to speak with it.
type Config struct {
	// Endpoints are client URLs of members ("http://10.0.0.1:2379", "https://…",
	// "unix:///run/etcd.sock") or just "host:port".
	Endpoints []string

	// AutoSyncInterval is the time between two looks at the member list for new
	// endpoints; 0 never looks.
	AutoSyncInterval time.Duration

	// DialTimeout bounds one attempt to connect, and the sign-in of New; 0 leaves the
	// attempt to gRPC (20 s) and the sign-in to Context.
	DialTimeout time.Duration

	// A connection on which nothing arrived for DialKeepAliveTime is pinged, and given up
	// when no answer came for DialKeepAliveTimeout. 0 never pings.
	DialKeepAliveTime    time.Duration
	DialKeepAliveTimeout time.Duration
	// PermitWithoutStream pings also while no call is running.
	PermitWithoutStream bool

	// Most bytes of a request (0 is 2 MiB) and of an answer (0 is no limit).
	MaxCallSendMsgSize int
	MaxCallRecvMsgSize int

	// TLS is used if set, or if an endpoint begins with https or unixs (nil is then the
	// system's default). Each member's certificate has to carry the host of its endpoint, or
	// all of them TLS.ServerName if that is set.
	TLS *tls.Config

	// Username and Password sign in; no Username, no sign-in.
	Username string
	Password string

	// DisableRetry makes every failure visible: no call waits for a connection and none
	// is sent twice.
	DisableRetry bool

	// DialOptions are appended to the client's own.
	DialOptions []grpc.DialOption

	// Context ends the client and all its calls, watches and leases; nil never does.
	Context context.Context

	// Logger gets warnings about failed calls; nil is silent.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.MaxCallSendMsgSize <= 0 {
		c.MaxCallSendMsgSize = 2 << 20
	}
	if c.MaxCallRecvMsgSize <= 0 {
		c.MaxCallRecvMsgSize = math.MaxInt32
	}
	if c.Context == nil {
		c.Context = context.Background()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
