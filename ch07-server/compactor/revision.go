package compactor

import "time"

// revisionInterval is the time between two compactions, and two attempts, by number.
const revisionInterval = 5 * time.Minute

// revision is the schedule that keeps a number of revisions: it looks at the current one
// and subtracts.
type revision struct {
	keep      int64
	compacted int64 // the last revision that was; 0: none
}

func (r *revision) interval() time.Duration { return revisionInterval }

func (r *revision) look(int64) {}

func (r *revision) due(_ time.Time, current int64) (rev int64, ok bool) {
	rev = current - r.keep
	return rev, rev > 0 && rev != r.compacted
}

func (r *revision) done(rev int64, _ time.Time) { r.compacted = rev }
