package v3rpc

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch01-intro/ids"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"
	"insideetcd/ch06-storage/lease"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch06-storage/watchcheck"
	"insideetcd/ch07-server/membership"
	"insideetcd/ch08-client/v3rpc/stub"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// bench is a member reduced to its stores, with the services of this package over a
// connection in memory. It writes to the stores directly: no log, no apply loop.
type bench struct {
	t *testing.T
	member
	lead     atomic.Uint64
	store    *mvcc.WatchableStore
	be       backend.Backend
	lessor   lease.Lessor
	stopping chan struct{}
	draining chan struct{}
	options  Options
	grpc     *grpc.Server
	wire     *bufconn.Listener

	mu      sync.Mutex
	history *watchcheck.History
}

func (b *bench) Leader() ids.ID           { return ids.ID(b.lead.Load()) }
func (b *bench) KV() mvcc.KV              { return b.store }
func (b *bench) Backend() backend.Backend { return b.be }
func (b *bench) Members(context.Context, bool) ([]*membership.Member, error) {
	return []*membership.Member{{ID: 1}, {ID: 7, RaftAttributes: membership.RaftAttributes{IsLearner: true}}}, nil
}

// newBench starts one; it ends with the test, which fails if a goroutine is left.
func newBench(t *testing.T, tune func(*bench, *watchServer)) *bench {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
	b := &bench{
		t: t, history: watchcheck.NewHistory(),
		stopping: make(chan struct{}), draining: make(chan struct{}),
		options: Options{ElectionTimeout: 10 * time.Millisecond},
	}
	b.lead.Store(1)
	var err error
	b.be, err = backend.Open(backend.Config{Path: filepath.Join(t.TempDir(), "db"), UnsafeNoFsync: true, Logger: quiet})
	require.NoError(t, err)
	b.store, err = mvcc.OpenWatchable(quiet, b.be, mvcc.Config{OnCommit: b.record})
	require.NoError(t, err)
	b.lessor, err = lease.New(quiet, b.be, lease.Config{})
	require.NoError(t, err)
	b.lessor.Promote(0)
	b.serve(tune)
	t.Cleanup(func() {
		b.grpc.Stop()
		b.lessor.Stop()
		require.NoError(t, b.store.Close())
		require.NoError(t, b.be.Close())
	})
	return b
}

func (b *bench) serve(tune func(*bench, *watchServer)) {
	hdr := header{clusterID: 2, memberID: 1, raft: b, kv: b.KV}
	ws := newWatchServer(hdr, b.store, 1<<20, 0)
	if tune != nil {
		tune(b, ws)
	}
	g := newGate(b, newStreamEnds(b, b.stopping, b.draining, b.options.ElectionTimeout))
	b.grpc = grpc.NewServer(grpc.ForceServerCodecV2(Codec{}), grpc.WaitForHandlers(true))
	b.grpc.RegisterService(g.guard(watchDesc), ws)
	b.grpc.RegisterService(g.guard(stub.Lease_ServiceDesc), newLeaseServer(hdr, b))
	b.grpc.RegisterService(g.guard(stub.Maintenance_ServiceDesc), &maintenanceServer{hdr: hdr, raft: b, stores: b, cluster: b})
	b.wire = bufconn.Listen(1 << 16)
	go func() { _ = b.grpc.Serve(b.wire) }()
}

// dial opens a connection of its own.
func (b *bench) dial() *grpc.ClientConn {
	conn, err := grpc.NewClient("passthrough:///bench", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return b.wire.DialContext(ctx) }),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(Codec{}), grpc.MaxCallRecvMsgSize(1<<30)))
	require.NoError(b.t, err)
	b.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// watch opens a stream on a connection of its own.
func (b *bench) watch(ctx context.Context) *client {
	stream, err := stub.NewWatchClient(b.dial()).Watch(ctx)
	require.NoError(b.t, err)
	return &client{b.t, stream}
}

func (b *bench) record(_ int64, changes []mvcc.Change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := make([]*mvccpb.Event, len(changes))
	for i, c := range changes {
		var err error
		events[i], err = c.Event.Decode()
		require.NoError(b.t, err)
	}
	require.NoError(b.t, b.history.Add(events...))
}

// put writes keys in one transaction.
func (b *bench) put(value string, keys ...string) (rev int64) {
	tx := b.store.Write()
	for _, k := range keys {
		rev = tx.Put([]byte(k), []byte(value), 0)
	}
	tx.End()
	return rev
}

func (b *bench) delete(key string) {
	tx := b.store.Write()
	tx.DeleteRange(interval.Point([]byte(key)))
	tx.End()
}

func (b *bench) compact(rev int64) {
	done, err := b.store.Compact(rev)
	require.NoError(b.t, err)
	<-done
}

