package apply

import (
	"google.golang.org/protobuf/encoding/protowire"

	"insideetcd/ch06-storage/mvcc"
)

// tagRangeKvs stands before each key-value in an encoded RangeResponse.
const tagRangeKvs = fieldRangeKvs<<3 | byte(protowire.BytesType)

// leastSpliced is how many bytes of key-values are worth more than one piece.
const leastSpliced = 16 << 10

// Pieces returns the encoding of a long list without copying it once more: what comes before
// the key-values, the memory into which they were read, and what comes behind. The list is
// nil where the key-values do not lie there as they are to be sent, or are few. Nobody may
// write to the pieces.
func (r *RangeResponse) Pieces() (before, list, behind []byte) {
	list = r.list()
	if len(list) < leastSpliced {
		return nil, nil, nil
	}
	ends := make([]byte, 0, r.Size()-len(list))
	ends = appendHeader(ends, r.Header)
	n := len(ends)
	ends = appendBool(ends, fieldRangeMore, r.More)
	ends = appendInt64(ends, fieldRangeCount, r.Count)
	return ends[:n:n], list, ends[n:]
}

// Release gives the memory of the key-values back when they have been sent: it will be
// written to, so nobody may hold on to one of them. The answer has none from then on.
func (r *RangeResponse) Release() {
	framed := r.framed
	r.Kvs, r.framed = nil, nil
	mvcc.Recycle(framed)
}

// list returns the part of framed that is the encoding of Kvs, nil if there is none: then
// they have been filtered or put in another order.
func (r *RangeResponse) list() []byte {
	rest := r.framed
	for _, kv := range r.Kvs {
		frame := sizeBytes(fieldRangeKvs, len(kv)) - len(kv)
		if len(kv) == 0 || len(rest) < frame+len(kv) || &rest[frame] != &kv[0] {
			return nil
		}
		rest = rest[frame+len(kv):]
	}
	return r.framed[:len(r.framed)-len(rest)]
}
