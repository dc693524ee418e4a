package etcdserver

import (
	"context"
	"fmt"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch07-server/apply"
	"insideetcd/ch07-server/membership"
)

// The requests of the v3 API (book §8.2.2). Arguments are checked by the
// caller (ch08's v3rpc) before they come here. Writes go through the log;
// reads go past it. Headers carry only the revision; the gRPC layer adds the
// rest.

// Range reads keys. Unless the request is serializable, the answer reflects
// everything that was acknowledged before the call.
func (s *EtcdServer) Range(ctx context.Context, r *pb.RangeRequest) (*apply.RangeResponse, error) {
	if !r.Serializable {
		if err := s.LinearizableReadNotify(ctx); err != nil {
			return nil, err
		}
	}
	return apply.Range(s.kv, r)
}

// Put writes one key.
func (s *EtcdServer) Put(ctx context.Context, r *pb.PutRequest) (*apply.PutResponse, error) {
	return answer[*apply.PutResponse](s.proposeV3(ctx, &pb.InternalRaftRequest{Put: r}))
}

// DeleteRange deletes the keys of an interval.
func (s *EtcdServer) DeleteRange(ctx context.Context, r *pb.DeleteRangeRequest) (*apply.DeleteRangeResponse, error) {
	return answer[*apply.DeleteRangeResponse](s.proposeV3(ctx, &pb.InternalRaftRequest{DeleteRange: r}))
}

// Txn executes a transaction. One that writes nothing is a read.
func (s *EtcdServer) Txn(ctx context.Context, r *pb.TxnRequest) (*apply.TxnResponse, error) {
	if !apply.ReadOnly(r) {
		return answer[*apply.TxnResponse](s.proposeV3(ctx, &pb.InternalRaftRequest{Txn: r}))
	}
	if !apply.Serializable(r) {
		if err := s.LinearizableReadNotify(ctx); err != nil {
			return nil, err
		}
	}
	return apply.ReadTxn(s.kv, r)
}

// Compact drops the history before a revision. With r.Physical it returns only
// after the revisions are also gone from disk.
func (s *EtcdServer) Compact(ctx context.Context, r *pb.CompactionRequest) (*pb.CompactionResponse, error) {
	res, err := s.proposeV3(ctx, &pb.InternalRaftRequest{Compaction: r})
	if err == nil && r.Physical && res.Physc != nil {
		select {
		case <-res.Physc:
			s.be.ForceCommit()
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.stopping:
			return nil, ErrStopped
		}
	}
	return answer[*pb.CompactionResponse](res, err)
}

// answer unwraps a result into the answer that its request has.
func answer[T any](res apply.Result, err error) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	if res.Err != nil {
		return none, res.Err
	}
	resp, ok := res.Resp.(T)
	if !ok {
		return none, fmt.Errorf("etcdserver: the request was applied, but its answer is a %T, not a %T", res.Resp, none)
	}
	return resp, nil
}

// Members lists the members by ascending ID; linearizable asks for a list that
// reflects every change acknowledged before the call.
func (s *EtcdServer) Members(ctx context.Context, linearizable bool) ([]*membership.Member, error) {
	if linearizable {
		if err := s.LinearizableReadNotify(ctx); err != nil {
			return nil, err
		}
	}
	return s.cluster.Members(), nil
}
