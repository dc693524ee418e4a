package lease

import (
	"errors"
	"math"
	"time"
)

// ID names a lease. Clients may choose it, negative numbers too, but not NoLease.
type ID int64

// NoLease stands for "belongs to no lease".
const NoLease ID = 0

const (
	// MaxTTL is the longest TTL, in seconds: 285 years. As nanoseconds it just fits a
	// time.Duration.
	MaxTTL = 9_000_000_000
	// Forever is what a lease has left on a member that is not primary: it will not end it.
	Forever = time.Duration(math.MaxInt64)
)

var (
	// ErrLeaseNotFound: no lease has this ID, or none has it any more.
	ErrLeaseNotFound = errors.New("lease not found")
	// ErrLeaseExists: the ID is in use. A repeated grant changes nothing.
	ErrLeaseExists = errors.New("lease already exists")
	// ErrLeaseTTLTooLarge: the TTL is above MaxTTL.
	ErrLeaseTTLTooLarge = errors.New("too large lease TTL")
	// ErrNotPrimary: only the lessor of the leader can do this; ask there.
	ErrNotPrimary = errors.New("not a primary lessor")
)

// LeaseItem is what can belong to a lease: a key.
type LeaseItem struct {
	Key string
}

// Lease is what was known of a lease when it was asked for. It is the caller's own: the
// lessor never changes it.
type Lease struct {
	ID           ID
	TTL          int64 // seconds, as granted
	RemainingTTL int64 // seconds, the last checkpoint; 0: none since the last renewal
	// Remaining is the time left; Forever if not primary. It is 0 or less for a lease that
	// has expired and is not revoked yet.
	Remaining time.Duration
}

// MinTTL is the shortest TTL in seconds that a server may promise: a new leader must have
// had time to be elected before leases end. With 10 ticks of 100 ms it is 2.
func MinTTL(electionTicks int, heartbeat time.Duration) int64 {
	return ceilSeconds(time.Duration(3*electionTicks/2) * heartbeat)
}

// seconds turns a TTL into a duration. A checkpoint comes from another member, a record
// from a file; neither may overflow.
func seconds(n int64) time.Duration {
	return time.Duration(min(n, MaxTTL)) * time.Second
}

// ceilSeconds rounds up: who is told a whole number of seconds must not be told too few.
func ceilSeconds(d time.Duration) int64 {
	n := int64(d / time.Second)
	if d%time.Second > 0 {
		n++
	}
	return n
}
