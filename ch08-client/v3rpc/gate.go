package v3rpc

import (
	"context"
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"insideetcd/ch08-client/v3rpc/rpctypes"
)

// gate is what every call passes before its handler, in this order:
//
//  1. it is counted;
//  2. a learner serves only what servedByLearner lists;
//  3. a client that asked for a leader (metadata hasleader=true) is refused while
//     this member knows none, and its streams end when there is none for long;
//  4. streams end when the server stops.
//
// It is put around each method of a service when the service is registered, so that a
// call costs a few atomic additions and no allocation.
type gate struct {
	raft           RaftStatus
	unary, streams *requestCounters
	ends           *streamEnds
}

func newGate(raft RaftStatus, ends *streamEnds) *gate {
	return &gate{raft: raft, unary: newRequestCounters("unary"), streams: newRequestCounters("stream"), ends: ends}
}

// servedByLearner names the methods that a learner serves as a whole. Range is among
// them because its own handler refuses what is not serializable. (Status: an operator
// wants to see how a learner comes along.)
var servedByLearner = map[string]bool{
	"/etcdserverpb.Maintenance/Status": true,
	"/etcdserverpb.KV/Range":           true,
}

// guard returns desc with the gate around each of its methods.
func (g *gate) guard(desc grpc.ServiceDesc) *grpc.ServiceDesc {
	methods := make([]grpc.MethodDesc, len(desc.Methods))
	for i, m := range desc.Methods {
		methods[i] = g.guardUnary(desc.ServiceName, m)
	}
	streams := make([]grpc.StreamDesc, len(desc.Streams))
	for i, s := range desc.Streams {
		streams[i] = g.guardStream(desc.ServiceName, s)
	}
	desc.Methods, desc.Streams = methods, streams
	return &desc
}

func (g *gate) guardUnary(service string, m grpc.MethodDesc) grpc.MethodDesc {
	counters := newMethodCounters("unary", service, m.MethodName)
	learner := servedByLearner["/"+service+"/"+m.MethodName]
	handle := m.Handler
	m.Handler = func(srv any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		counters.started.Inc()
		counters.received.Inc()
		g.unary.count(ctx)
		err := g.admit(ctx, learner)
		var resp any
		if err == nil {
			resp, err = handle(srv, ctx, dec, nil)
		}
		if err != nil {
			counters.finished(codeOf(err))
			return nil, err
		}
		counters.sent.Inc()
		counters.finished(codes.OK)
		return resp, nil
	}
	return m
}

func (g *gate) guardStream(service string, s grpc.StreamDesc) grpc.StreamDesc {
	counters := newMethodCounters(streamKind(s), service, s.StreamName)
	learner := servedByLearner["/"+service+"/"+s.StreamName]
	handle := s.Handler
	s.Handler = func(srv any, stream grpc.ServerStream) error {
		counters.started.Inc()
		g.streams.count(stream.Context())
		err := g.admit(stream.Context(), learner)
		if err == nil {
			err = g.serveStream(srv, handle, &countedStream{ServerStream: stream, counters: counters})
		}
		counters.finished(codeOf(err))
		return err
	}
	return s
}

// serveStream calls the handler of a stream with a context that rules 3 and 4 end. If they
// have done so, then theirs is the reason that the client is told.
func (g *gate) serveStream(srv any, handle grpc.StreamHandler, stream *countedStream) error {
	ctx := g.ends.join(stream.ServerStream.Context(), wantsLeader(stream.ServerStream.Context()))
	defer g.ends.leave(ctx)
	stream.ctx = ctx
	err := handle(srv, stream)
	if cause := context.Cause(ctx); cause == rpctypes.ErrGRPCStopped || cause == rpctypes.ErrGRPCNoLeader {
		return cause
	}
	return err
}

// admit applies rules 2 and 3.
func (g *gate) admit(ctx context.Context, servedByLearner bool) error {
	if !servedByLearner && g.raft.IsLearner() {
		return rpctypes.ErrGPRCNotSupportedForLearner
	}
	if wantsLeader(ctx) && g.raft.Leader() == 0 {
		return rpctypes.ErrGRPCNoLeader
	}
	return nil
}

func wantsLeader(ctx context.Context) bool {
	want := metadata.ValueFromIncomingContext(ctx, rpctypes.MetadataRequireLeaderKey)
	return len(want) > 0 && want[0] == rpctypes.MetadataHasLeader
}

// codeOf is the code under which gRPC will send err.
func codeOf(err error) codes.Code {
	switch {
	case errors.Is(err, context.Canceled):
		return codes.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	}
	return status.Code(err)
}

func streamKind(s grpc.StreamDesc) string {
	switch {
	case s.ClientStreams && s.ServerStreams:
		return "bidi_stream"
	case s.ClientStreams:
		return "client_stream"
	}
	return "server_stream"
}

// countedStream counts the messages of a stream, and has the context that the gate ends.
type countedStream struct {
	grpc.ServerStream
	counters *methodCounters
	ctx      context.Context
}

func (s *countedStream) Context() context.Context { return s.ctx }

func (s *countedStream) SendMsg(m any) error {
	err := s.ServerStream.SendMsg(m)
	if err == nil {
		s.counters.sent.Inc()
	}
	return err
}

func (s *countedStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if err == nil {
		s.counters.received.Inc()
	}
	return err
}

// requestCounters counts calls by the version that the client says it has. The metadata
// is chosen by the client, so only a bounded number of different versions is kept
// apart; whatever comes beyond that is counted as unknown.
type requestCounters struct {
	kind    string
	unknown prometheus.Counter

	mu        sync.RWMutex
	byVersion map[string]prometheus.Counter
}

const maxClientVersions = 64

func newRequestCounters(kind string) *requestCounters {
	return &requestCounters{
		kind:      kind,
		unknown:   clientRequests.WithLabelValues(kind, "unknown"),
		byVersion: map[string]prometheus.Counter{},
	}
}

func (c *requestCounters) count(ctx context.Context) {
	version := metadata.ValueFromIncomingContext(ctx, rpctypes.MetadataClientAPIVersionKey)
	if len(version) == 0 || version[0] == "" {
		c.unknown.Inc()
		return
	}
	c.mu.RLock()
	counter := c.byVersion[version[0]]
	c.mu.RUnlock()
	if counter == nil {
		counter = c.add(version[0])
	}
	counter.Inc()
}

func (c *requestCounters) add(version string) prometheus.Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if counter, ok := c.byVersion[version]; ok {
		return counter
	}
	if len(c.byVersion) >= maxClientVersions {
		return c.unknown
	}
	counter, err := clientRequests.GetMetricWithLabelValues(c.kind, version)
	if err != nil { // not UTF-8
		return c.unknown
	}
	c.byVersion[version] = counter
	return counter
}
