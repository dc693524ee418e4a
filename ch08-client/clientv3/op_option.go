package clientv3

import pb "insideetcd/ch01-intro/api/etcdserverpb"

// OpOption changes an operation or a watch.
type OpOption func(*Op)

// SortTarget and SortOrder are those of the wire.
type (
	SortTarget int
	SortOrder  int
)

const (
	SortNone    = SortOrder(pb.RangeRequest_NONE)
	SortAscend  = SortOrder(pb.RangeRequest_ASCEND)
	SortDescend = SortOrder(pb.RangeRequest_DESCEND)

	SortByKey            = SortTarget(pb.RangeRequest_KEY)
	SortByVersion        = SortTarget(pb.RangeRequest_VERSION)
	SortByCreateRevision = SortTarget(pb.RangeRequest_CREATE)
	SortByModRevision    = SortTarget(pb.RangeRequest_MOD)
	SortByValue          = SortTarget(pb.RangeRequest_VALUE)
)

// SortOption is an order of the keys of an answer.
type SortOption struct {
	Target SortTarget
	Order  SortOrder
}

// noEnd as a range end means: everything from the key on.
const noEnd = "\x00"

// GetPrefixRangeEnd returns the end of the range of all keys that begin with prefix:
// the prefix with its last byte one higher; bytes 0xff are dropped first, because they
// have no next.
func GetPrefixRangeEnd(prefix string) string { return string(prefixEnd([]byte(prefix))) }

func prefixEnd(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return []byte(noEnd) // no key lies after these
}

// WithPrefix means all keys that begin with the key; with an empty key, all keys.
func WithPrefix() OpOption {
	return func(op *Op) {
		if len(op.key) == 0 {
			op.key, op.end = []byte{0}, []byte(noEnd)
			return
		}
		op.end = prefixEnd(op.key)
	}
}

// WithRange means the keys in [key, endKey).
func WithRange(endKey string) OpOption { return func(op *Op) { op.end = []byte(endKey) } }

// WithFromKey means the key and all after it; with an empty key, all keys.
func WithFromKey() OpOption {
	return func(op *Op) {
		if len(op.key) == 0 {
			op.key = []byte{0}
		}
		op.end = []byte(noEnd)
	}
}

// WithRev reads at a revision, or lets a watch begin there; 0 is the present.
func WithRev(rev int64) OpOption { return func(op *Op) { op.rev = rev } }

// WithLimit bounds the number of keys in the answer; 0 is no bound.
func WithLimit(n int64) OpOption { return func(op *Op) { op.limit = n } }

// WithSort orders the answer. Ascending by key is what the server does anyway.
func WithSort(target SortTarget, order SortOrder) OpOption {
	return func(op *Op) {
		if target == SortByKey && order == SortAscend {
			order = SortNone
		}
		op.sort = &SortOption{target, order}
	}
}

// WithSerializable reads what the member has, without asking whether that is the newest.
func WithSerializable() OpOption { return func(op *Op) { op.serializable = true } }

// WithKeysOnly leaves the values out, WithCountOnly the keys as well.
func WithKeysOnly() OpOption  { return func(op *Op) { op.keysOnly = true } }
func WithCountOnly() OpOption { return func(op *Op) { op.countOnly = true } }

// The four bounds on revisions filter the answer; 0 is no bound.
func WithMinModRev(rev int64) OpOption    { return func(op *Op) { op.minModRev = rev } }
func WithMaxModRev(rev int64) OpOption    { return func(op *Op) { op.maxModRev = rev } }
func WithMinCreateRev(rev int64) OpOption { return func(op *Op) { op.minCreateRev = rev } }
func WithMaxCreateRev(rev int64) OpOption { return func(op *Op) { op.maxCreateRev = rev } }

// WithFirstCreate and its siblings ask for the first or last of the keys with the prefix,
// in one order or another.
func WithFirstCreate() []OpOption { return top(SortByCreateRevision, SortAscend) }
func WithLastCreate() []OpOption  { return top(SortByCreateRevision, SortDescend) }
func WithFirstKey() []OpOption    { return top(SortByKey, SortAscend) }
func WithLastKey() []OpOption     { return top(SortByKey, SortDescend) }
func WithFirstRev() []OpOption    { return top(SortByModRevision, SortAscend) }
func WithLastRev() []OpOption     { return top(SortByModRevision, SortDescend) }

func top(target SortTarget, order SortOrder) []OpOption {
	return []OpOption{WithPrefix(), WithSort(target, order), WithLimit(1)}
}

// WithPrevKV answers (or reports with an event) what was there before.
func WithPrevKV() OpOption { return func(op *Op) { op.prevKV = true } }

// WithLease attaches the key to a lease.
func WithLease(id LeaseID) OpOption { return func(op *Op) { op.leaseID = id } }

// WithIgnoreValue keeps the value of the key, WithIgnoreLease its lease; it must exist.
func WithIgnoreValue() OpOption { return func(op *Op) { op.ignoreValue = true } }
func WithIgnoreLease() OpOption { return func(op *Op) { op.ignoreLease = true } }

// WithProgressNotify asks for an answer without events now and then, when nothing
// happened.
func WithProgressNotify() OpOption { return func(op *Op) { op.progressNotify = true } }

// WithCreatedNotify reports the creation of the watch as the first answer.
func WithCreatedNotify() OpOption { return func(op *Op) { op.createdNotify = true } }

// WithFilterPut leaves puts out of a watch, WithFilterDelete deletes.
func WithFilterPut() OpOption    { return func(op *Op) { op.filterPut = true } }
func WithFilterDelete() OpOption { return func(op *Op) { op.filterDelete = true } }

// WithFragment lets the server cut large answers of a watch. The client joins them: a
// caller sees no difference but that answers beyond gRPC's limit come through.
func WithFragment() OpOption { return func(op *Op) { op.fragment = true } }
