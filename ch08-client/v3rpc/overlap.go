package v3rpc

import (
	"bytes"
	"slices"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/interval"
	"insideetcd/ch08-client/v3rpc/rpctypes"
)

// A transaction may not write a key twice: all its writes share one main revision, and
// a key has one value at a revision. So on every way that execution can take
//
//	I1  no two operations put the same key;
//	I2  no operation puts a key that another one deletes.
//
// Two deletes may overlap: the second finds nothing. The two branches of a transaction
// exclude each other, so they may write the same keys; but seen from outside, a
// transaction inside another is one operation that may write what either branch writes.
//
// Example: [put a, txn{then: [put b], else: [del b]}] is fine: only one branch runs.
// [txn{then: [put b]}, del b..c] is not: both may run.
//
// The reference compares less than it means to, in two places: it takes the range end
// "\x00" (everything from the key on) for an empty range, and it lets a transaction
// inside put a key that a later transaction inside deletes. Both are refused here. A
// range is an interval.Interval, the very value that is executed later.

// write is one key put, or one interval deleted, by the operation with number op.
type write struct {
	span interval.Interval
	put  bool
	op   int
}

func checkOverlaps(r *pb.TxnRequest) error {
	for _, branch := range [2][]*pb.RequestOp{r.Success, r.Failure} {
		if _, err := branchWrites(branch); err != nil {
			return err
		}
	}
	return nil
}

// branchWrites returns all that ops may write, numbered by operation, after checking
// I1 and I2 between them.
func branchWrites(ops []*pb.RequestOp) ([]write, error) {
	var writes []write
	writers := 0
	for i, op := range ops {
		before := len(writes)
		switch {
		case op.GetRequestPut() != nil:
			writes = append(writes, write{span: interval.Point(op.GetRequestPut().Key), put: true, op: i})
		case op.GetRequestDeleteRange() != nil:
			del := op.GetRequestDeleteRange()
			if span := interval.New(del.Key, del.RangeEnd); !span.IsEmpty() {
				writes = append(writes, write{span: span, op: i})
			}
		case op.GetRequestTxn() != nil:
			var err error
			if writes, err = appendTxnWrites(writes, op.GetRequestTxn(), i); err != nil {
				return nil, err
			}
		}
		if len(writes) > before {
			writers++
		}
	}
	if writers > 1 && conflict(writes) {
		return nil, rpctypes.ErrGRPCDuplicateKey
	}
	return writes, nil
}

// appendTxnWrites appends what either branch of r may write, as the work of one operation.
func appendTxnWrites(writes []write, r *pb.TxnRequest, op int) ([]write, error) {
	for _, branch := range [2][]*pb.RequestOp{r.Success, r.Failure} {
		inner, err := branchWrites(branch)
		if err != nil {
			return nil, err
		}
		for _, w := range inner {
			w.op = op
			writes = append(writes, w)
		}
	}
	return writes, nil
}

// conflict reports whether writes of different operations collide. It sorts by the
// first key and sweeps once, because a request of a megabyte can hold so many small
// operations that comparing each with each would take minutes.
func conflict(writes []write) bool {
	slices.SortStableFunc(writes, func(a, b write) int {
		if c := bytes.Compare(a.span.Begin(), b.span.Begin()); c != 0 {
			return c
		}
		return boolOrder(a.put) - boolOrder(b.put) // deletes first: they cover the puts at their begin
	})
	var dels reach
	var last *write // the put before this one
	for i := range writes {
		w := &writes[i]
		if !w.put {
			dels.add(w)
			continue
		}
		if dels.covers(w) {
			return true // I2
		}
		if last != nil && last.op != w.op && bytes.Equal(last.span.Begin(), w.span.Begin()) {
			return true // I1
		}
		last = w
	}
	return false
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

// reach remembers how far to the right the deletes seen so far go: the one that goes
// farthest, and the farthest among those of other operations. A put collides with a
// delete of another operation exactly if one of these two, not its own, ends after it.
type reach struct {
	first, second *write // second.op != first.op
}

func (r *reach) add(w *write) {
	switch {
	case r.first == nil:
		r.first = w
	case w.op == r.first.op:
		if endsAfter(w, r.first) {
			r.first = w
		}
	case endsAfter(w, r.first):
		r.first, r.second = w, r.first
	case r.second == nil || endsAfter(w, r.second):
		r.second = w
	}
}

func (r *reach) covers(put *write) bool {
	d := r.first
	if d != nil && d.op == put.op {
		d = r.second
	}
	return d != nil && d.span.Contains(put.span.Begin())
}

// endsAfter reports whether a reaches farther to the right than b.
func endsAfter(a, b *write) bool {
	aEnd, aBounded := a.span.End()
	bEnd, bBounded := b.span.End()
	if !aBounded || !bBounded {
		return !aBounded && bBounded
	}
	return bytes.Compare(aEnd, bEnd) > 0
}
