package model

import (
	"bytes"
	"cmp"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
)

// Txn executes a transaction: if all compares hold, the operations of success, otherwise
// those of failure. An operation may be a transaction itself.
//
//  1. All compares, also those of inner transactions, look at the state BEFORE the
//     transaction: what will run is decided before anything has run.
//  2. What will run is checked, all of it, BEFORE the first operation. So a transaction
//     happens as a whole or not at all.
//  3. The operations run in their order. A read sees what was written before it.
//  4. All changes have one revision, and sub revisions from 0 in the order in which they
//     were made. Without a change the revision stays.
func (s *Store) Txn(r *pb.TxnRequest) (*pb.TxnResponse, error) {
	if err := checkTxn(r); err != nil {
		return nil, err
	}
	before := s.Clone()
	if err := before.checkOps(before.willRun(r)); err != nil {
		return nil, err
	}
	resp := s.execute(r, before, s.Rev()+1)
	resp.Header = s.header()
	return resp, nil
}

// branch is the list of operations that r executes on a store.
func (s *Store) branch(r *pb.TxnRequest) (ops []*pb.RequestOp, succeeded bool) {
	for _, c := range r.Compare {
		if !s.holds(c) {
			return r.Failure, false
		}
	}
	return r.Success, true
}

// holds tells whether a compare is true: it must be for every key of its interval. If there
// is none, the revisions, the version and the lease are taken to be 0; but there is no
// value, so no comparison of values is true, not even with the empty one.
func (s *Store) holds(c *pb.Compare) bool {
	found := s.find(c.Key, c.RangeEnd, s.Rev())
	if len(found) == 0 {
		return c.Target != pb.Compare_VALUE && holdsFor(c, &mvccpb.KeyValue{})
	}
	for _, kv := range found {
		if !holdsFor(c, kv) {
			return false
		}
	}
	return true
}

func holdsFor(c *pb.Compare, kv *mvccpb.KeyValue) bool {
	var order int
	switch c.Target {
	case pb.Compare_VERSION:
		order = cmp.Compare(kv.Version, c.GetVersion())
	case pb.Compare_CREATE:
		order = cmp.Compare(kv.CreateRevision, c.GetCreateRevision())
	case pb.Compare_MOD:
		order = cmp.Compare(kv.ModRevision, c.GetModRevision())
	case pb.Compare_VALUE:
		order = bytes.Compare(kv.Value, c.GetValue())
	case pb.Compare_LEASE:
		order = cmp.Compare(kv.Lease, c.GetLease())
	}
	switch c.Result {
	case pb.Compare_EQUAL:
		return order == 0
	case pb.Compare_NOT_EQUAL:
		return order != 0
	case pb.Compare_GREATER:
		return order > 0
	case pb.Compare_LESS:
		return order < 0
	}
	return true // a result that nobody has defined forbids nothing
}

// willRun lists the operations that r and its inner transactions will execute.
func (s *Store) willRun(r *pb.TxnRequest) (ops []*pb.RequestOp) {
	chosen, _ := s.branch(r)
	for _, op := range chosen {
		if inner := op.GetRequestTxn(); inner != nil {
			ops = append(ops, s.willRun(inner)...)
		} else {
			ops = append(ops, op)
		}
	}
	return ops
}

// checkOps refuses operations that could not be executed on s, puts first: if several are
// wrong, that decides which error is told. A negative revision is no revision at all for a
// Range; in a transaction one below the compact revision counts as compacted.
func (s *Store) checkOps(ops []*pb.RequestOp) error {
	for _, op := range ops {
		if put := op.GetRequestPut(); put != nil {
			if err := s.checkKeeps(put); err != nil {
				return err
			}
			if err := s.checkLease(put); err != nil {
				return err
			}
		}
	}
	for _, op := range ops {
		if rev := op.GetRequestRange().GetRevision(); rev != 0 {
			if err := s.checkRevision(rev); err != nil {
				return err
			}
		}
	}
	return nil
}

// execute runs r, decided by what was before, with its changes at revision rev.
func (s *Store) execute(r *pb.TxnRequest, before *Store, rev int64) *pb.TxnResponse {
	ops, succeeded := before.branch(r)
	resp := &pb.TxnResponse{Header: &pb.ResponseHeader{}, Succeeded: succeeded}
	for _, op := range ops {
		out := &pb.ResponseOp{}
		switch {
		case op.GetRequestRange() != nil:
			out.Response = &pb.ResponseOp_ResponseRange{ResponseRange: s.read(op.GetRequestRange())}
		case op.GetRequestPut() != nil:
			out.Response = &pb.ResponseOp_ResponsePut{ResponsePut: s.put(op.GetRequestPut(), rev)}
		case op.GetRequestDeleteRange() != nil:
			out.Response = &pb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: s.deleteRange(op.GetRequestDeleteRange(), rev)}
		case op.GetRequestTxn() != nil:
			out.Response = &pb.ResponseOp_ResponseTxn{ResponseTxn: s.execute(op.GetRequestTxn(), before, rev)}
		}
		resp.Responses = append(resp.Responses, out)
	}
	return resp
}
