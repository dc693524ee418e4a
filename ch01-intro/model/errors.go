package model

// Error is a refusal. A request that is refused changes nothing.
type Error struct {
	Code string // name of the gRPC status code
	Text string // clients recognise an error by this very text
}

func (e *Error) Error() string { return e.Text }

// The refusals of the data model. A server has more of them: for requests that are too
// large, a database that is full, a leader that is missing.
var (
	ErrEmptyKey          = &Error{"InvalidArgument", "etcdserver: key is not provided"}
	ErrKeyNotFound       = &Error{"InvalidArgument", "etcdserver: key not found"}
	ErrValueProvided     = &Error{"InvalidArgument", "etcdserver: value is provided"}
	ErrLeaseProvided     = &Error{"InvalidArgument", "etcdserver: lease is provided"}
	ErrTooManyOps        = &Error{"InvalidArgument", "etcdserver: too many operations in txn request"}
	ErrDuplicateKey      = &Error{"InvalidArgument", "etcdserver: duplicate key given in txn request"}
	ErrInvalidSortOption = &Error{"InvalidArgument", "etcdserver: invalid sort option"}
	ErrCompacted         = &Error{"OutOfRange", "etcdserver: mvcc: required revision has been compacted"}
	ErrFutureRev         = &Error{"OutOfRange", "etcdserver: mvcc: required revision is a future revision"}
	ErrLeaseNotFound     = &Error{"NotFound", "etcdserver: requested lease not found"}
	ErrLeaseExist        = &Error{"FailedPrecondition", "etcdserver: lease already exists"}
	ErrLeaseTTLTooLarge  = &Error{"OutOfRange", "etcdserver: too large lease TTL"}

	// ErrWatchRangeEmpty is no status: it stands in the answer that refuses the watch.
	ErrWatchRangeEmpty = &Error{"", "mvcc: watcher range is empty"}
)
