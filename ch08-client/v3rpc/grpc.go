package v3rpc

import (
	"math"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch08-client/v3rpc/stub"
)

const (
	// grpcOverheadBytes is how much a message may exceed the largest request: headers, field
	// tags, and requests just too large for raft, which then get the error that says so.
	grpcOverheadBytes = 512 * 1024

	maxSendBytes = math.MaxInt32

	// streamWorkers is how many goroutines wait for calls. A new goroutine for each call
	// would spend a sixth of the call's CPU time on growing its stack. More workers than calls
	// in flight are of no use: each takes its turn, and their stacks fall out of the cache.
	// Calls beyond that number get a goroutine of their own.
	streamWorkers = 128
)

// Options are the settings of the gRPC server that an operator may change.
type Options struct {
	MaxConcurrentStreams  uint32        // per client connection; 0: no limit
	KeepAliveMinTime      time.Duration // a client that pings more often is cut off; 0: 5 s
	KeepAliveInterval     time.Duration // after which the server pings an idle client; 0: never
	KeepAliveTimeout      time.Duration // how long it waits for the answer; 0: gRPC's 20 s
	AdditionalGRPCOptions []grpc.ServerOption

	// WatchProgressInterval is how long a quiet watcher that asked for progress waits for
	// it; 0: 10 min.
	WatchProgressInterval time.Duration

	// Draining, when closed, ends all streams: watches do not end by themselves, and a
	// graceful stop waits for them. They end at the latest when the member stops.
	Draining <-chan struct{}
	// ElectionTimeout is a third of the time without a leader after which the streams of
	// clients that want one are ended; 0: 1 s.
	ElectionTimeout time.Duration
}

// NewServer returns a gRPC server with all services of the v3 API around s. Those that
// are not built yet are registered too and answer Unimplemented.
func NewServer(s EtcdServer, o Options) *grpc.Server {
	server := grpc.NewServer(serverOptions(s, o)...)
	g := newGate(s, newStreamEnds(s, s.StoppingNotify(), o.Draining, o.ElectionTimeout))

	server.RegisterService(g.guard(kvDesc), newKVServer(s))
	server.RegisterService(g.guard(stub.Cluster_ServiceDesc), newClusterServer(s))
	server.RegisterService(g.guard(stub.Maintenance_ServiceDesc), newMaintenanceServer(s))
	if kv, isWatchable := s.KV().(mvcc.WatchableKV); isWatchable {
		server.RegisterService(g.guard(watchDesc), newWatchServer(newHeader(s), kv, s.MaxRequestBytes(), o.WatchProgressInterval))
	} else {
		server.RegisterService(g.guard(stub.Watch_ServiceDesc), stub.UnimplementedWatchServer{})
	}
	server.RegisterService(g.guard(stub.Lease_ServiceDesc), newLeaseServer(newHeader(s), s))

	server.RegisterService(g.guard(stub.Auth_ServiceDesc), stub.UnimplementedAuthServer{})
	server.RegisterService(g.guard(stub.Lock_ServiceDesc), stub.UnimplementedLockServer{})
	server.RegisterService(g.guard(stub.Election_ServiceDesc), stub.UnimplementedElectionServer{})

	// The health service says SERVING for the server as a whole (the empty name).
	server.RegisterService(g.guard(healthpb.Health_ServiceDesc), health.NewServer())
	return server
}

func serverOptions(s EtcdServer, o Options) []grpc.ServerOption {
	if o.MaxConcurrentStreams == 0 {
		o.MaxConcurrentStreams = math.MaxUint32
	}
	if o.KeepAliveMinTime == 0 {
		o.KeepAliveMinTime = 5 * time.Second
	}
	opts := []grpc.ServerOption{
		grpc.ForceServerCodecV2(Codec{sent: sentBytes, received: receivedBytes}),
		grpc.MaxRecvMsgSize(s.MaxRequestBytes() + grpcOverheadBytes),
		grpc.MaxSendMsgSize(maxSendBytes),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.SharedWriteBuffer(true), // idle connections hold no buffer
		grpc.WaitForHandlers(true),   // Stop returns AFTER the last handler let go of the stores
		grpc.MaxConcurrentStreams(o.MaxConcurrentStreams),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: o.KeepAliveMinTime}),
	}
	if o.KeepAliveInterval > 0 {
		opts = append(opts, grpc.KeepaliveParams(keepalive.ServerParameters{
			Time:    o.KeepAliveInterval,
			Timeout: o.KeepAliveTimeout,
		}))
	}
	return append(opts, o.AdditionalGRPCOptions...)
}