// client is the client's end of a watch stream.
type client struct {
	t      *testing.T
	stream stub.Watch_WatchClient
}

func create(r *pb.WatchCreateRequest) *pb.WatchRequest {
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: r}}
}

func cancel(id int64) *pb.WatchRequest {
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: id}}}
}

func progress() *pb.WatchRequest {
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}}
}

func (c *client) send(r *pb.WatchRequest) {
	c.t.Helper()
	require.NoError(c.t, c.stream.Send(r))
}

func (c *client) recv() *pb.WatchResponse {
	c.t.Helper()
	r, err := c.stream.Recv()
	require.NoError(c.t, err)
	require.EqualValues(c.t, 2, r.Header.ClusterId)
	require.EqualValues(c.t, 1, r.Header.MemberId)
	require.EqualValues(c.t, 3, r.Header.RaftTerm)
	return r
}

// create makes a watcher and returns its ID and the revision that the answer names.
func (c *client) create(r *pb.WatchCreateRequest) (id, rev int64) {
	c.t.Helper()
	c.send(create(r))
	answer := c.recv()
	require.True(c.t, answer.Created && !answer.Canceled, "%v", answer)
	return answer.WatchId, answer.Header.Revision
}

// until receives up to events of revision rev, fragments joined as a client joins them.
func (c *client) until(rev int64) (stream []watchcheck.Response) {
	c.t.Helper()
	var parts []*mvccpb.Event
	for {
		r := c.recv()
		parts = append(parts, r.Events...)
		if r.Fragment {
			continue
		}
		stream = append(stream, watchcheck.Response{
			WatchID: r.WatchId, Revision: r.Header.Revision, CompactRevision: r.CompactRevision, Events: parts,
		})
		if n := len(parts); n > 0 && parts[n-1].Kv.ModRevision >= rev {
			return stream
		}
		parts = nil
	}
}

// keeps checks the seven guarantees.
func (b *bench) keeps(w watchcheck.Watch, stream []watchcheck.Response) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, watchcheck.Check(b.history, w, stream))
}

// tell writes a response as one line.
func tell(r *pb.WatchResponse) string {
	s := fmt.Sprintf("id=%d rev=%d", r.WatchId, r.Header.Revision)
	for _, word := range []struct {
		is   bool
		text string
	}{
		{r.Created, " created"}, {r.Canceled, " canceled"}, {r.Fragment, " fragment"},
		{r.CompactRevision != 0, fmt.Sprintf(" compact=%d", r.CompactRevision)},
		{r.CancelReason != "", " reason: " + r.CancelReason},
	} {
		if word.is {
			s += word.text
		}
	}
	for _, e := range r.Events {
		s += fmt.Sprintf(" %s %s@%d", e.Type, e.Kv.Key, e.Kv.ModRevision)
		if e.PrevKv != nil {
			s += fmt.Sprintf(" was@%d", e.PrevKv.ModRevision)
		}
	}
	return s
}

// The lessor's part of an EtcdServer, without a log.

func (b *bench) LeaseGrant(_ context.Context, r *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error) {
	l, err := b.lessor.Grant(lease.ID(r.ID), r.TTL)
	if err != nil {
		return nil, err
	}
	return &pb.LeaseGrantResponse{Header: &pb.ResponseHeader{Revision: b.store.Rev()}, ID: int64(l.ID), TTL: l.TTL}, nil
}

func (b *bench) LeaseRevoke(_ context.Context, r *pb.LeaseRevokeRequest) (*pb.LeaseRevokeResponse, error) {
	return &pb.LeaseRevokeResponse{Header: new(pb.ResponseHeader)}, b.lessor.Revoke(lease.ID(r.ID))
}

func (b *bench) LeaseRenew(ctx context.Context, id lease.ID) (int64, error) {
	return b.lessor.Renew(ctx, id)
}

func (b *bench) LeaseTimeToLive(_ context.Context, r *pb.LeaseTimeToLiveRequest) (*pb.LeaseTimeToLiveResponse, error) {
	l := b.lessor.Lookup(lease.ID(r.ID))
	if l == nil {
		return nil, fmt.Errorf("time to live: %w", lease.ErrLeaseNotFound)
	}
	return &pb.LeaseTimeToLiveResponse{Header: new(pb.ResponseHeader), ID: r.ID, TTL: l.TTL, GrantedTTL: l.TTL}, nil
}

func (b *bench) LeaseLeases(context.Context, *pb.LeaseLeasesRequest) (*pb.LeaseLeasesResponse, error) {
	resp := &pb.LeaseLeasesResponse{Header: new(pb.ResponseHeader)}
	for _, l := range b.lessor.Leases() {
		resp.Leases = append(resp.Leases, &pb.LeaseStatus{ID: int64(l.ID)})
	}
	return resp, nil
}
