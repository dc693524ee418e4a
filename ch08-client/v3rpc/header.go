package v3rpc

import (
	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/mvcc"
)

// header completes the headers of answers: who answered, in which term, at which
// revision. Apply sets the revision of what it did; where it left it out, the store's
// present revision is filled in.
type header struct {
	clusterID, memberID uint64
	raft                RaftStatus
	kv                  func() mvcc.KV // asked each time: a received snapshot replaces the store
}

func newHeader(s EtcdServer) header {
	return header{
		clusterID: uint64(s.ClusterID()),
		memberID:  uint64(s.ID()),
		raft:      s,
		kv:        s.KV,
	}
}

// fill completes rh in place.
func (h *header) fill(rh *pb.ResponseHeader) {
	if rh == nil {
		panic("v3rpc: an answer without a header reached a client")
	}
	h.identify(rh)
	if rh.Revision == 0 {
		rh.Revision = h.kv().Rev()
	}
}

// identify fills in all but the revision: answers about membership have none.
func (h *header) identify(rh *pb.ResponseHeader) *pb.ResponseHeader {
	rh.ClusterId, rh.MemberId, rh.RaftTerm = h.clusterID, h.memberID, h.raft.Term()
	return rh
}
