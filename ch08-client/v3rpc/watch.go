package v3rpc

import (
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"

	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch08-client/v3rpc/stub"
)

const (
	// DefaultWatchProgressInterval is how long a watcher that asked for progress hears nothing
	// before it is told how far the store has come.
	DefaultWatchProgressInterval = 10 * time.Minute

	// minProgressInterval keeps a typing error from making every stream busy.
	minProgressInterval = 100 * time.Millisecond
)

// watcherService is the Watch service with a stream that takes answers of our own.
type watcherService interface {
	Watch(stream grpc.ServerStream) error
}

// watchDesc describes the Watch service to gRPC: names as in the proto file, a handler
// that sends a [watchAnswer] in place of a generated message.
var watchDesc = grpc.ServiceDesc{
	ServiceName: stub.Watch_ServiceDesc.ServiceName,
	HandlerType: (*watcherService)(nil),
	Metadata:    stub.Watch_ServiceDesc.Metadata,
	Streams: []grpc.StreamDesc{{
		StreamName:    "Watch",
		ServerStreams: true,
		ClientStreams: true,
		Handler: func(srv any, stream grpc.ServerStream) error {
			return srv.(watcherService).Watch(stream)
		},
	}},
}

// watchServer is the Watch service (book §8.2.1). Each call is one stream, which a
// serverWatchStream serves from its begin to its end.
type watchServer struct {
	hdr              header
	watchable        mvcc.Watchable
	fragmentBytes    int
	progressInterval time.Duration
}

// newWatchServer watches w. An answer that may be divided is divided before it reaches
// what a client that knows of no larger requests would receive: maxRequestBytes and what
// gRPC adds.
func newWatchServer(hdr header, w mvcc.Watchable, maxRequestBytes int, progressInterval time.Duration) *watchServer {
	if progressInterval == 0 {
		progressInterval = DefaultWatchProgressInterval
	}
	return &watchServer{
		hdr:              hdr,
		watchable:        w,
		fragmentBytes:    maxRequestBytes + grpcOverheadBytes,
		progressInterval: max(progressInterval, minProgressInterval),
	}
}

// Watch serves one stream. It returns when the client or the server ends the stream.
func (s *watchServer) Watch(stream grpc.ServerStream) error {
	sws := &serverWatchStream{
		hdr:              &s.hdr,
		stream:           stream,
		watches:          s.watchable.NewWatchStream(),
		fragmentBytes:    s.fragmentBytes,
		progressInterval: spread(s.progressInterval),
		watchers:         map[mvcc.WatchID]*watcherState{},
	}
	defer sws.close()
	return sws.serve()
}

// spread lengthens d by up to a tenth, so that streams begun together, as after a
// restart, do not report their progress together for ever.
func spread(d time.Duration) time.Duration { return d + rand.N(d/10+1) }
