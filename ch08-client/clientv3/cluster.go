package clientv3

import (
	"context"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc/stub"
)

type (
	Member                pb.Member
	MemberListResponse    pb.MemberListResponse
	MemberAddResponse     pb.MemberAddResponse
	MemberRemoveResponse  pb.MemberRemoveResponse
	MemberUpdateResponse  pb.MemberUpdateResponse
	MemberPromoteResponse pb.MemberPromoteResponse
)

// Cluster reads and changes the members. An id is the number that MemberList gives.
type Cluster interface {
	MemberList(ctx context.Context) (*MemberListResponse, error)
	MemberAdd(ctx context.Context, peerURLs []string) (*MemberAddResponse, error)
	MemberAddAsLearner(ctx context.Context, peerURLs []string) (*MemberAddResponse, error)
	MemberRemove(ctx context.Context, id uint64) (*MemberRemoveResponse, error)
	MemberUpdate(ctx context.Context, id uint64, peerURLs []string) (*MemberUpdateResponse, error)
	MemberPromote(ctx context.Context, id uint64) (*MemberPromoteResponse, error)
}

type cluster struct{ remote stub.ClusterClient }

// NewCluster makes the Cluster of a client's connection.
func NewCluster(c *Client) Cluster { return &cluster{stub.NewClusterClient(c.conn)} }

func (c *cluster) MemberList(ctx context.Context) (*MemberListResponse, error) {
	r, err := c.remote.MemberList(ctx, &pb.MemberListRequest{Linearizable: true}, repeatable{})
	return (*MemberListResponse)(r), toErr(ctx, err)
}

func (c *cluster) MemberAdd(ctx context.Context, peerURLs []string) (*MemberAddResponse, error) {
	r, err := c.remote.MemberAdd(ctx, &pb.MemberAddRequest{PeerURLs: peerURLs})
	return (*MemberAddResponse)(r), toErr(ctx, err)
}

func (c *cluster) MemberAddAsLearner(ctx context.Context, peerURLs []string) (*MemberAddResponse, error) {
	r, err := c.remote.MemberAdd(ctx, &pb.MemberAddRequest{PeerURLs: peerURLs, IsLearner: true})
	return (*MemberAddResponse)(r), toErr(ctx, err)
}

func (c *cluster) MemberRemove(ctx context.Context, id uint64) (*MemberRemoveResponse, error) {
	r, err := c.remote.MemberRemove(ctx, &pb.MemberRemoveRequest{ID: id})
	return (*MemberRemoveResponse)(r), toErr(ctx, err)
}

func (c *cluster) MemberUpdate(ctx context.Context, id uint64, peerURLs []string) (*MemberUpdateResponse, error) {
	r, err := c.remote.MemberUpdate(ctx, &pb.MemberUpdateRequest{ID: id, PeerURLs: peerURLs})
	return (*MemberUpdateResponse)(r), toErr(ctx, err)
}

func (c *cluster) MemberPromote(ctx context.Context, id uint64) (*MemberPromoteResponse, error) {
	r, err := c.remote.MemberPromote(ctx, &pb.MemberPromoteRequest{ID: id})
	return (*MemberPromoteResponse)(r), toErr(ctx, err)
}
