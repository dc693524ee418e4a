package rpctypes

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What a server sends: gRPC status errors. Clients tell them apart by the exact
// message, so a message never changes; a test compares this list with the recorded one.
//
// Two of them never travel under the code that stands here: "not enough started
// members" and "too many requests" are sent with code Unknown (that is how every
// server from 3.3 to 3.7 behaves), and a client gives them back their meaning.
//
// Where the series differ in the code, 3.4's is taken. Both spellings of an
// identifier are kept where later series corrected one.
var (
	// Keys, transactions, revisions.
	ErrGRPCEmptyKey          = status.Error(codes.InvalidArgument, "etcdserver: key is not provided")
	ErrGRPCKeyNotFound       = status.Error(codes.InvalidArgument, "etcdserver: key not found")
	ErrGRPCValueProvided     = status.Error(codes.InvalidArgument, "etcdserver: value is provided")
	ErrGRPCLeaseProvided     = status.Error(codes.InvalidArgument, "etcdserver: lease is provided")
	ErrGRPCTooManyOps        = status.Error(codes.InvalidArgument, "etcdserver: too many operations in txn request")
	ErrGRPCDuplicateKey      = status.Error(codes.InvalidArgument, "etcdserver: duplicate key given in txn request")
	ErrGRPCCompacted         = status.Error(codes.OutOfRange, "etcdserver: mvcc: required revision has been compacted")
	ErrGRPCFutureRev         = status.Error(codes.OutOfRange, "etcdserver: mvcc: required revision is a future revision")
	ErrGRPCNoSpace           = status.Error(codes.ResourceExhausted, "etcdserver: mvcc: database space exceeded")
	ErrGRPCInvalidSortOption = status.Error(codes.InvalidArgument, "etcdserver: invalid sort option")

	// Leases.
	ErrGRPCLeaseNotFound    = status.Error(codes.NotFound, "etcdserver: requested lease not found")
	ErrGRPCLeaseExist       = status.Error(codes.FailedPrecondition, "etcdserver: lease already exists")
	ErrGRPCLeaseTTLTooLarge = status.Error(codes.OutOfRange, "etcdserver: too large lease TTL")

	// Membership and learners.
	ErrGRPCMemberExist            = status.Error(codes.FailedPrecondition, "etcdserver: member ID already exist")
	ErrGRPCPeerURLExist           = status.Error(codes.FailedPrecondition, "etcdserver: Peer URLs already exists")
	ErrGRPCMemberNotEnoughStarted = status.Error(codes.FailedPrecondition, "etcdserver: re-configuration failed due to not enough started members")
	ErrGRPCMemberBadURLs          = status.Error(codes.InvalidArgument, "etcdserver: given member URLs are invalid")
	ErrGRPCMemberNotFound         = status.Error(codes.NotFound, "etcdserver: member not found")
	ErrGRPCMemberNotLearner       = status.Error(codes.FailedPrecondition, "etcdserver: can only promote a learner member")
	ErrGRPCLearnerNotReady        = status.Error(codes.FailedPrecondition, "etcdserver: can only promote a learner member which is in sync with leader")
	ErrGRPCTooManyLearners        = status.Error(codes.FailedPrecondition, "etcdserver: too many learner members in cluster")
	ErrGPRCNotSupportedForLearner = status.Error(codes.Unavailable, "etcdserver: rpc not supported for learner")
	ErrGRPCBadLeaderTransferee    = status.Error(codes.FailedPrecondition, "etcdserver: bad leader transferee")
	ErrGRPCClusterIdMismatch      = status.Error(codes.FailedPrecondition, "etcdserver: cluster ID mismatch")
	ErrGRPCClusterIDMismatch      = ErrGRPCClusterIdMismatch      // 3.6 spells it so
	ErrGRPCNotSupportedForLearner = ErrGPRCNotSupportedForLearner // 3.6 spells it so, and sends FailedPrecondition

	// Users, roles, tokens.
	ErrGRPCRootUserNotExist     = status.Error(codes.FailedPrecondition, "etcdserver: root user does not exist")
	ErrGRPCRootRoleNotExist     = status.Error(codes.FailedPrecondition, "etcdserver: root user does not have root role")
	ErrGRPCUserAlreadyExist     = status.Error(codes.FailedPrecondition, "etcdserver: user name already exists")
	ErrGRPCUserEmpty            = status.Error(codes.InvalidArgument, "etcdserver: user name is empty")
	ErrGRPCUserNotFound         = status.Error(codes.FailedPrecondition, "etcdserver: user name not found")
	ErrGRPCRoleAlreadyExist     = status.Error(codes.FailedPrecondition, "etcdserver: role name already exists")
	ErrGRPCRoleNotFound         = status.Error(codes.FailedPrecondition, "etcdserver: role name not found")
	ErrGRPCAuthFailed           = status.Error(codes.InvalidArgument, "etcdserver: authentication failed, invalid user ID or password")
	ErrGRPCPermissionDenied     = status.Error(codes.PermissionDenied, "etcdserver: permission denied")
	ErrGRPCRoleNotGranted       = status.Error(codes.FailedPrecondition, "etcdserver: role is not granted to the user")
	ErrGRPCPermissionNotGranted = status.Error(codes.FailedPrecondition, "etcdserver: permission is not granted to the role")
	ErrGRPCAuthNotEnabled       = status.Error(codes.FailedPrecondition, "etcdserver: authentication is not enabled")
	ErrGRPCInvalidAuthToken     = status.Error(codes.Unauthenticated, "etcdserver: invalid auth token")
	ErrGRPCInvalidAuthMgmt      = status.Error(codes.InvalidArgument, "etcdserver: invalid auth management")
	ErrGRPCRoleEmpty            = status.Error(codes.InvalidArgument, "etcdserver: role name is empty")
	ErrGRPCAuthOldRevision      = status.Error(codes.InvalidArgument, "etcdserver: revision of auth store is old")
	ErrGRPCPermissionNotGiven   = status.Error(codes.InvalidArgument, "etcdserver: permission not given")

	// The state of the server, and of the call.
	ErrGRPCRequestTooLarge            = status.Error(codes.InvalidArgument, "etcdserver: request is too large")
	ErrGRPCRequestTooManyRequests     = status.Error(codes.ResourceExhausted, "etcdserver: too many requests")
	ErrGRPCNoLeader                   = status.Error(codes.Unavailable, "etcdserver: no leader")
	ErrGRPCNotLeader                  = status.Error(codes.FailedPrecondition, "etcdserver: not leader")
	ErrGRPCLeaderChanged              = status.Error(codes.Unavailable, "etcdserver: leader changed")
	ErrGRPCNotCapable                 = status.Error(codes.Unavailable, "etcdserver: not capable")
	ErrGRPCStopped                    = status.Error(codes.Unavailable, "etcdserver: server stopped")
	ErrGRPCTimeout                    = status.Error(codes.Unavailable, "etcdserver: request timed out")
	ErrGRPCTimeoutDueToLeaderFail     = status.Error(codes.Unavailable, "etcdserver: request timed out, possibly due to previous leader failure")
	ErrGRPCTimeoutDueToConnectionLost = status.Error(codes.Unavailable, "etcdserver: request timed out, possibly due to connection lost")
	ErrGRPCUnhealthy                  = status.Error(codes.Unavailable, "etcdserver: unhealthy cluster")
	ErrGRPCCorrupt                    = status.Error(codes.DataLoss, "etcdserver: corrupt cluster")
	ErrGRPCWatchCanceled              = status.Error(codes.Canceled, "etcdserver: watch canceled")
	ErrGRPCTimeoutWaitAppliedIndex    = status.Error(codes.Unavailable, "etcdserver: request timed out, waiting for the applied index took too long")
	ErrGRPCCanceled                   = status.Error(codes.Canceled, "etcdserver: request canceled")
	ErrGRPCDeadlineExceeded           = status.Error(codes.DeadlineExceeded, "etcdserver: context deadline exceeded")
	ErrGRPCInvalidClientAPIVersion    = status.Error(codes.InvalidArgument, "etcdserver: invalid client api version")

	// Downgrades (3.5 and later).
	ErrGRPCClusterVersionUnavailable     = status.Error(codes.Unavailable, "etcdserver: cluster version not found during downgrade")
	ErrGRPCWrongDowngradeVersionFormat   = status.Error(codes.InvalidArgument, "etcdserver: wrong downgrade target version format")
	ErrGRPCInvalidDowngradeTargetVersion = status.Error(codes.InvalidArgument, "etcdserver: invalid downgrade target version")
	ErrGRPCDowngradeInProcess            = status.Error(codes.FailedPrecondition, "etcdserver: cluster has a downgrade job in progress")
	ErrGRPCNoInflightDowngrade           = status.Error(codes.FailedPrecondition, "etcdserver: no inflight downgrade job")
)

