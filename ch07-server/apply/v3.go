package apply

import (
	"fmt"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/interval"
	"insideetcd/ch06-storage/lease"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch07-server/alarm"
)

// Result is what applying one entry led to. Resp is one of the answers of this
// package or a message of etcdserverpb.
type Result struct {
	Resp any
	Err  error
	// Physc is closed once a compaction has also removed its revisions from
	// disk; nil for everything else.
	Physc <-chan struct{}
}

// ApplierV3 executes the requests of the v3 API, one entry at a time (the
// book's applierV3, §7.4.2). An applier that checks or counts wraps another
// one and passes the entry on.
type ApplierV3 interface {
	// Apply executes the entry at raft index `index`, which MUST be Supported.
	// A change moves the store's consistent index to it in its own
	// transaction; where nothing changed, the caller moves it AFTER Apply.
	Apply(index uint64, r *pb.InternalRaftRequest) Result
}

// applierV3backend executes on the multi-version store.
//
// Invariants
//  1. A request whose check fails changes nothing: all checks of a request run
//     before its first change.
//  2. A transaction that fails or panics half way is taken back: Abort is
//     deferred, and does nothing after End (REGRESSIONS S11).
type applierV3backend struct {
	kv     mvcc.KV
	lessor lease.Lessor
	alarms *alarm.AlarmStore
}

// NewApplierV3 returns the applier that executes on the stores. It keeps the
// consistent index in step in the transactions of kv and alarms; those of the
// lessor are the lessor's own (lease.Config.OnWrite and its RangeDeleter).
func NewApplierV3(kv mvcc.KV, lessor lease.Lessor, alarms *alarm.AlarmStore) ApplierV3 {
	return &applierV3backend{kv: kv, lessor: lessor, alarms: alarms}
}

// Supported tells whether Apply can execute r.
func Supported(r *pb.InternalRaftRequest) bool {
	return r.Put != nil || r.Range != nil || r.DeleteRange != nil || r.Txn != nil || r.Compaction != nil ||
		r.LeaseGrant != nil || r.LeaseRevoke != nil || r.LeaseCheckpoint != nil || r.Alarm != nil || changesNothing(r)
}

// changesNothing reports a request without a body, and the questions that etcd
// 3.4 sends through the log: they change no state, and whoever asked is gone
// when a log is replayed.
func changesNothing(r *pb.InternalRaftRequest) bool {
	rest := pb.InternalRaftRequest{
		ID: r.ID, Header: r.Header,
		AuthUserGet: r.AuthUserGet, AuthUserList: r.AuthUserList,
		AuthRoleGet: r.AuthRoleGet, AuthRoleList: r.AuthRoleList,
	}
	return r.EqualVT(&rest)
}

func (a *applierV3backend) Apply(index uint64, r *pb.InternalRaftRequest) Result {
	switch {
	case r.Put != nil:
		return result(a.put(index, r.Put))
	case r.Txn != nil:
		return result(a.txn(index, r.Txn))
	case r.DeleteRange != nil:
		return result(a.deleteRange(index, r.DeleteRange))
	case r.Range != nil:
		return result(Range(a.kv, r.Range))
	case r.Compaction != nil:
		return a.compact(r.Compaction)
	case r.LeaseGrant != nil:
		return result(a.leaseGrant(r.LeaseGrant))
	case r.LeaseRevoke != nil:
		return result(a.leaseRevoke(r.LeaseRevoke))
	case r.LeaseCheckpoint != nil:
		return result(a.leaseCheckpoint(r.LeaseCheckpoint))
	case r.Alarm != nil:
		return Result{Resp: a.alarms.Apply(index, r.Alarm)}
	case changesNothing(r):
		return Result{}
	}
	panic(fmt.Sprintf("apply: raft entry %d was not asked for with Supported: %v", index, ErrUnsupported))
}

// result keeps a nil answer of an error from becoming a non-nil interface.
func result[T any](resp *T, err error) Result {
	if err != nil {
		return Result{Err: err}
	}
	return Result{Resp: resp}
}

func (a *applierV3backend) put(index uint64, r *pb.PutRequest) (*PutResponse, error) {
	if err := a.checkLease(r); err != nil {
		return nil, err
	}
	txn := a.kv.Write()
	defer txn.Abort()
	txn.SetConsistentIndex(index)
	resp, err := put(txn, r)
	if err != nil {
		return nil, err
	}
	txn.End()
	return resp, nil
}

func (a *applierV3backend) deleteRange(index uint64, r *pb.DeleteRangeRequest) (*DeleteRangeResponse, error) {
	txn := a.kv.Write()
	defer txn.Abort()
	txn.SetConsistentIndex(index)
	resp, err := deleteRange(txn, r)
	if err != nil {
		return nil, err
	}
	txn.End()
	return resp, nil
}

// compact leaves the consistent index to the caller: it moves AFTER the
// compaction is on disk, for compacting twice is harmless and never is not.
func (a *applierV3backend) compact(r *pb.CompactionRequest) Result {
	physc, err := a.kv.Compact(r.Revision)
	if err != nil {
		return Result{Err: err, Physc: physc}
	}
	return Result{
		Resp:  &pb.CompactionResponse{Header: &pb.ResponseHeader{Revision: a.kv.Rev()}},
		Physc: physc,
	}
}

// checkPutKeeps refuses a put that wants to keep the value or lease of a key
// which does not exist.
func checkPutKeeps(view mvcc.ReadView, r *pb.PutRequest) error {
	if !r.IgnoreValue && !r.IgnoreLease {
		return nil
	}
	prev, err := current(view, r.Key)
	if err != nil {
		return err
	}
	if prev == nil {
		return ErrKeyNotFound
	}
	return nil
}

// current returns the stored key-value of key, nil when there is none.
func current(view mvcc.ReadView, key []byte) (mvccpb.RawKeyValue, error) {
	rr, err := view.Range(interval.Point(key), mvcc.RangeOptions{})
	if err != nil || len(rr.KVs) == 0 {
		return nil, err
	}
	return rr.KVs[0], nil
}

// put executes a put inside a write transaction. It fails before it changes
// anything.
func put(txn mvcc.TxnWrite, r *pb.PutRequest) (*PutResponse, error) {
	value, lease := r.Value, r.Lease
	resp := &PutResponse{Header: &pb.ResponseHeader{}}
	if r.IgnoreValue || r.IgnoreLease || r.PrevKv {
		prev, err := current(txn, r.Key)
		if err != nil {
			return nil, err
		}
		if prev == nil && (r.IgnoreValue || r.IgnoreLease) {
			return nil, ErrKeyNotFound
		}
		if r.IgnoreValue {
			value = prev.Value()
		}
		if r.IgnoreLease {
			lease = prev.Lease()
		}
		if r.PrevKv {
			resp.PrevKv = prev
		}
	}
	resp.Header.Revision = txn.Put(r.Key, value, lease)
	return resp, nil
}

// deleteRange executes a delete inside a write transaction.
func deleteRange(txn mvcc.TxnWrite, r *pb.DeleteRangeRequest) (*DeleteRangeResponse, error) {
	resp := &DeleteRangeResponse{Header: &pb.ResponseHeader{}}
	keys := interval.New(r.Key, r.RangeEnd)
	if r.PrevKv {
		rr, err := txn.Range(keys, mvcc.RangeOptions{})
		if err != nil {
			return nil, err
		}
		resp.PrevKvs = rr.KVs
	}
	resp.Deleted, resp.Header.Revision = txn.DeleteRange(keys)
	return resp, nil
}
