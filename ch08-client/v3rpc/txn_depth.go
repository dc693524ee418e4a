package v3rpc

import (
	"google.golang.org/protobuf/encoding/protowire"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

// A request of two megabytes can hold a quarter of a million transactions one inside the
// other, and a decoder that calls itself for each needs a quarter of a gigabyte of stack,
// only to find out that they are too many. So the depth is measured BEFORE the request
// is decoded, on its encoding, by a loop.
//
// Nothing is refused that would be executed otherwise: each level takes one operation at
// least from the budget of --max-txn-ops. An operator may raise that; then txnDepthLimit
// holds, because no client could read the answer: protobuf decoders stop at 10,000 messages
// inside each other, and an answer has two for each level.
const txnDepthLimit = 5000

// deepestTxn is how many levels a transaction may have. The innermost may be empty.
func deepestTxn(maxTxnOps int) int { return min(maxTxnOps+1, txnDepthLimit) }

// boundedTxn is a transaction that is decoded unless it is deeper than maxDepth.
type boundedTxn struct {
	pb.TxnRequest
	maxDepth int
	tooDeep  bool // not decoded
}

// UnmarshalVT decodes b, or sets tooDeep.
func (r *boundedTxn) UnmarshalVT(b []byte) error {
	if r.tooDeep = deeperThan(b, r.maxDepth); r.tooDeep {
		return nil
	}
	return r.TxnRequest.UnmarshalVT(b)
}

// Fields on the way from a transaction to one inside it.
const (
	fieldTxnSuccess = 2 // TxnRequest.success, a RequestOp
	fieldTxnFailure = 3 // TxnRequest.failure, a RequestOp
	fieldRequestTxn = 4 // RequestOp.request_txn
)

// deeperThan reports whether b, a TxnRequest, has more than maxDepth levels. Of what is no
// proper encoding it reads as far as it can: the decoder will say what is wrong.
//
// ends are the ends of the messages that the position is inside of: a transaction at even
// indexes, the operation in it at odd ones.
func deeperThan(b []byte, maxDepth int) bool {
	ends := []int{len(b)}
	for at := 0; len(ends) > 0; {
		if at >= ends[len(ends)-1] {
			ends = ends[:len(ends)-1]
			continue
		}
		field, wireType, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			return false
		}
		at += n
		inTxn := len(ends)%2 == 1
		leadsOn := inTxn && (field == fieldTxnSuccess || field == fieldTxnFailure) || !inTxn && field == fieldRequestTxn
		if !leadsOn || wireType != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(field, wireType, b[at:]); n < 0 {
				return false
			}
			at += n
			continue
		}
		inner, n := protowire.ConsumeBytes(b[at:])
		if n < 0 {
			return false
		}
		at += n
		if missing := 2*maxDepth - len(ends); missing == 0 {
			return true
		} else if len(inner) >= 2*missing { // a message inside another takes two bytes at least
			ends = append(ends, at)
			at -= len(inner)
		}
	}
	return false
}
