package v3rpc

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/lease"
	"insideetcd/ch08-client/v3rpc/rpctypes"
	"insideetcd/ch08-client/v3rpc/stub"
)

// What the Lease service answers, as recorded from etcd 3.4.23.
func TestLeases(t *testing.T) {
	b := newBench(t, nil)
	leases := stub.NewLeaseClient(b.dial())
	grant := func(id, ttl int64) (*pb.LeaseGrantResponse, error) {
		return leases.LeaseGrant(t.Context(), &pb.LeaseGrantRequest{ID: id, TTL: ttl})
	}
	header := &pb.ResponseHeader{ClusterId: 2, MemberId: 1, Revision: 1, RaftTerm: 3}

	granted, err := grant(77, 100)
	require.NoError(t, err)
	require.True(t, granted.EqualVT(&pb.LeaseGrantResponse{Header: header, ID: 77, TTL: 100}), "%v", granted)
	_, err = grant(77, 100)
	require.EqualError(t, err, rpctypes.ErrGRPCLeaseExist.Error())
	_, err = grant(78, lease.MaxTTL+1)
	require.EqualError(t, err, rpctypes.ErrGRPCLeaseTTLTooLarge.Error())
	granted, err = grant(-5, 0)
	require.NoError(t, err)
	require.EqualValues(t, 2, granted.TTL, "the least")

	ttl, err := leases.LeaseTimeToLive(t.Context(), &pb.LeaseTimeToLiveRequest{ID: 77})
	require.NoError(t, err)
	require.EqualValues(t, 100, ttl.GrantedTTL)
	ttl, err = leases.LeaseTimeToLive(t.Context(), &pb.LeaseTimeToLiveRequest{ID: 1234})
	require.NoError(t, err, "a lease that is not there is an answer")
	require.True(t, ttl.EqualVT(&pb.LeaseTimeToLiveResponse{Header: header, ID: 1234, TTL: -1}), "%v", ttl)

	all, err := leases.LeaseLeases(t.Context(), &pb.LeaseLeasesRequest{})
	require.NoError(t, err)
	require.Len(t, all.Leases, 2)

	_, err = leases.LeaseRevoke(t.Context(), &pb.LeaseRevokeRequest{ID: 77})
	require.NoError(t, err)
	_, err = leases.LeaseRevoke(t.Context(), &pb.LeaseRevokeRequest{ID: 77})
	require.EqualError(t, err, rpctypes.ErrGRPCLeaseNotFound.Error())
}

// A stream keeps many leases alive; one that has gone is told by TTL 0 and ends nothing.
func TestKeepAlive(t *testing.T) {
	b := newBench(t, nil)
	leases := stub.NewLeaseClient(b.dial())
	_, err := leases.LeaseGrant(t.Context(), &pb.LeaseGrantRequest{ID: 77, TTL: 100})
	require.NoError(t, err)
	stream, err := leases.LeaseKeepAlive(t.Context())
	require.NoError(t, err)
	for _, c := range []struct{ id, ttl int64 }{{77, 100}, {1234, 0}, {0, 0}, {77, 100}} {
		require.NoError(t, stream.Send(&pb.LeaseKeepAliveRequest{ID: c.id}))
		got, err := stream.Recv()
		require.NoError(t, err)
		want := &pb.LeaseKeepAliveResponse{
			Header: &pb.ResponseHeader{ClusterId: 2, MemberId: 1, Revision: 1, RaftTerm: 3}, ID: c.id, TTL: c.ttl,
		}
		require.True(t, got.EqualVT(want), "%v", got)
	}
	require.NoError(t, stream.CloseSend())
	_, err = stream.Recv()
	require.Equal(t, io.EOF, err)
}

// L2: who is told that the lease lives finds it; who revoked it is told by TTL 0.
func TestRegression_L2_NoRenewalOfARevokedLease(t *testing.T) {
	b := newBench(t, nil)
	leases := stub.NewLeaseClient(b.dial())
	stream, err := leases.LeaseKeepAlive(t.Context())
	require.NoError(t, err)
	for id := int64(1); id <= 20; id++ {
		_, err := leases.LeaseGrant(t.Context(), &pb.LeaseGrantRequest{ID: id, TTL: 100})
		require.NoError(t, err)
		_, err = leases.LeaseRevoke(t.Context(), &pb.LeaseRevokeRequest{ID: id})
		require.NoError(t, err)
		require.NoError(t, stream.Send(&pb.LeaseKeepAliveRequest{ID: id}))
		got, err := stream.Recv()
		require.NoError(t, err)
		require.Zero(t, got.TTL)
	}
}

func TestKeepAliveEndsWithTheServer(t *testing.T) {
	b := newBench(t, nil)
	stream, err := stub.NewLeaseClient(b.dial()).LeaseKeepAlive(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&pb.LeaseKeepAliveRequest{ID: 1}))
	_, err = stream.Recv()
	require.NoError(t, err)
	close(b.stopping)
	_, err = stream.Recv()
	require.EqualError(t, err, rpctypes.ErrGRPCStopped.Error())
}