// serverErrors lists every status above once, for the look-up by message.
var serverErrors = []error{
	ErrGRPCEmptyKey, ErrGRPCKeyNotFound, ErrGRPCValueProvided, ErrGRPCLeaseProvided, ErrGRPCTooManyOps,
	ErrGRPCDuplicateKey, ErrGRPCCompacted, ErrGRPCFutureRev, ErrGRPCNoSpace, ErrGRPCInvalidSortOption,
	ErrGRPCLeaseNotFound, ErrGRPCLeaseExist, ErrGRPCLeaseTTLTooLarge, ErrGRPCMemberExist,
	ErrGRPCPeerURLExist, ErrGRPCMemberNotEnoughStarted, ErrGRPCMemberBadURLs, ErrGRPCMemberNotFound,
	ErrGRPCMemberNotLearner, ErrGRPCLearnerNotReady, ErrGRPCTooManyLearners,
	ErrGPRCNotSupportedForLearner, ErrGRPCBadLeaderTransferee, ErrGRPCClusterIdMismatch,
	ErrGRPCRootUserNotExist, ErrGRPCRootRoleNotExist, ErrGRPCUserAlreadyExist, ErrGRPCUserEmpty,
	ErrGRPCUserNotFound, ErrGRPCRoleAlreadyExist, ErrGRPCRoleNotFound, ErrGRPCAuthFailed,
	ErrGRPCPermissionDenied, ErrGRPCRoleNotGranted, ErrGRPCPermissionNotGranted, ErrGRPCAuthNotEnabled,
	ErrGRPCInvalidAuthToken, ErrGRPCInvalidAuthMgmt, ErrGRPCRoleEmpty, ErrGRPCAuthOldRevision,
	ErrGRPCPermissionNotGiven, ErrGRPCRequestTooLarge, ErrGRPCRequestTooManyRequests, ErrGRPCNoLeader,
	ErrGRPCNotLeader, ErrGRPCLeaderChanged, ErrGRPCNotCapable, ErrGRPCStopped, ErrGRPCTimeout,
	ErrGRPCTimeoutDueToLeaderFail, ErrGRPCTimeoutDueToConnectionLost, ErrGRPCUnhealthy, ErrGRPCCorrupt,
	ErrGRPCWatchCanceled, ErrGRPCTimeoutWaitAppliedIndex, ErrGRPCCanceled, ErrGRPCDeadlineExceeded,
	ErrGRPCInvalidClientAPIVersion, ErrGRPCClusterVersionUnavailable,
	ErrGRPCWrongDowngradeVersionFormat, ErrGRPCInvalidDowngradeTargetVersion, ErrGRPCDowngradeInProcess,
	ErrGRPCNoInflightDowngrade,
}
