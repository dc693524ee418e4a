package clientv3

import "context"

// Txn is a transaction in the making: If these conditions hold, Then do this, Else
// that, all at one revision. Each part may be given once, in this order.
type Txn interface {
	If(cs ...Cmp) Txn
	Then(ops ...Op) Txn
	Else(ops ...Op) Txn
	// Commit sends it. Error: rpctypes.ErrDuplicateKey, ErrTooManyOps and those of the parts.
	Commit() (*TxnResponse, error)
}

// txn belongs to one goroutine, from KV.Txn to Commit.
type txn struct {
	kv    *kv
	ctx   context.Context
	stage int // 0 none, 1 If, 2 Then, 3 Else, 4 Commit
	op    Op
}

// enter refuses parts out of order: a condition added after Then would silently
// guard nothing the author saw.
func (t *txn) enter(stage int, name string) {
	if t.stage >= stage {
		panic("clientv3: " + name + " after a later part of the transaction, or twice")
	}
	t.stage = stage
}

func (t *txn) If(cs ...Cmp) Txn {
	t.enter(1, "If")
	t.op.cmps = append([]Cmp(nil), cs...)
	return t
}

func (t *txn) Then(ops ...Op) Txn {
	t.enter(2, "Then")
	t.op.thenOps = append([]Op(nil), ops...)
	return t
}

func (t *txn) Else(ops ...Op) Txn {
	t.enter(3, "Else")
	t.op.elseOps = append([]Op(nil), ops...)
	return t
}

func (t *txn) Commit() (*TxnResponse, error) {
	t.enter(4, "Commit")
	t.op.t = tTxn
	r, err := t.kv.Do(t.ctx, t.op)
	return r.txn, err
}
