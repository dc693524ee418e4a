package membership

import "errors"

// Reasons to refuse a configuration change. The texts reach clients.
var (
	ErrIDRemoved        = errors.New("membership: ID removed")
	ErrIDExists         = errors.New("membership: ID exists")
	ErrIDNotFound       = errors.New("membership: ID not found")
	ErrPeerURLexists    = errors.New("membership: peerURL exists")
	ErrMemberNotLearner = errors.New("membership: can only promote a learner member")
	ErrTooManyLearners  = errors.New("membership: too many learner members in cluster")
)

// ErrClusterVersionTooHigh means that the cluster has moved on to a version that
// this server cannot serve. The server has to stop.
var ErrClusterVersionTooHigh = errors.New("membership: the cluster version is higher than this server's version")
