package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/model"
	"insideetcd/ch01-intro/model/compare"
	"insideetcd/ch08-client/v3rpc/stub"
)

const callTimeout = 20 * time.Second

// overGRPC is a running server as the target of a comparison: each request is a call, all
// watches are on one stream.
type overGRPC struct {
	ctx    context.Context
	kv     stub.KVClient
	lease  stub.LeaseClient
	stream grpc.BidiStreamingClient[pb.WatchRequest, pb.WatchResponse]

	mu      sync.Mutex
	watched map[int64]compare.Watched
	created chan *pb.WatchResponse
	broken  error // the stream has ended
}

// newTarget talks to a server until ctx ends.
func newTarget(ctx context.Context, conn grpc.ClientConnInterface) (*overGRPC, error) {
	stream, err := stub.NewWatchClient(conn).Watch(ctx)
	if err != nil {
		return nil, fmt.Errorf("watch stream: %w", err)
	}
	t := &overGRPC{
		ctx: ctx, kv: stub.NewKVClient(conn), lease: stub.NewLeaseClient(conn), stream: stream,
		watched: map[int64]compare.Watched{}, created: make(chan *pb.WatchResponse, 1),
	}
	go t.receive()
	return t, nil
}

// receive sorts what comes on the stream by watch.
func (t *overGRPC) receive() {
	for {
		r, err := t.stream.Recv()
		t.mu.Lock()
		if err != nil {
			t.broken = err
			t.mu.Unlock()
			close(t.created)
			return
		}
		if !r.Created {
			w := t.watched[r.WatchId]
			w.Events = append(w.Events, r.Events...)
			w.CompactRevision = r.CompactRevision
			t.watched[r.WatchId] = w
		}
		t.mu.Unlock()
		if r.Created {
			t.created <- r
		}
	}
}

func (t *overGRPC) Do(request any) (any, error) {
	return ask(t.ctx, t.kv, t.lease, request, callTimeout)
}

// ask makes one call. Its error is a refusal, or says that nobody knows what has happened.
func ask(ctx context.Context, kv stub.KVClient, lease stub.LeaseClient, request any, patience time.Duration) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	switch r := request.(type) {
	case *pb.RangeRequest:
		return answered(kv.Range(ctx, r))
	case *pb.PutRequest:
		return answered(kv.Put(ctx, r))
	case *pb.DeleteRangeRequest:
		return answered(kv.DeleteRange(ctx, r))
	case *pb.TxnRequest:
		return answered(kv.Txn(ctx, r))
	case *pb.CompactionRequest:
		return answered(kv.Compact(ctx, r))
	case *pb.LeaseGrantRequest:
		return answered(lease.LeaseGrant(ctx, r))
	case *pb.LeaseRevokeRequest:
		return answered(lease.LeaseRevoke(ctx, r))
	case *pb.LeaseTimeToLiveRequest:
		return answered(lease.LeaseTimeToLive(ctx, r))
	case *pb.LeaseLeasesRequest:
		return answered(lease.LeaseLeases(ctx, r))
	case *pb.LeaseKeepAliveRequest:
		return answered(keepAlive(ctx, lease, r))
	}
	return nil, fmt.Errorf("%T is no request", request)
}

func keepAlive(ctx context.Context, lease stub.LeaseClient, r *pb.LeaseKeepAliveRequest) (*pb.LeaseKeepAliveResponse, error) {
	stream, err := lease.LeaseKeepAlive(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(r); err != nil && !errors.Is(err, io.EOF) { // EOF: Recv has the reason
		return nil, err
	}
	return stream.Recv()
}

// refusals are the codes of the data model's errors; any other is trouble.
var refusals = []codes.Code{codes.InvalidArgument, codes.OutOfRange, codes.NotFound, codes.FailedPrecondition}

func answered[T any](resp *T, err error) (any, error) {
	if err == nil {
		return resp, nil
	}
	s := status.Convert(err)
	if slices.Contains(refusals, s.Code()) {
		err = &model.Error{Code: s.Code().String(), Text: s.Message()}
	}
	return nil, err
}

func (t *overGRPC) Watch(id int64, r *pb.WatchCreateRequest) error {
	r = r.CloneVT()
	r.WatchId = id
	if err := t.stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: r}}); err != nil {
		return fmt.Errorf("create a watch: %w", err)
	}
	created, ok := <-t.created
	switch {
	case !ok:
		return fmt.Errorf("watch stream: %w", t.broken)
	case created.Canceled:
		return &model.Error{Text: created.CancelReason}
	}
	return nil
}

func (t *overGRPC) Watched(id int64) compare.Watched {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.watched[id]
}

func (t *overGRPC) Cancel(id int64) error {
	cancel := &pb.WatchCancelRequest{WatchId: id}
	return t.stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: cancel}})
}
