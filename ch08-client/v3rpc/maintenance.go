package v3rpc

import (
	"context"
	"fmt"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/version"
	"insideetcd/ch07-server/etcdserver"
	"insideetcd/ch08-client/v3rpc/rpctypes"
	"insideetcd/ch08-client/v3rpc/stub"
)

// maintenanceServer is the Maintenance service: the state of one member, for operators.
// The methods that are not written here answer Unimplemented.
type maintenanceServer struct {
	stub.UnimplementedMaintenanceServer
	hdr     header
	raft    RaftStatus
	stores  Storage
	cluster Membership
	alarms  AlarmService
}

func newMaintenanceServer(s EtcdServer) *maintenanceServer {
	return &maintenanceServer{hdr: newHeader(s), raft: s, stores: s, cluster: s, alarms: s}
}

// Status tells version, sizes and positions of this member alone; it works without a leader.
func (s *maintenanceServer) Status(context.Context, *pb.StatusRequest) (*pb.StatusResponse, error) {
	be := s.stores.Backend()
	resp := &pb.StatusResponse{
		Header:           new(pb.ResponseHeader),
		Version:          version.Compatible,
		DbSize:           be.Size(),
		DbSizeInUse:      be.SizeInUse(),
		Leader:           uint64(s.raft.Leader()),
		RaftIndex:        s.raft.CommittedIndex(),
		RaftAppliedIndex: s.raft.AppliedIndex(),
		RaftTerm:         s.raft.Term(),
		IsLearner:        s.raft.IsLearner(),
	}
	if resp.Leader == 0 {
		resp.Errors = append(resp.Errors, etcdserver.ErrNoLeader.Error())
	}
	for _, a := range s.raft.Alarms() {
		// The text form that 3.4's tools print, with the blank at its end.
		resp.Errors = append(resp.Errors, fmt.Sprintf("memberID:%d alarm:%s ", a.MemberID, a.Alarm))
	}
	s.hdr.fill(resp.Header)
	return resp, nil
}

// Hash answers with a checksum over the whole database of this member. Members that hold
// the same keys may still differ in it; HashKV is the one to compare.
func (s *maintenanceServer) Hash(context.Context, *pb.HashRequest) (*pb.HashResponse, error) {
	h, rev, err := s.stores.KV().Hash()
	if err != nil {
		return nil, togRPCError(err)
	}
	resp := &pb.HashResponse{Header: &pb.ResponseHeader{Revision: rev}, Hash: h}
	s.hdr.fill(resp.Header)
	return resp, nil
}

// HashKV answers with a checksum over the revisions up to r.Revision (0: the present one)
// that a compaction would keep. It is equal on all members that applied the same entries.
func (s *maintenanceServer) HashKV(_ context.Context, r *pb.HashKVRequest) (*pb.HashKVResponse, error) {
	h, rev, compactRev, err := s.stores.KV().HashByRev(r.Revision)
	if err != nil {
		return nil, togRPCError(err)
	}
	resp := &pb.HashKVResponse{Header: &pb.ResponseHeader{Revision: rev}, Hash: h, CompactRevision: compactRev}
	s.hdr.fill(resp.Header)
	return resp, nil
}

// Alarm reads, raises or ends alarms. The answer has no header, as in 3.4.
func (s *maintenanceServer) Alarm(ctx context.Context, r *pb.AlarmRequest) (*pb.AlarmResponse, error) {
	resp, err := s.alarms.Alarm(ctx, r)
	if err != nil {
		return nil, togRPCError(err)
	}
	resp.Header = nil
	return resp, nil
}

// Defragment writes the database anew without the space that deleted pages take. The
// member's reads and writes wait for it. The answer has no header, as in 3.4.
func (s *maintenanceServer) Defragment(context.Context, *pb.DefragmentRequest) (*pb.DefragmentResponse, error) {
	if err := s.stores.Backend().Defrag(); err != nil {
		return nil, togRPCError(err)
	}
	return &pb.DefragmentResponse{}, nil
}

// MoveLeader makes another voting member the leader. It is for the leader to answer. To
// the leader itself there is nothing to move; without peers to talk to it goes no further.
func (s *maintenanceServer) MoveLeader(ctx context.Context, r *pb.MoveLeaderRequest) (*pb.MoveLeaderResponse, error) {
	if s.raft.ID() != s.raft.Leader() {
		return nil, rpctypes.ErrGRPCNotLeader
	}
	members, err := s.cluster.Members(ctx, false)
	if err != nil {
		return nil, togRPCError(err)
	}
	for _, m := range members {
		switch {
		case uint64(m.ID) != r.TargetID || m.IsLearner:
		case m.ID == s.raft.ID():
			return &pb.MoveLeaderResponse{}, nil
		default:
			return s.UnimplementedMaintenanceServer.MoveLeader(ctx, r)
		}
	}
	return nil, rpctypes.ErrGRPCBadLeaderTransferee
}
