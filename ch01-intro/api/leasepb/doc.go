// Package leasepb holds the lease as the lessor stores it, and the two messages with which a
// follower asks the leader about one over the peer port (POST /leases/internal).
package leasepb
