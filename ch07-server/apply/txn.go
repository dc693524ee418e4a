package apply

import (
	"bytes"
	"cmp"
	"fmt"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/interval"
	"insideetcd/ch06-storage/mvcc"
)

// A transaction is executed in three steps on one store transaction, so that
// nobody sees it half done:
//
//  1. decide: evaluate the compares, also those of nested transactions, on the
//     state before the transaction, and choose a branch each;
//  2. check: every operation on the chosen path, before the first change;
//  3. execute: the operations in order. Reads see what earlier operations of
//     the transaction wrote.

// branch is the outcome of the compares of one transaction: the operations
// that will run, and the outcome for each of them that is a transaction.
type branch struct {
	succeeded bool
	ops       []*pb.RequestOp
	nested    []*branch // nested[i] belongs to ops[i]; nil unless that is a transaction
}

// txn executes a transaction that may write. One that fails after its checks is
// a damaged store, or an entry that etcd 3.4 stops at too (a delete and a put
// that keeps the value of the same key): whoever goes on differs from the rest.
func (a *applierV3backend) txn(index uint64, r *pb.TxnRequest) (*TxnResponse, error) {
	if ReadOnly(r) {
		return ReadTxn(a.kv, r)
	}
	txn := a.kv.Write()
	defer txn.Abort()
	chosen := decide(txn, r)
	if err := a.check(txn, chosen); err != nil {
		return nil, err
	}
	txn.SetConsistentIndex(index)
	resp, err := execute(txn, chosen)
	if err != nil {
		panic(fmt.Sprintf("apply: a checked transaction failed half way at raft index %d: %v", index, err))
	}
	txn.End()
	return resp, nil
}

// ReadTxn executes a transaction without writes on one state of the store.
func ReadTxn(kv mvcc.KV, r *pb.TxnRequest) (*TxnResponse, error) {
	txn := kv.Read()
	defer txn.End()
	chosen := decide(txn, r)
	if err := checkRanges(txn, chosen); err != nil {
		return nil, err
	}
	return execute(readOnlyTxn{txn}, chosen)
}

// ReadOnly tells whether no branch of r writes.
func ReadOnly(r *pb.TxnRequest) bool {
	return !anyOp(r, func(op *pb.RequestOp) bool {
		return op.GetRequestPut() != nil || op.GetRequestDeleteRange() != nil
	})
}

// Serializable tells whether all reads of r are content with this member's
// own state. A transaction without reads is not: its compares are reads too.
func Serializable(r *pb.TxnRequest) bool {
	reads := 0
	demanding := anyOp(r, func(op *pb.RequestOp) bool {
		reads++
		rr := op.GetRequestRange()
		return rr == nil || !rr.Serializable
	})
	return !demanding && reads > 0
}

// anyOp tells whether is holds for one operation of r or its nested
// transactions, in either branch.
func anyOp(r *pb.TxnRequest, is func(*pb.RequestOp) bool) bool {
	for _, ops := range [][]*pb.RequestOp{r.Success, r.Failure} {
		for _, op := range ops {
			if t := op.GetRequestTxn(); t != nil {
				if anyOp(t, is) {
					return true
				}
			} else if is(op) {
				return true
			}
		}
	}
	return false
}

func decide(view mvcc.ReadView, r *pb.TxnRequest) *branch {
	b := &branch{succeeded: holdAll(view, r.Compare), ops: r.Failure}
	if b.succeeded {
		b.ops = r.Success
	}
	for i, op := range b.ops {
		if t := op.GetRequestTxn(); t != nil {
			if b.nested == nil {
				b.nested = make([]*branch, len(b.ops))
			}
			b.nested[i] = decide(view, t)
		}
	}
	return b
}

func holdAll(view mvcc.ReadView, compares []*pb.Compare) bool {
	for _, c := range compares {
		if !holds(view, c) {
			return false
		}
	}
	return true
}

// holds evaluates one compare: it must hold for every key of its interval. A
// key that does not exist counts as version, revisions and lease 0, but has no
// value: comparing its value is always false, an empty value being one too.
func holds(view mvcc.ReadView, c *pb.Compare) bool {
	rr, err := view.Range(interval.New(c.Key, c.RangeEnd), mvcc.RangeOptions{})
	if err != nil {
		return false
	}
	if len(rr.KVs) == 0 {
		return c.Target != pb.Compare_VALUE && holdsFor(c, nil)
	}
	for _, kv := range rr.KVs {
		if !holdsFor(c, kv) {
			return false
		}
	}
	return true
}

