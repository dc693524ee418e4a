package v3rpc

import (
	"context"
	"fmt"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/version"
	"insideetcd/ch07-server/etcdserver"
	"insideetcd/ch08-client/v3rpc/stub"
)

// maintenanceServer is the Maintenance service: the state of one member, for operators.
// The methods that are not written here answer Unimplemented.
type maintenanceServer struct {
	stub.UnimplementedMaintenanceServer
	hdr    header
	raft   RaftStatus
	stores Storage
}

func newMaintenanceServer(s EtcdServer) *maintenanceServer {
	return &maintenanceServer{hdr: newHeader(s), raft: s, stores: s}
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
