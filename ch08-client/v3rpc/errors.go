package v3rpc

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"insideetcd/ch06-storage/lease"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch07-server/etcdserver"
	"insideetcd/ch07-server/membership"
	"insideetcd/ch08-client/v3rpc/rpctypes"
)

// grpcErrors gives an error of the layers below the status that clients know. What is
// not listed travels as code Unknown with its text; for ErrTooManyRequests that is on
// purpose, because every server since 3.3 sends it so.
var grpcErrors = map[error]error{
	membership.ErrIDRemoved:     rpctypes.ErrGRPCMemberNotFound,
	membership.ErrIDNotFound:    rpctypes.ErrGRPCMemberNotFound,
	membership.ErrIDExists:      rpctypes.ErrGRPCMemberExist,
	membership.ErrPeerURLexists: rpctypes.ErrGRPCPeerURLExist,

	mvcc.ErrCompacted: rpctypes.ErrGRPCCompacted,
	mvcc.ErrFutureRev: rpctypes.ErrGRPCFutureRev,

	lease.ErrLeaseNotFound:    rpctypes.ErrGRPCLeaseNotFound,
	lease.ErrLeaseExists:      rpctypes.ErrGRPCLeaseExist,
	lease.ErrLeaseTTLTooLarge: rpctypes.ErrGRPCLeaseTTLTooLarge,

	etcdserver.ErrRequestTooLarge: rpctypes.ErrGRPCRequestTooLarge,
	etcdserver.ErrNoSpace:         rpctypes.ErrGRPCNoSpace,
	etcdserver.ErrKeyNotFound:     rpctypes.ErrGRPCKeyNotFound,
	etcdserver.ErrValueProvided:   rpctypes.ErrGRPCValueProvided,
	etcdserver.ErrLeaseProvided:   rpctypes.ErrGRPCLeaseProvided,
	etcdserver.ErrLeaseNotFound:   rpctypes.ErrGRPCLeaseNotFound,

	etcdserver.ErrNoLeader:                   rpctypes.ErrGRPCNoLeader,
	etcdserver.ErrNotLeader:                  rpctypes.ErrGRPCNotLeader,
	etcdserver.ErrLeaderChanged:              rpctypes.ErrGRPCLeaderChanged,
	etcdserver.ErrStopped:                    rpctypes.ErrGRPCStopped,
	etcdserver.ErrTimeout:                    rpctypes.ErrGRPCTimeout,
	etcdserver.ErrTimeoutDueToLeaderFail:     rpctypes.ErrGRPCTimeoutDueToLeaderFail,
	etcdserver.ErrTimeoutDueToConnectionLost: rpctypes.ErrGRPCTimeoutDueToConnectionLost,
	etcdserver.ErrUnhealthy:                  rpctypes.ErrGRPCUnhealthy,
	etcdserver.ErrCorrupt:                    rpctypes.ErrGRPCCorrupt,
}

// togRPCError turns an error of the server into a status. The ends of a context are
// left to gRPC, which gives them the codes Canceled and DeadlineExceeded.
func togRPCError(err error) error {
	if err == nil || err == context.Canceled || err == context.DeadlineExceeded {
		return err
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if known, ok := grpcErrors[e]; ok {
			return known
		}
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.Error(codes.Unknown, err.Error())
}
