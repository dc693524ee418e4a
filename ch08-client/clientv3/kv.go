package clientv3

import (
	"context"

	"google.golang.org/grpc"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc/stub"
)

// The answers carry the fields of the messages they are made of.
type (
	GetResponse     pb.RangeResponse
	PutResponse     pb.PutResponse
	DeleteResponse  pb.DeleteRangeResponse
	CompactResponse pb.CompactionResponse
	TxnResponse     pb.TxnResponse
)

// KV reads and writes keys.
type KV interface {
	// Put sets a key. Error: among others rpctypes.ErrLeaseNotFound, ErrNoSpace.
	Put(ctx context.Context, key, val string, opts ...OpOption) (*PutResponse, error)
	// Get reads a key or a range of keys. Error: rpctypes.ErrCompacted, ErrFutureRev.
	Get(ctx context.Context, key string, opts ...OpOption) (*GetResponse, error)
	// Delete removes a key or a range of keys.
	Delete(ctx context.Context, key string, opts ...OpOption) (*DeleteResponse, error)
	// Compact forgets what was replaced before the revision.
	Compact(ctx context.Context, rev int64, opts ...CompactOption) (*CompactResponse, error)
	// Do sends an operation.
	Do(ctx context.Context, op Op) (OpResponse, error)
	// Txn begins a transaction.
	Txn(ctx context.Context) Txn
}

// OpResponse is the answer to an Op: exactly one of its parts is set.
type OpResponse struct {
	put *PutResponse
	get *GetResponse
	del *DeleteResponse
	txn *TxnResponse
}

func (r OpResponse) Put() *PutResponse    { return r.put }
func (r OpResponse) Get() *GetResponse    { return r.get }
func (r OpResponse) Del() *DeleteResponse { return r.del }
func (r OpResponse) Txn() *TxnResponse    { return r.txn }

// CompactOption changes a compaction.
type CompactOption func(*pb.CompactionRequest)

// WithCompactPhysical answers only when the old revisions have left the disk.
func WithCompactPhysical() CompactOption {
	return func(r *pb.CompactionRequest) { r.Physical = true }
}

type kv struct{ remote stub.KVClient }

// NewKV makes the KV of a client's connection.
func NewKV(c *Client) KV { return &kv{stub.NewKVClient(c.conn)} }

func (k *kv) Put(ctx context.Context, key, val string, opts ...OpOption) (*PutResponse, error) {
	r, err := k.Do(ctx, OpPut(key, val, opts...))
	return r.put, err
}

func (k *kv) Get(ctx context.Context, key string, opts ...OpOption) (*GetResponse, error) {
	r, err := k.Do(ctx, OpGet(key, opts...))
	return r.get, err
}

func (k *kv) Delete(ctx context.Context, key string, opts ...OpOption) (*DeleteResponse, error) {
	r, err := k.Do(ctx, OpDelete(key, opts...))
	return r.del, err
}

func (k *kv) Compact(ctx context.Context, rev int64, opts ...CompactOption) (*CompactResponse, error) {
	request := &pb.CompactionRequest{Revision: rev}
	for _, opt := range opts {
		opt(request)
	}
	answer, err := k.remote.Compact(ctx, request)
	return (*CompactResponse)(answer), toErr(ctx, err)
}

func (k *kv) Txn(ctx context.Context) Txn { return &txn{kv: k, ctx: ctx} }

func (k *kv) Do(ctx context.Context, op Op) (OpResponse, error) {
	var r OpResponse
	var err error
	switch op.t {
	case tRange:
		var answer *pb.RangeResponse
		answer, err = k.remote.Range(ctx, op.toRangeRequest(), repeatable{})
		r.get = (*GetResponse)(answer)
	case tPut:
		var answer *pb.PutResponse
		answer, err = k.remote.Put(ctx, op.toPutRequest())
		r.put = (*PutResponse)(answer)
	case tDeleteRange:
		var answer *pb.DeleteRangeResponse
		answer, err = k.remote.DeleteRange(ctx, op.toDeleteRequest())
		r.del = (*DeleteResponse)(answer)
	case tTxn:
		var options []grpc.CallOption
		if !op.isWrite() {
			options = append(options, repeatable{})
		}
		var answer *pb.TxnResponse
		answer, err = k.remote.Txn(ctx, op.toTxnRequest(), options...)
		r.txn = (*TxnResponse)(answer)
	default:
		return r, errUnknownOp
	}
	if err != nil {
		return OpResponse{}, toErr(ctx, err)
	}
	return r, nil
}
