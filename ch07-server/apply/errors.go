package apply

import "errors"

// What an entry can be answered with when it changes nothing. The texts are
// those of etcd 3.4; clients match on them.
var ErrKeyNotFound = errors.New("etcdserver: key not found")

// ErrUnsupported says that an entry holds a request which this build cannot
// execute. It never answers a client: skipping the entry would leave this
// member different from the others, so the server stops instead.
var ErrUnsupported = errors.New("apply: the entry holds a request that this build cannot execute")
