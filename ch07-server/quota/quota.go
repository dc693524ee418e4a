package quota

import (
	"fmt"
	"log/slog"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

const (
	// DefaultBytes is the limit if none is given: 2 GiB.
	DefaultBytes = 2 << 30
	// RecommendedMaxBytes is the largest limit without a warning: 8 GiB.
	RecommendedMaxBytes = 8 << 30
)

// Quota compares the cost of requests with the space that is left. Its methods are safe
// for concurrent use.
//
// Invariants
//  1. What costs nothing is available.
//  2. Without a limit everything is.
//  3. Neither method changes anything: two requests at once may both be told yes. So the
//     file can grow beyond the limit, by as much as is proposed at a time.
type Quota struct {
	limit  int64 // bytes; 0: none
	size   func() int64
	stored StoredValue
}

// New makes a quota of the given bytes: 0 means DefaultBytes, a negative number no limit.
// size is the length of the database file, free pages included, as those do not go away
// without a defragmentation. stored may be nil, then a put with ignore_value is charged
// without its value. It logs what holds; a nil lg is slog.Default().
func New(lg *slog.Logger, bytes int64, size func() int64, stored StoredValue) *Quota {
	if lg == nil {
		lg = slog.Default()
	}
	q := &Quota{limit: bytes, size: size, stored: stored}
	switch {
	case bytes < 0:
		q.limit = 0
		lg.Info("the database has no size limit", "quota_bytes", bytes)
		return q
	case bytes == 0:
		q.limit = DefaultBytes
	}
	if warning := Warning(bytes); warning != "" {
		lg.Warn(warning)
	}
	lg.Info("the database has a size limit", "quota_bytes", q.limit)
	return q
}

// Warning is what is to be said against a quota of that many bytes, "" if nothing.
func Warning(bytes int64) string {
	if bytes <= RecommendedMaxBytes {
		return ""
	}
	return fmt.Sprintf("a quota of %d bytes exceeds the recommended maximum of %d (8 GiB): "+
		"a larger database takes long to start, to defragment and to send to a new member", bytes, int64(RecommendedMaxBytes))
}

// Limit is the limit in bytes, 0 if there is none.
func (q *Quota) Limit() int64 { return q.limit }

// Remaining is the space left in bytes, negative if the file has outgrown the limit. It
// means nothing without a limit.
func (q *Quota) Remaining() int64 { return q.limit - q.size() }

// Available tells whether r may be proposed. If not, the NOSPACE alarm is due.
func (q *Quota) Available(r *pb.InternalRaftRequest) bool {
	return q.limit == 0 || q.fits(Cost(r, q.stored))
}

// AvailableAtApply tells, at the entry of r and BEFORE it is executed, whether the alarm
// is due. The entry is executed either way.
func (q *Quota) AvailableAtApply(r *pb.InternalRaftRequest) bool {
	return q.limit == 0 || q.fits(ApplyCost(r))
}

// NeedsRoom tells whether the entry of r is turned away while the NOSPACE alarm is on.
func (q *Quota) NeedsRoom(r *pb.InternalRaftRequest) bool { return ApplyCost(r) > 0 }

// fits: the limit itself is not reached, as in 3.4.
func (q *Quota) fits(cost int64) bool {
	return cost == 0 || q.size()+cost < q.limit
}
