package etcdserver

import (
	"errors"

	"insideetcd/ch06-storage/lease"
	"insideetcd/ch07-server/apply"
)

// Errors that reach clients. The texts are those of etcd 3.4; the gRPC codes
// that go with them stand in ch08's rpctypes.
var (
	ErrStopped                    = errors.New("etcdserver: server stopped")
	ErrCanceled                   = errors.New("etcdserver: request cancelled")
	ErrTimeout                    = errors.New("etcdserver: request timed out")
	ErrTimeoutDueToLeaderFail     = errors.New("etcdserver: request timed out, possibly due to previous leader failure")
	ErrTimeoutDueToConnectionLost = errors.New("etcdserver: request timed out, possibly due to connection lost")
	ErrLeaderChanged              = errors.New("etcdserver: leader changed")
	ErrNoLeader                   = errors.New("etcdserver: no leader")
	ErrNotLeader                  = errors.New("etcdserver: not leader")
	ErrRequestTooLarge            = errors.New("etcdserver: request is too large")
	ErrTooManyRequests            = errors.New("etcdserver: too many requests")
	ErrUnhealthy                  = errors.New("etcdserver: unhealthy cluster")
	ErrValueProvided              = errors.New("etcdserver: value is provided")
	ErrLeaseProvided              = errors.New("etcdserver: lease is provided")

	// Found while applying; see package apply.
	ErrKeyNotFound   = apply.ErrKeyNotFound
	ErrLeaseNotFound = lease.ErrLeaseNotFound
	ErrNoSpace       = apply.ErrNoSpace
	ErrCorrupt       = apply.ErrCorrupt

	// ErrTimeoutWaitAppliedIndex: the leader did not get round to applying what it
	// must know before it can say anything about a lease.
	ErrTimeoutWaitAppliedIndex = errors.New("etcdserver: request timed out, waiting for the applied index took too long")
)
