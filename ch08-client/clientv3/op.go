package clientv3

import (
	"errors"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

type opType int

const (
	tRange opType = iota + 1
	tPut
	tDeleteRange
	tTxn
)

// Op is one operation on keys, a value: it can be kept, sent with Do, or put in a Txn.
//
//	O1  Key and range end are as on the wire: an empty end means the one key, "\x00"
//	    everything from the key on, else the keys in [key, end).
type Op struct {
	t   opType
	key []byte
	end []byte

	// of a range
	limit                      int64
	sort                       *SortOption
	serializable               bool
	keysOnly, countOnly        bool
	minModRev, maxModRev       int64
	minCreateRev, maxCreateRev int64
	rev                        int64 // of a watch: where to start
	prevKV                     bool  // also of watch, put, delete
	fragment                   bool  // of a watch, as are the next four
	progressNotify             bool
	createdNotify              bool
	filterPut, filterDelete    bool
	val                        []byte // of a put, as are the next three
	leaseID                    LeaseID
	ignoreValue, ignoreLease   bool
	cmps                       []Cmp // of a transaction
	thenOps, elseOps           []Op
}

// IsTxn and its siblings tell the kinds apart.
func (op Op) IsTxn() bool    { return op.t == tTxn }
func (op Op) IsPut() bool    { return op.t == tPut }
func (op Op) IsGet() bool    { return op.t == tRange }
func (op Op) IsDelete() bool { return op.t == tDeleteRange }

// Accessors.
func (op Op) KeyBytes() []byte           { return op.key }
func (op Op) RangeBytes() []byte         { return op.end }
func (op Op) ValueBytes() []byte         { return op.val }
func (op Op) Rev() int64                 { return op.rev }
func (op Op) Limit() int64               { return op.limit }
func (op Op) IsSerializable() bool       { return op.serializable }
func (op Op) IsKeysOnly() bool           { return op.keysOnly }
func (op Op) IsCountOnly() bool          { return op.countOnly }
func (op Op) Txn() ([]Cmp, []Op, []Op)   { return op.cmps, op.thenOps, op.elseOps }
func (op *Op) WithKeyBytes(key []byte)   { op.key = key }
func (op *Op) WithRangeBytes(end []byte) { op.end = end }
func (op *Op) WithValueBytes(v []byte)   { op.val = v }

// OpGet, OpDelete, OpPut and OpTxn make operations. Options that do not fit the kind
// panic: they are mistakes of the program, not of its input.
func OpGet(key string, opts ...OpOption) Op {
	op := Op{t: tRange, key: []byte(key)}
	op.apply(opts)
	if op.ignoreValue || op.ignoreLease || op.leaseID != 0 {
		panic("clientv3: a lease, WithIgnoreValue and WithIgnoreLease belong to a put, not a get")
	}
	return op
}

func OpDelete(key string, opts ...OpOption) Op {
	op := Op{t: tDeleteRange, key: []byte(key)}
	op.apply(opts)
	switch {
	case op.leaseID != 0, op.ignoreValue, op.ignoreLease:
		panic("clientv3: a lease, WithIgnoreValue and WithIgnoreLease belong to a put, not a delete")
	case op.limit != 0, op.rev != 0, op.sort != nil, op.serializable, op.countOnly,
		op.minModRev != 0, op.maxModRev != 0, op.minCreateRev != 0, op.maxCreateRev != 0:
		panic("clientv3: a delete takes a range of keys and WithPrevKV, nothing that shapes an answer")
	}
	return op
}

func OpPut(key, val string, opts ...OpOption) Op {
	op := Op{t: tPut, key: []byte(key), val: []byte(val)}
	op.apply(opts)
	switch {
	case op.end != nil:
		panic("clientv3: a put writes one key, not a range")
	case op.limit != 0, op.rev != 0, op.sort != nil, op.serializable, op.countOnly, op.keysOnly:
		panic("clientv3: a put takes a lease, WithPrevKV, WithIgnoreValue and WithIgnoreLease, nothing that shapes an answer")
	}
	return op
}

func OpTxn(cmps []Cmp, thenOps, elseOps []Op) Op {
	return Op{t: tTxn, cmps: cmps, thenOps: thenOps, elseOps: elseOps}
}

func opWatch(key string, opts []OpOption) Op {
	op := Op{t: tRange, key: []byte(key)}
	op.apply(opts)
	if op.leaseID != 0 || op.limit != 0 || op.sort != nil || op.serializable || op.countOnly || op.keysOnly {
		panic("clientv3: a watch takes a range of keys, a revision and what to report, nothing that shapes an answer of a get")
	}
	return op
}

func (op *Op) apply(opts []OpOption) {
	for _, opt := range opts {
		opt(op)
	}
}

// isWrite reports whether the operation may change keys.
func (op Op) isWrite() bool {
	if op.t != tTxn {
		return op.t != tRange
	}
	for _, branch := range [][]Op{op.thenOps, op.elseOps} {
		for _, o := range branch {
			if o.isWrite() {
				return true
			}
		}
	}
	return false
}

func (op Op) toRangeRequest() *pb.RangeRequest {
	r := &pb.RangeRequest{
		Key: op.key, RangeEnd: op.end, Limit: op.limit, Revision: op.rev,
		Serializable: op.serializable, KeysOnly: op.keysOnly, CountOnly: op.countOnly,
		MinModRevision: op.minModRev, MaxModRevision: op.maxModRev,
		MinCreateRevision: op.minCreateRev, MaxCreateRevision: op.maxCreateRev,
	}
	if op.sort != nil {
		r.SortOrder, r.SortTarget = pb.RangeRequest_SortOrder(op.sort.Order), pb.RangeRequest_SortTarget(op.sort.Target)
	}
	return r
}

func (op Op) toPutRequest() *pb.PutRequest {
	return &pb.PutRequest{Key: op.key, Value: op.val, Lease: int64(op.leaseID), PrevKv: op.prevKV,
		IgnoreValue: op.ignoreValue, IgnoreLease: op.ignoreLease}
}

func (op Op) toDeleteRequest() *pb.DeleteRangeRequest {
	return &pb.DeleteRangeRequest{Key: op.key, RangeEnd: op.end, PrevKv: op.prevKV}
}

func (op Op) toTxnRequest() *pb.TxnRequest {
	r := &pb.TxnRequest{}
	for _, c := range op.cmps {
		r.Compare = append(r.Compare, c.toProto())
	}
	for _, o := range op.thenOps {
		r.Success = append(r.Success, o.toRequestOp())
	}
	for _, o := range op.elseOps {
		r.Failure = append(r.Failure, o.toRequestOp())
	}
	return r
}

var errUnknownOp = errors.New("etcdclient: an Op that no Op function made")

// toRequestOp of the zero Op is an empty request, which the server refuses.
func (op Op) toRequestOp() *pb.RequestOp {
	switch op.t {
	case tRange:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: op.toRangeRequest()}}
	case tPut:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: op.toPutRequest()}}
	case tDeleteRange:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: op.toDeleteRequest()}}
	case tTxn:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: op.toTxnRequest()}}
	}
	return &pb.RequestOp{}
}
