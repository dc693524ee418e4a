package v3rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/ids"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch07-server/etcdserver"
	"insideetcd/ch07-server/membership"
	"insideetcd/ch08-client/v3rpc/rpctypes"
	"insideetcd/ch08-client/v3rpc/stub"
)

// member is a RaftStatus whose state a test sets.
type member struct {
	leader  ids.ID
	learner bool
}

func (m *member) ID() ids.ID                { return 1 }
func (m *member) ClusterID() ids.ID         { return 2 }
func (m *member) Leader() ids.ID            { return m.leader }
func (m *member) Term() uint64              { return 3 }
func (m *member) CommittedIndex() uint64    { return 0 }
func (m *member) AppliedIndex() uint64      { return 0 }
func (m *member) IsLearner() bool           { return m.learner }
func (m *member) Alarms() []*pb.AlarmMember { return nil }

// newTestGate is a gate of a server that does not stop.
func newTestGate(raft RaftStatus) *gate { return newGate(raft, newStreamEnds(raft, nil, nil, 0)) }

// value reads a counter.
func value(c prometheus.Counter) float64 {
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		panic(err)
	}
	return m.GetCounter().GetValue()
}

func called(with ...string) context.Context {
	return metadata.NewIncomingContext(context.Background(), metadata.Pairs(with...))
}

func TestGateAdmits(t *testing.T) {
	for _, c := range []struct {
		name            string
		member          member
		ctx             context.Context
		servedByLearner bool
		want            error
	}{
		{"a plain call", member{leader: 1}, called(), false, nil},
		{"no leader, and nobody asked", member{}, called(), false, nil},
		{"no leader, and one is wanted", member{}, called("hasleader", "true"), false, rpctypes.ErrGRPCNoLeader},
		{"a leader is wanted and known", member{leader: 1}, called("hasleader", "true"), false, nil},
		{"only the value true asks", member{}, called("hasleader", "1"), false, nil},
		{"a learner refuses", member{leader: 1, learner: true}, called(), false, rpctypes.ErrGPRCNotSupportedForLearner},
		{"but not everything", member{leader: 1, learner: true}, called(), true, nil},
		{"not even without a leader", member{learner: true}, called("hasleader", "true"), true, rpctypes.ErrGRPCNoLeader},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, newGate(&c.member, nil).admit(c.ctx, c.servedByLearner))
		})
	}
}

// A learner answers Status, and leaves the decision about a range to its handler.
func TestLearnerServesStatusAndSerializableRange(t *testing.T) {
	learner := &member{leader: 1, learner: true}
	g := newTestGate(learner)
	nothing := func(any) error { return nil }
	for _, desc := range []grpc.ServiceDesc{kvDesc, stub.Cluster_ServiceDesc, stub.Maintenance_ServiceDesc, stub.Lease_ServiceDesc, stub.Auth_ServiceDesc} {
		desc.Methods = slices.Clone(desc.Methods) // the services themselves are not to change
		for i := range desc.Methods {
			desc.Methods[i].Handler = func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
				return "served", nil
			}
		}
		for _, m := range g.guard(desc).Methods {
			_, err := m.Handler(nil, called(), nothing, nil)
			full := "/" + desc.ServiceName + "/" + m.MethodName
			if full == "/etcdserverpb.Maintenance/Status" || full == "/etcdserverpb.KV/Range" {
				require.NoError(t, err, full)
			} else {
				require.Equal(t, rpctypes.ErrGPRCNotSupportedForLearner, err, full)
			}
		}
	}
	_, err := (&kvServer{raft: learner}).Range(context.Background(), &pb.RangeRequest{Key: []byte("a")})
	require.Equal(t, rpctypes.ErrGPRCNotSupportedForLearner, err)
}

