package compactor

import "time"

const (
	// maxCompactInterval is the longest time between two compactions: a long history is
	// shortened every hour, a short one once per retention.
	maxCompactInterval = time.Hour
	// samplesPerInterval is how often the revision is written down in that time.
	samplesPerInterval = 10
	// minSampleInterval bounds the work for a tiny retention. Not in etcd 3.4, which runs
	// without a pause there.
	minSampleInterval = 10 * time.Millisecond
)

// periodic is the schedule that keeps the history of a time.
//
// Invariants
//  1. samples are the revisions of the last `capacity` looks, oldest first. They never
//     fall, as revisions do not.
//  2. The oldest sample of a full list is older than the retention when the next
//     compaction is decided, so a revision that is compacted away was replaced before.
//  3. The first compaction comes no earlier than one retention after the start.
type periodic struct {
	retention time.Duration
	samples   []int64
	capacity  int

	since     time.Time // the start, or the last compaction
	wait      time.Duration
	compacted int64 // the last revision that was; 0: none
}

func newPeriodic(retention time.Duration, now time.Time) *periodic {
	p := &periodic{retention: retention, since: now, wait: retention}
	p.capacity = int(retention/p.interval()) + 1
	return p
}

func (p *periodic) interval() time.Duration {
	return max(p.compactInterval()/samplesPerInterval, minSampleInterval)
}

func (p *periodic) compactInterval() time.Duration { return min(p.retention, maxCompactInterval) }

// look writes a revision down.
func (p *periodic) look(rev int64) {
	p.samples = append(p.samples, rev)
	if len(p.samples) > p.capacity {
		p.samples = p.samples[1:]
	}
}

// due is asked BEFORE the revision of now is written down. If nothing was written since
// the last compaction, this one counts as done: 3.4 proposes it again, and its log grows
// on an idle cluster.
func (p *periodic) due(now time.Time, _ int64) (rev int64, ok bool) {
	if now.Sub(p.since) < p.wait || len(p.samples) == 0 {
		return 0, false
	}
	p.wait = p.compactInterval()
	rev = p.samples[0]
	if rev == p.compacted {
		p.since = now
		return 0, false
	}
	return rev, true
}

func (p *periodic) done(rev int64, now time.Time) { p.compacted, p.since = rev, now }
