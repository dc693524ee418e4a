package v3rpc

import (
	"context"

	"google.golang.org/grpc"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch07-server/apply"
	"insideetcd/ch08-client/v3rpc/rpctypes"
	"insideetcd/ch08-client/v3rpc/stub"
)

// keyValueServer is the KV service with ch07's answers in place of generated ones.
// kvServer is the service; a wrapper of the same shape can stand before it (the quota
// check will: book's quotaKVServer).
type keyValueServer interface {
	Range(ctx context.Context, r *pb.RangeRequest) (*apply.RangeResponse, error)
	Put(ctx context.Context, r *pb.PutRequest) (*apply.PutResponse, error)
	DeleteRange(ctx context.Context, r *pb.DeleteRangeRequest) (*apply.DeleteRangeResponse, error)
	Txn(ctx context.Context, r *pb.TxnRequest) (*apply.TxnResponse, error)
	Compact(ctx context.Context, r *pb.CompactionRequest) (*pb.CompactionResponse, error)
	deepestTxn() int
}

// kvDesc describes the KV service to gRPC: names as in the proto file, handlers of our own.
// RangeStream (3.7) is not among them, so gRPC answers it with Unimplemented.
var kvDesc = grpc.ServiceDesc{
	ServiceName: stub.KV_ServiceDesc.ServiceName,
	HandlerType: (*keyValueServer)(nil),
	Metadata:    stub.KV_ServiceDesc.Metadata,
	Methods: []grpc.MethodDesc{
		{MethodName: "Range", Handler: unary(keyValueServer.Range)},
		{MethodName: "Put", Handler: unary(keyValueServer.Put)},
		{MethodName: "DeleteRange", Handler: unary(keyValueServer.DeleteRange)},
		{MethodName: "Txn", Handler: boundedTxnHandler},
		{MethodName: "Compact", Handler: unary(keyValueServer.Compact)},
	},
}

// unary makes a gRPC handler of a method: decode the request, call. Interceptors have no
// part in it; what every call passes is the gate.
func unary[Server, Req, Resp any](call func(Server, context.Context, *Req) (*Resp, error)) grpc.MethodHandler {
	return func(srv any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		req := new(Req)
		if err := dec(req); err != nil {
			return nil, err
		}
		return call(srv.(Server), ctx, req)
	}
}

// boundedTxnHandler is unary(keyValueServer.Txn), but a transaction that is too deep is not
// even decoded.
func boundedTxnHandler(srv any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	s := srv.(keyValueServer)
	req := &boundedTxn{maxDepth: s.deepestTxn()}
	if err := dec(req); err != nil {
		return nil, err
	}
	if req.tooDeep {
		return nil, rpctypes.ErrGRPCTooManyOps
	}
	return s.Txn(ctx, &req.TxnRequest)
}

// kvServer is the KV service (book §8.2.1).
type kvServer struct {
	hdr       header
	kv        RaftKV
	raft      RaftStatus
	maxTxnOps int
}

func newKVServer(s EtcdServer) *kvServer {
	return &kvServer{hdr: newHeader(s), kv: s, raft: s, maxTxnOps: s.MaxTxnOps()}
}

// Range answers a read. A learner lags behind without knowing how far, so it answers
// only those who said that they do not mind (serializable).
func (s *kvServer) Range(ctx context.Context, r *pb.RangeRequest) (*apply.RangeResponse, error) {
	if !r.Serializable && s.raft.IsLearner() {
		return nil, rpctypes.ErrGPRCNotSupportedForLearner
	}
	if err := checkRangeRequest(r); err != nil {
		return nil, err
	}
	resp, err := s.kv.Range(ctx, r)
	if err != nil {
		return nil, togRPCError(err)
	}
	s.hdr.fill(resp.Header)
	return resp, nil
}

// Put writes one key.
func (s *kvServer) Put(ctx context.Context, r *pb.PutRequest) (*apply.PutResponse, error) {
	if err := checkPutRequest(r); err != nil {
		return nil, err
	}
	resp, err := s.kv.Put(ctx, r)
	if err != nil {
		return nil, togRPCError(err)
	}
	s.hdr.fill(resp.Header)
	return resp, nil
}

// DeleteRange deletes the keys of an interval.
func (s *kvServer) DeleteRange(ctx context.Context, r *pb.DeleteRangeRequest) (*apply.DeleteRangeResponse, error) {
	if err := checkDeleteRequest(r); err != nil {
		return nil, err
	}
	resp, err := s.kv.DeleteRange(ctx, r)
	if err != nil {
		return nil, togRPCError(err)
	}
	s.hdr.fill(resp.Header)
	return resp, nil
}

// Txn executes a transaction at one revision. The headers of the answers inside it
// carry only that revision, as apply wrote them.
func (s *kvServer) Txn(ctx context.Context, r *pb.TxnRequest) (*apply.TxnResponse, error) {
	if err := checkTxnRequest(r, s.maxTxnOps); err != nil {
		return nil, err
	}
	resp, err := s.kv.Txn(ctx, r)
	if err != nil {
		return nil, togRPCError(err)
	}
	s.hdr.fill(resp.Header)
	return resp, nil
}

func (s *kvServer) deepestTxn() int { return deepestTxn(s.maxTxnOps) }

// Compact drops the history before a revision.
func (s *kvServer) Compact(ctx context.Context, r *pb.CompactionRequest) (*pb.CompactionResponse, error) {
	resp, err := s.kv.Compact(ctx, r)
	if err != nil {
		return nil, togRPCError(err)
	}
	s.hdr.fill(resp.Header)
	return resp, nil
}