func TestGateCountsCallsByCodeAndClient(t *testing.T) {
	g := newTestGate(&member{leader: 1})
	var result error
	m := g.guardUnary("test.Service", grpc.MethodDesc{MethodName: "Do",
		Handler: func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
			return nil, result
		}})
	call := func(ctx context.Context, err error) {
		result = err
		_, got := m.Handler(nil, ctx, nil, nil)
		require.Equal(t, err, got)
	}
	handled := func(code codes.Code) float64 {
		return value(rpcsHandled.WithLabelValues("unary", "test.Service", "Do", code.String()))
	}
	requests := func(version string) float64 {
		return value(clientRequests.WithLabelValues("unary", version))
	}
	unknown := requests("unknown")

	call(called(), nil)
	call(called("client-api-version", "3.4"), rpctypes.ErrGRPCEmptyKey)
	call(called("client-api-version", "3.4"), context.Canceled)
	call(called("client-api-version", "\xff"), status.Error(codes.Code(99), "a code that does not exist"))

	require.Equal(t, 4.0, value(rpcsStarted.WithLabelValues("unary", "test.Service", "Do")))
	require.Equal(t, 1.0, value(messagesSent.WithLabelValues("unary", "test.Service", "Do")))
	for _, code := range []codes.Code{codes.OK, codes.InvalidArgument, codes.Canceled, codes.Unknown} {
		require.Equal(t, 1.0, handled(code), code)
	}
	require.Equal(t, 2.0, requests("3.4"))
	require.Equal(t, unknown+2, requests("unknown"), "no version, and one that is no text")
}

// A client that makes up versions does not make the metric grow without end.
func TestClientVersionsAreBounded(t *testing.T) {
	c := newRequestCounters("unary")
	before := value(c.unknown)
	for i := range 3 * maxClientVersions {
		c.count(called("client-api-version", fmt.Sprint("made-up-", i)))
	}
	require.Len(t, c.byVersion, maxClientVersions)
	require.Equal(t, before+2*maxClientVersions, value(c.unknown))
}

func TestErrorsBecomeStatuses(t *testing.T) {
	for _, c := range []struct {
		err  error
		code codes.Code
		text string
	}{
		{mvcc.ErrCompacted, codes.OutOfRange, "etcdserver: mvcc: required revision has been compacted"},
		{fmt.Errorf("range: %w", mvcc.ErrFutureRev), codes.OutOfRange, "etcdserver: mvcc: required revision is a future revision"},
		{etcdserver.ErrRequestTooLarge, codes.InvalidArgument, "etcdserver: request is too large"},
		{etcdserver.ErrTooManyRequests, codes.Unknown, "etcdserver: too many requests"},
		{etcdserver.ErrKeyNotFound, codes.InvalidArgument, "etcdserver: key not found"},
		{etcdserver.ErrLeaseNotFound, codes.NotFound, "etcdserver: requested lease not found"},
		{etcdserver.ErrStopped, codes.Unavailable, "etcdserver: server stopped"},
		{etcdserver.ErrTimeout, codes.Unavailable, "etcdserver: request timed out"},
		{etcdserver.ErrCanceled, codes.Unknown, "etcdserver: request cancelled"},
		{membership.ErrIDRemoved, codes.NotFound, "etcdserver: member not found"},
		{errors.New("disk on fire"), codes.Unknown, "disk on fire"},
		{rpctypes.ErrGRPCNoLeader, codes.Unavailable, "etcdserver: no leader"},
	} {
		s := status.Convert(togRPCError(c.err))
		require.Equal(t, c.code, s.Code(), c.text)
		require.Equal(t, c.text, s.Message())
	}
	require.NoError(t, togRPCError(nil))
	require.Equal(t, context.Canceled, togRPCError(context.Canceled), "gRPC gives it the code")
}

// Every full method name of the reference is served, with the same shape.
func TestServicesHaveTheReferencesNames(t *testing.T) {
	require.Equal(t, "etcdserverpb.KV", kvDesc.ServiceName)
	var own []string
	for _, m := range kvDesc.Methods {
		own = append(own, m.MethodName)
	}
	var generated []string
	for _, m := range stub.KV_ServiceDesc.Methods {
		generated = append(generated, m.MethodName)
	}
	require.ElementsMatch(t, generated, own)
}

func BenchmarkGate(b *testing.B) {
	g := newTestGate(&member{leader: 1})
	m := g.guardUnary("bench.Service", grpc.MethodDesc{MethodName: "Do",
		Handler: func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) { return nil, nil }})
	for name, ctx := range map[string]context.Context{
		"bare client":     called(":authority", "a", "content-type", "application/grpc", "user-agent", "x"),
		"etcd 3.4 client": called(":authority", "a", "content-type", "application/grpc", "user-agent", "x", "client-api-version", "3.4"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = m.Handler(nil, ctx, nil, nil)
			}
		})
	}
}
