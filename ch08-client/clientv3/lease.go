package clientv3

import (
	"context"
	"errors"
	"io"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc/rpctypes"
	"insideetcd/ch08-client/v3rpc/stub"
)

// LeaseID names a lease; 0 is none.
type LeaseID int64

// NoLease is the lease of a key without one.
const NoLease LeaseID = 0

// The answers about leases. TTLs are in seconds.
type (
	LeaseGrantResponse struct {
		*pb.ResponseHeader
		ID    LeaseID
		TTL   int64
		Error string
	}

	LeaseKeepAliveResponse struct {
		*pb.ResponseHeader
		ID  LeaseID
		TTL int64
	}

	// LeaseTimeToLiveResponse has TTL -1 for a lease that there is not.
	LeaseTimeToLiveResponse struct {
		*pb.ResponseHeader
		ID         LeaseID  `json:"id"`
		TTL        int64    `json:"ttl"`
		GrantedTTL int64    `json:"granted-ttl"`
		Keys       [][]byte `json:"keys"`
	}

	LeaseStatus struct {
		ID LeaseID `json:"id"`
	}

	LeaseLeasesResponse struct {
		*pb.ResponseHeader
		Leases []LeaseStatus `json:"leases"`
	}

	LeaseRevokeResponse pb.LeaseRevokeResponse
)

// LeaseOption changes a call of TimeToLive.
type LeaseOption func(*pb.LeaseTimeToLiveRequest)

// WithAttachedKeys answers the keys of the lease as well.
func WithAttachedKeys() LeaseOption {
	return func(r *pb.LeaseTimeToLiveRequest) { r.Keys = true }
}

// Lease grants leases and keeps them alive.
type Lease interface {
	// Grant makes a lease of ttl seconds; the server may make it longer. Error:
	// rpctypes.ErrLeaseTTLTooLarge, ErrNoSpace.
	Grant(ctx context.Context, ttl int64) (*LeaseGrantResponse, error)
	// Revoke ends a lease and deletes its keys. Error: rpctypes.ErrLeaseNotFound.
	Revoke(ctx context.Context, id LeaseID) (*LeaseRevokeResponse, error)
	TimeToLive(ctx context.Context, id LeaseID, opts ...LeaseOption) (*LeaseTimeToLiveResponse, error)
	Leases(ctx context.Context) (*LeaseLeasesResponse, error)
	// KeepAlive renews a lease at a third of its time, until ctx ends, the lease is gone,
	// or nobody could be reached for as long as it lasts; then the channel is closed. A
	// reader that is slow misses answers, not renewals. That a lease was renewed is no
	// proof that it still is: act on keys under a lease with its key's create revision as
	// a fencing token.
	KeepAlive(ctx context.Context, id LeaseID) (<-chan *LeaseKeepAliveResponse, error)
	// KeepAliveOnce renews a lease now. Error: rpctypes.ErrLeaseNotFound.
	KeepAliveOnce(ctx context.Context, id LeaseID) (*LeaseKeepAliveResponse, error)
	// Close ends all keep-alives and waits for their goroutines. Leases live on.
	Close() error
}

type lessor struct {
	client *Client
	remote stub.LeaseClient
	keeper *keeper
}

// NewLease makes the Lease of a client's connection.
func NewLease(c *Client) Lease {
	remote := stub.NewLeaseClient(c.conn)
	return &lessor{c, remote, newKeeper(c, remote)}
}

func (l *lessor) Grant(ctx context.Context, ttl int64) (*LeaseGrantResponse, error) {
	r, err := l.remote.LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: ttl})
	if err != nil {
		return nil, toErr(ctx, err)
	}
	return &LeaseGrantResponse{r.Header, LeaseID(r.ID), r.TTL, r.Error}, nil
}

func (l *lessor) Revoke(ctx context.Context, id LeaseID) (*LeaseRevokeResponse, error) {
	r, err := l.remote.LeaseRevoke(ctx, &pb.LeaseRevokeRequest{ID: int64(id)})
	return (*LeaseRevokeResponse)(r), toErr(ctx, err)
}

func (l *lessor) TimeToLive(ctx context.Context, id LeaseID, opts ...LeaseOption) (*LeaseTimeToLiveResponse, error) {
	request := &pb.LeaseTimeToLiveRequest{ID: int64(id)}
	for _, opt := range opts {
		opt(request)
	}
	r, err := l.remote.LeaseTimeToLive(ctx, request, repeatable{})
	if err != nil {
		return nil, toErr(ctx, err)
	}
	return &LeaseTimeToLiveResponse{r.Header, LeaseID(r.ID), r.TTL, r.GrantedTTL, r.Keys}, nil
}

func (l *lessor) Leases(ctx context.Context) (*LeaseLeasesResponse, error) {
	r, err := l.remote.LeaseLeases(ctx, &pb.LeaseLeasesRequest{}, repeatable{})
	if err != nil {
		return nil, toErr(ctx, err)
	}
	out := &LeaseLeasesResponse{ResponseHeader: r.Header, Leases: make([]LeaseStatus, 0, len(r.Leases))}
	for _, s := range r.Leases {
		out.Leases = append(out.Leases, LeaseStatus{LeaseID(s.ID)})
	}
	return out, nil
}

func (l *lessor) KeepAlive(ctx context.Context, id LeaseID) (<-chan *LeaseKeepAliveResponse, error) {
	return l.keeper.keepAlive(ctx, id)
}

// KeepAliveOnce may be sent again after a failure: renewing twice is as good as once.
func (l *lessor) KeepAliveOnce(ctx context.Context, id LeaseID) (*LeaseKeepAliveResponse, error) {
	for round := 0; ; round++ {
		r, err := l.renew(ctx, id)
		if err == nil && r.TTL <= 0 {
			return nil, rpctypes.ErrLeaseNotFound
		}
		if err == nil {
			return r, nil
		}
		if isHaltErr(ctx, err) || l.client.cfg.DisableRetry || !sleep(ctx, backoffFor(round)) {
			return nil, toErr(ctx, err)
		}
	}
}

func (l *lessor) renew(ctx context.Context, id LeaseID) (*LeaseKeepAliveResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := l.remote.LeaseKeepAlive(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(&pb.LeaseKeepAliveRequest{ID: int64(id)}); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	r, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return nil, errStreamEnded
	}
	if err != nil {
		return nil, err
	}
	return &LeaseKeepAliveResponse{r.Header, LeaseID(r.ID), r.TTL}, nil
}

func (l *lessor) Close() error {
	l.keeper.close()
	return nil
}
