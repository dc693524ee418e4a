package v3rpc

import (
	"context"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch07-server/membership"
	"insideetcd/ch08-client/v3rpc/stub"
)

// clusterServer is the Cluster service. It lists members; changing them needs peers to
// talk to, so those methods are the Unimplemented ones of the stub.
type clusterServer struct {
	stub.UnimplementedClusterServer
	hdr     header
	cluster Membership
}

func newClusterServer(s EtcdServer) *clusterServer {
	return &clusterServer{hdr: newHeader(s), cluster: s}
}

// MemberList lists the members by ascending ID, from this member's own knowledge unless
// the request asks for a linearizable list (3.5 and later clients do).
func (s *clusterServer) MemberList(ctx context.Context, r *pb.MemberListRequest) (*pb.MemberListResponse, error) {
	members, err := s.cluster.Members(ctx, r.Linearizable)
	if err != nil {
		return nil, togRPCError(err)
	}
	return &pb.MemberListResponse{
		Header:  s.hdr.identify(new(pb.ResponseHeader)),
		Members: membersToProto(members),
	}, nil
}

func membersToProto(members []*membership.Member) []*pb.Member {
	out := make([]*pb.Member, 0, len(members))
	for _, m := range members {
		out = append(out, &pb.Member{
			ID:         uint64(m.ID),
			Name:       m.Name,
			PeerURLs:   m.PeerURLs,
			ClientURLs: m.ClientURLs,
			IsLearner:  m.IsLearner,
		})
	}
	return out
}