func holdsFor(c *pb.Compare, kv mvccpb.RawKeyValue) bool {
	var order int
	switch c.Target {
	case pb.Compare_VALUE:
		order = bytes.Compare(kv.Value(), c.GetValue())
	case pb.Compare_VERSION:
		order = cmp.Compare(kv.Version(), c.GetVersion())
	case pb.Compare_CREATE:
		order = cmp.Compare(kv.CreateRevision(), c.GetCreateRevision())
	case pb.Compare_MOD:
		order = cmp.Compare(kv.ModRevision(), c.GetModRevision())
	case pb.Compare_LEASE:
		order = cmp.Compare(kv.Lease(), c.GetLease())
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
	return true
}

// check refuses the chosen path as a whole if one of its operations could not
// be executed. All puts come before all ranges, as in etcd: where a
// transaction is wrong in two ways, clients get the same error.
func (a *applierV3backend) check(view mvcc.ReadView, b *branch) error {
	err := b.each(func(op *pb.RequestOp) error { return a.checkPut(view, op.GetRequestPut()) })
	if err != nil {
		return err
	}
	return checkRanges(view, b)
}

func checkRanges(view mvcc.ReadView, b *branch) error {
	return b.each(func(op *pb.RequestOp) error { return checkRange(view, op.GetRequestRange()) })
}

// each visits the operations on the path in order, and stops at an error.
func (b *branch) each(visit func(*pb.RequestOp) error) error {
	for i, op := range b.ops {
		if b.nested != nil && b.nested[i] != nil {
			if err := b.nested[i].each(visit); err != nil {
				return err
			}
			continue
		}
		if err := visit(op); err != nil {
			return err
		}
	}
	return nil
}

func (a *applierV3backend) checkPut(view mvcc.ReadView, r *pb.PutRequest) error {
	if r == nil {
		return nil
	}
	if err := checkPutKeeps(view, r); err != nil {
		return err
	}
	return a.checkLease(r)
}

func checkRange(view mvcc.ReadView, r *pb.RangeRequest) error {
	switch {
	case r == nil || r.Revision == 0:
		return nil
	case r.Revision > view.Rev():
		return mvcc.ErrFutureRev
	case r.Revision < view.FirstRev():
		return mvcc.ErrCompacted
	}
	return nil
}

// execute runs the operations of a checked path. An error here is a damaged
// store.
func execute(txn mvcc.TxnWrite, b *branch) (*TxnResponse, error) {
	resp, err := executeOps(txn, b)
	if err != nil {
		return nil, err
	}
	resp.Header.Revision = txn.Rev()
	return resp, nil
}

func executeOps(txn mvcc.TxnWrite, b *branch) (*TxnResponse, error) {
	resp := &TxnResponse{
		Header:    &pb.ResponseHeader{},
		Succeeded: b.succeeded,
		Responses: make([]ResponseOp, len(b.ops)),
	}
	for i, op := range b.ops {
		var err error
		out := &resp.Responses[i]
		switch {
		case op.GetRequestRange() != nil:
			out.Range, err = Range(txn, op.GetRequestRange())
		case op.GetRequestPut() != nil:
			out.Put, err = put(txn, op.GetRequestPut())
		case op.GetRequestDeleteRange() != nil:
			out.DeleteRange, err = deleteRange(txn, op.GetRequestDeleteRange())
		case op.GetRequestTxn() != nil:
			out.Txn, err = executeOps(txn, b.nested[i])
		}
		if err != nil {
			return nil, err
		}
	}
	return resp, nil
}

// readOnlyTxn lends a read transaction the shape of a write transaction, so
// that one execute serves both.
type readOnlyTxn struct{ mvcc.TxnRead }

func (readOnlyTxn) Put(key, value []byte, lease int64) int64 {
	panic("apply: put in a transaction that was found to write nothing")
}

func (readOnlyTxn) DeleteRange(interval.Interval) (int64, int64) {
	panic("apply: delete in a transaction that was found to write nothing")
}

func (readOnlyTxn) Changes() int              { return 0 }
func (readOnlyTxn) SetConsistentIndex(uint64) {}
func (readOnlyTxn) Abort()                    {}
