package v3rpc

import (
	"context"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/ids"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch07-server/apply"
	"insideetcd/ch07-server/membership"
)

// What the services ask of a server. etcdserver.EtcdServer satisfies all of it; each
// service takes only the part that it needs.

// RaftKV executes checked key-value requests: writes through the log, reads after a
// ReadIndex round unless they are serializable.
type RaftKV interface {
	Range(ctx context.Context, r *pb.RangeRequest) (*apply.RangeResponse, error)
	Put(ctx context.Context, r *pb.PutRequest) (*apply.PutResponse, error)
	DeleteRange(ctx context.Context, r *pb.DeleteRangeRequest) (*apply.DeleteRangeResponse, error)
	Txn(ctx context.Context, r *pb.TxnRequest) (*apply.TxnResponse, error)
	Compact(ctx context.Context, r *pb.CompactionRequest) (*pb.CompactionResponse, error)
}

// RaftStatus is what a member knows about itself and its cluster at this moment.
type RaftStatus interface {
	ID() ids.ID
	ClusterID() ids.ID
	Leader() ids.ID // 0: none known
	Term() uint64
	CommittedIndex() uint64
	AppliedIndex() uint64
	IsLearner() bool
	Alarms() []*pb.AlarmMember
}

// Membership lists the members by ascending ID.
type Membership interface {
	Members(ctx context.Context, linearizable bool) ([]*membership.Member, error)
}

// Storage gives the stores below apply, for reading.
type Storage interface {
	KV() mvcc.KV
	Backend() backend.Backend
}

// Limits are the configured bounds of a request.
type Limits interface {
	MaxTxnOps() int
	MaxRequestBytes() int
}

// Stopping tells when a member begins to stop: from then on it answers ErrStopped.
type Stopping interface {
	StoppingNotify() <-chan struct{}
}

// AlarmService reads, raises and ends alarms, through the log.
type AlarmService interface {
	Alarm(ctx context.Context, r *pb.AlarmRequest) (*pb.AlarmResponse, error)
}

// EtcdServer is all of it.
type EtcdServer interface {
	Lessor
	AlarmService
	Stopping
	RaftKV
	RaftStatus
	Membership
	Storage
	Limits
}
