package v3rpc

import (
	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc/rpctypes"
)

// The checks a request passes BEFORE it is proposed. What is refused here never
// reaches the raft log, so this is the only place that may be stricter than 3.4: the
// apply loop must treat a logged entry as every other member does.
//
// The order within a transaction is part of the contract (a client sees one error of
// several): number of operations, keys of compares, the operations of the then
// branch, those of the else branch, and last the keys written twice.

// checkRangeRequest refuses a range without a key, and a sort order or target
// outside its enum: 3.4 has no sorter for those and crashes (3.6 answers as here).
func checkRangeRequest(r *pb.RangeRequest) error {
	if len(r.Key) == 0 {
		return rpctypes.ErrGRPCEmptyKey
	}
	if _, ok := pb.RangeRequest_SortOrder_name[int32(r.SortOrder)]; !ok {
		return rpctypes.ErrGRPCInvalidSortOption
	}
	if _, ok := pb.RangeRequest_SortTarget_name[int32(r.SortTarget)]; !ok {
		return rpctypes.ErrGRPCInvalidSortOption
	}
	return nil
}

// checkPutRequest refuses a put without a key, and one that brings a value or lease
// together with the wish to keep the old one.
func checkPutRequest(r *pb.PutRequest) error {
	switch {
	case len(r.Key) == 0:
		return rpctypes.ErrGRPCEmptyKey
	case r.IgnoreValue && len(r.Value) != 0:
		return rpctypes.ErrGRPCValueProvided
	case r.IgnoreLease && r.Lease != 0:
		return rpctypes.ErrGRPCLeaseProvided
	}
	return nil
}

// checkDeleteRequest refuses a delete without a key.
func checkDeleteRequest(r *pb.DeleteRangeRequest) error {
	if len(r.Key) == 0 {
		return rpctypes.ErrGRPCEmptyKey
	}
	return nil
}

// checkTxnRequest checks a transaction and all transactions inside it.
func checkTxnRequest(r *pb.TxnRequest, maxOps int) error {
	if err := checkTxnShape(r, maxOps); err != nil {
		return err
	}
	return checkOverlaps(r)
}

// checkTxnShape counts operations and checks each. The longest of the three lists
// counts; a transaction inside gets what is left of the budget. Every level takes at
// least one from it, so the depth of the recursion is bounded by maxOps. (What is deeper was
// not decoded: txn_depth.go.)
func checkTxnShape(r *pb.TxnRequest, maxOps int) error {
	n := max(len(r.Compare), len(r.Success), len(r.Failure))
	if n > maxOps {
		return rpctypes.ErrGRPCTooManyOps
	}
	for _, c := range r.Compare {
		if len(c.Key) == 0 {
			return rpctypes.ErrGRPCEmptyKey
		}
	}
	for _, branch := range [2][]*pb.RequestOp{r.Success, r.Failure} {
		for _, op := range branch {
			if err := checkRequestOp(op, maxOps-n); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkRequestOp checks one operation; one that holds nothing (or something that a
// newer client may know) is answered as 3.4 does, with "key not found".
func checkRequestOp(op *pb.RequestOp, budget int) error {
	switch {
	case op.GetRequestRange() != nil:
		return checkRangeRequest(op.GetRequestRange())
	case op.GetRequestPut() != nil:
		return checkPutRequest(op.GetRequestPut())
	case op.GetRequestDeleteRange() != nil:
		return checkDeleteRequest(op.GetRequestDeleteRange())
	case op.GetRequestTxn() != nil:
		return checkTxnShape(op.GetRequestTxn(), budget)
	}
	return rpctypes.ErrGRPCKeyNotFound
}
