package model

import (
	"bytes"
	"slices"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

// What is refused for what the request itself says, whatever is in the store.

// MaxTxnOps is how many operations, and how many compares, a transaction may have; a server
// can be told another number.
const MaxTxnOps = 128

func checkRange(r *pb.RangeRequest) error {
	_, isOrder := pb.RangeRequest_SortOrder_name[int32(r.SortOrder)]
	_, isTarget := pb.RangeRequest_SortTarget_name[int32(r.SortTarget)]
	switch {
	case len(r.Key) == 0:
		return ErrEmptyKey
	case !isOrder || !isTarget:
		return ErrInvalidSortOption
	}
	return nil
}

func checkPut(r *pb.PutRequest) error {
	switch {
	case len(r.Key) == 0:
		return ErrEmptyKey
	case r.IgnoreValue && len(r.Value) != 0:
		return ErrValueProvided
	case r.IgnoreLease && r.Lease != 0:
		return ErrLeaseProvided
	}
	return nil
}

func checkDelete(r *pb.DeleteRangeRequest) error {
	if len(r.Key) == 0 {
		return ErrEmptyKey
	}
	return nil
}

// checkTxn checks a transaction with all that is inside it: first each operation, in both
// branches, then that no key would be written twice.
func checkTxn(r *pb.TxnRequest) error {
	if err := checkTxnOps(r, MaxTxnOps); err != nil {
		return err
	}
	_, err := txnWrites(r)
	return err
}

// checkTxnOps counts and checks. The longest of the three lists counts, and a transaction
// inside gets what is left.
func checkTxnOps(r *pb.TxnRequest, budget int) error {
	n := max(len(r.Compare), len(r.Success), len(r.Failure))
	if n > budget {
		return ErrTooManyOps
	}
	for _, c := range r.Compare {
		if len(c.Key) == 0 {
			return ErrEmptyKey
		}
	}
	for _, op := range slices.Concat(r.Success, r.Failure) {
		if err := checkOp(op, budget-n); err != nil {
			return err
		}
	}
	return nil
}

func checkOp(op *pb.RequestOp, budget int) error {
	switch {
	case op.GetRequestRange() != nil:
		return checkRange(op.GetRequestRange())
	case op.GetRequestPut() != nil:
		return checkPut(op.GetRequestPut())
	case op.GetRequestDeleteRange() != nil:
		return checkDelete(op.GetRequestDeleteRange())
	case op.GetRequestTxn() != nil:
		return checkTxnOps(op.GetRequestTxn(), budget)
	}
	return ErrKeyNotFound // an operation that is none
}

// writes is what an operation may write: the keys it puts, and the intervals it deletes.
type writes struct {
	puts    [][]byte
	deletes []*pb.DeleteRangeRequest
}

// meet tells whether a key would be written by both: a key has one version at a revision.
// Two deletes may meet, for the second finds nothing.
func (w writes) meet(v writes) bool {
	for _, key := range w.puts {
		if slices.ContainsFunc(v.puts, func(k []byte) bool { return bytes.Equal(k, key) }) || v.deleted(key) {
			return true
		}
	}
	return slices.ContainsFunc(v.puts, w.deleted)
}

func (w writes) deleted(key []byte) bool {
	return slices.ContainsFunc(w.deletes, func(d *pb.DeleteRangeRequest) bool {
		return contains(d.Key, d.RangeEnd, key)
	})
}

func (w writes) and(v writes) writes {
	return writes{slices.Concat(w.puts, v.puts), slices.Concat(w.deletes, v.deletes)}
}

// txnWrites is what a transaction may write, seen from outside: what either branch may. So
// its two branches may write the same key, which two operations of one branch may not.
func txnWrites(r *pb.TxnRequest) (all writes, err error) {
	for _, ops := range [][]*pb.RequestOp{r.Success, r.Failure} {
		var branch writes
		for _, op := range ops {
			w, err := opWrites(op)
			if err != nil {
				return writes{}, err
			}
			if branch.meet(w) {
				return writes{}, ErrDuplicateKey
			}
			branch = branch.and(w)
		}
		all = all.and(branch)
	}
	return all, nil
}

func opWrites(op *pb.RequestOp) (w writes, err error) {
	switch {
	case op.GetRequestPut() != nil:
		w.puts = [][]byte{op.GetRequestPut().Key}
	case op.GetRequestDeleteRange() != nil:
		w.deletes = []*pb.DeleteRangeRequest{op.GetRequestDeleteRange()}
	case op.GetRequestTxn() != nil:
		return txnWrites(op.GetRequestTxn())
	}
	return w, nil
}
