package v3rpc

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/lease"
	"insideetcd/ch08-client/v3rpc/stub"
)

// Lessor is what the Lease service asks of a server: grants and revocations go through the
// log; the rest is answered by the leader's lessor.
type Lessor interface {
	LeaseGrant(ctx context.Context, r *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error)
	LeaseRevoke(ctx context.Context, r *pb.LeaseRevokeRequest) (*pb.LeaseRevokeResponse, error)
	// LeaseRenew returns the seconds that the lease has from now on, or lease.ErrLeaseNotFound.
	LeaseRenew(ctx context.Context, id lease.ID) (ttlSeconds int64, err error)
	LeaseTimeToLive(ctx context.Context, r *pb.LeaseTimeToLiveRequest) (*pb.LeaseTimeToLiveResponse, error)
	LeaseLeases(ctx context.Context, r *pb.LeaseLeasesRequest) (*pb.LeaseLeasesResponse, error)
}

// leaseServer is the Lease service (the book's LeaseServer).
type leaseServer struct {
	stub.UnimplementedLeaseServer
	hdr    header
	lessor Lessor
}

func newLeaseServer(hdr header, lessor Lessor) *leaseServer {
	return &leaseServer{hdr: hdr, lessor: lessor}
}

// LeaseGrant makes a lease. The answer names its ID and TTL, either of which the server
// may have chosen: the ID if the request has 0, the TTL if it asks for less than the least.
func (s *leaseServer) LeaseGrant(ctx context.Context, r *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error) {
	resp, err := s.lessor.LeaseGrant(ctx, r)
	if err != nil {
		return nil, togRPCError(err)
	}
	s.hdr.fill(resp.Header)
	return resp, nil
}

// LeaseRevoke ends a lease and deletes the keys that belong to it, at one revision.
func (s *leaseServer) LeaseRevoke(ctx context.Context, r *pb.LeaseRevokeRequest) (*pb.LeaseRevokeResponse, error) {
	resp, err := s.lessor.LeaseRevoke(ctx, r)
	if err != nil {
		return nil, togRPCError(err)
	}
	s.hdr.fill(resp.Header)
	return resp, nil
}

// LeaseTimeToLive tells how long a lease has; -1 for one that is not there.
func (s *leaseServer) LeaseTimeToLive(ctx context.Context, r *pb.LeaseTimeToLiveRequest) (*pb.LeaseTimeToLiveResponse, error) {
	resp, err := s.lessor.LeaseTimeToLive(ctx, r)
	switch {
	case errors.Is(err, lease.ErrLeaseNotFound):
		resp = &pb.LeaseTimeToLiveResponse{Header: new(pb.ResponseHeader), ID: r.ID, TTL: -1}
	case err != nil:
		return nil, togRPCError(err)
	}
	s.hdr.fill(resp.Header)
	return resp, nil
}

// LeaseLeases lists all leases.
func (s *leaseServer) LeaseLeases(ctx context.Context, r *pb.LeaseLeasesRequest) (*pb.LeaseLeasesResponse, error) {
	resp, err := s.lessor.LeaseLeases(ctx, r)
	if err != nil {
		return nil, togRPCError(err)
	}
	s.hdr.fill(resp.Header)
	return resp, nil
}

// LeaseKeepAlive renews one lease for each request, in their order.
func (s *leaseServer) LeaseKeepAlive(stream grpc.BidiStreamingServer[pb.LeaseKeepAliveRequest, pb.LeaseKeepAliveResponse]) error {
	ctx := stream.Context()
	requests := receive[pb.LeaseKeepAliveRequest](stream)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case in := <-requests:
			if errors.Is(in.err, io.EOF) {
				return nil
			}
			if in.err != nil {
				if ctx.Err() == nil {
					keepAliveFailures.receive.Inc()
				}
				return in.err
			}
			if err := s.keepAlive(stream, in.request.ID); err != nil {
				return err
			}
		}
	}
}

// keepAlive renews one lease. One that is not there is answered with TTL 0, and the
// stream goes on for the others. The header is filled BEFORE the renewal: whoever reads
// at its revision reads nothing newer than what the lease has outlived.
func (s *leaseServer) keepAlive(stream grpc.BidiStreamingServer[pb.LeaseKeepAliveRequest, pb.LeaseKeepAliveResponse], id int64) error {
	resp := &pb.LeaseKeepAliveResponse{Header: new(pb.ResponseHeader), ID: id}
	s.hdr.fill(resp.Header)
	ttl, err := s.lessor.LeaseRenew(stream.Context(), lease.ID(id))
	if err != nil && !errors.Is(err, lease.ErrLeaseNotFound) {
		return togRPCError(err)
	}
	if err == nil {
		resp.TTL = ttl
	}
	if err := stream.Send(resp); err != nil {
		if stream.Context().Err() == nil {
			keepAliveFailures.send.Inc()
		}
		return err
	}
	return nil
}
