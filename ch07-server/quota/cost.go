package quota

import (
	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/interval"
	"insideetcd/ch06-storage/mvcc"
)

const (
	// kvOverheadBytes is charged for each put beside key and value: the record's key of
	// 17 bytes, the field tags, lengths and numbers of a KeyValue, 90 bytes at most, and
	// the place in the page.
	kvOverheadBytes = 256
	// leaseCostBytes is charged for a lease: a key of 8 bytes, a record of at most 33.
	leaseCostBytes = 64
)

// StoredValue returns the length in bytes of the value that a key has now, 0 if there is
// no such key.
type StoredValue func(key []byte) int64

// StoredIn looks values up in view.
func StoredIn(view mvcc.ReadView) StoredValue {
	return func(key []byte) int64 {
		found, err := view.Range(interval.Point(key), mvcc.RangeOptions{})
		if err != nil || len(found.KVs) == 0 {
			return 0
		}
		return int64(len(found.KVs[0].Value()))
	}
}

// Cost is a bound, in bytes, of what the puts of r or its lease will write to the
// database; of a transaction, in its more expensive branch. Tombstones are not counted.
//
// A put with ignore_value is charged the value that stored finds now; a put that
// overtakes it on the way to apply can make that wrong.
func Cost(r *pb.InternalRaftRequest, stored StoredValue) int64 {
	switch {
	case r.Put != nil:
		return putCost(r.Put, stored)
	case r.Txn != nil:
		return txnCost(r.Txn, func(op *pb.RequestOp) int64 { return opCost(op, stored) })
	case r.LeaseGrant != nil:
		return leaseCostBytes
	}
	return 0
}

// ApplyCost is the cost in bytes by etcd 3.4's rule: puts as they stand in the request,
// without those in nested transactions. Under the NOSPACE alarm an entry is refused if
// and only if it is above 0.
func ApplyCost(r *pb.InternalRaftRequest) int64 {
	switch {
	case r.Put != nil:
		return putCost(r.Put, nil)
	case r.Txn != nil:
		return txnCost(r.Txn, func(op *pb.RequestOp) int64 { return putCost(op.GetRequestPut(), nil) })
	case r.LeaseGrant != nil:
		return leaseCostBytes
	}
	return 0
}

func putCost(r *pb.PutRequest, stored StoredValue) int64 {
	if r == nil {
		return 0
	}
	value := int64(len(r.Value))
	if r.IgnoreValue && stored != nil {
		value = stored(r.Key)
	}
	return kvOverheadBytes + int64(len(r.Key)) + value
}

// txnCost is the larger of the two branches' sums: only one of them will run.
func txnCost(r *pb.TxnRequest, cost func(*pb.RequestOp) int64) int64 {
	sum := func(ops []*pb.RequestOp) (total int64) {
		for _, op := range ops {
			total += cost(op)
		}
		return total
	}
	return max(sum(r.Success), sum(r.Failure))
}

func opCost(op *pb.RequestOp, stored StoredValue) int64 {
	if nested := op.GetRequestTxn(); nested != nil {
		return txnCost(nested, func(op *pb.RequestOp) int64 { return opCost(op, stored) })
	}
	return putCost(op.GetRequestPut(), stored)
}
