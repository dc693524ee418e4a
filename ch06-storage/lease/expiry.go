package lease

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

const (
	// revokeRate is how many leases are offered in a second. Each becomes a raft entry, and
	// clients want to write too.
	revokeRate = 1000
	// promotedRate is how many leases may expire in one second after a promotion: less than
	// revokeRate, so that those granted later are not held up behind them.
	promotedRate = revokeRate * 3 / 4
	// retryInterval is the time after which a lease that was offered is offered again.
	retryInterval = 3 * time.Second
)

// This file is what the primary does with time. Every function keeps invariant 3.

// start lets the clock of a lease run until expiry.
func (c *core) start(l *lease, expiry, now time.Time) {
	l.expiry = expiry
	c.offers.set(l, expiry)
	c.scheduleCheckpoint(l, now)
}

// life is how long a lease lives from a promotion on. Without checkpoints a number that an
// earlier primary left is not used: this one could not take it back at a renewal.
func (c *core) life(l *lease) time.Duration {
	if c.checkpointInterval > 0 && l.remaining > 0 {
		return seconds(l.remaining)
	}
	return seconds(l.ttl)
}

// promote starts all clocks. When a lease was renewed the last time only the old primary
// knew, so each gets its whole life again, and extend on top: as long as the old primary
// may have gone on renewing before it saw that it was no leader any more.
//
// All leases then start at once, and many would end at once. The i-th to end therefore ends
// at least a second after the (i-promotedRate)-th, which leaves at most promotedRate for
// any second. Nobody loses time by that. (3.4 delays by a formula of its own, to the same
// end.)
func (c *core) promote(now time.Time, extend time.Duration) {
	c.demote()
	c.primary = true
	list := c.byLife()
	for i, next := range list {
		expiry := now.Add(next.life).Add(extend)
		if i >= promotedRate {
			if earliest := list[i-promotedRate].l.expiry.Add(time.Second); expiry.Before(earliest) {
				expiry = earliest
			}
		}
		c.start(next.l, expiry, now)
	}
}

// living is a lease with what it is sorted by: a promotion keeps everybody waiting.
type living struct {
	life time.Duration
	id   ID
	l    *lease
}

// byLife returns all leases, those first that live shortest.
func (c *core) byLife() []living {
	list := make([]living, 0, len(c.leases))
	for id, l := range c.leases {
		list = append(list, living{c.life(l), id, l})
	}
	slices.SortFunc(list, func(a, b living) int {
		if a.life != b.life {
			return cmp.Compare(a.life, b.life)
		}
		return cmp.Compare(a.id, b.id)
	})
	return list
}

// demote stops all clocks.
func (c *core) demote() {
	if !c.primary {
		return
	}
	c.primary = false
	c.offers.clear()
	c.checkpoints.clear()
	for _, l := range c.leases {
		l.expiry, l.told = time.Time{}, false
	}
}

// renew starts the clock of a lease anew and returns its TTL in seconds. With errExpired
// or errCheckpointed it is to be tried again later; cleared says that the checkpoint has
// been taken back.
func (c *core) renew(id ID, now time.Time, cleared bool) (ttl int64, err error) {
	l := c.leases[id]
	switch {
	case !c.primary:
		return 0, ErrNotPrimary
	case l == nil:
		return 0, ErrLeaseNotFound
	case l.hasExpired(now):
		return 0, errExpired
	case c.checkpointInterval > 0 && (l.remaining > 0 || l.told) && !cleared:
		return 0, errCheckpointed
	}
	l.told = false
	c.start(l, now.Add(seconds(l.ttl)), now)
	return l.ttl, nil
}

// expired offers at most limit leases whose time is up, those that wait longest first.
func (c *core) expired(now time.Time, limit int) (list []*Lease) {
	for len(list) < limit {
		l := c.offers.first()
		if l == nil || l.offer.at.After(now) {
			break
		}
		if !c.primary || !l.hasExpired(now) {
			panic(fmt.Sprintf("lease: invariant 3: lease %x would be offered at %v, expires at %v (primary %t)", uint64(l.id), now, l.expiry, c.primary))
		}
		c.offers.set(l, now.Add(retryInterval)) // invariant 5
		list = append(list, l.snapshot(now))
	}
	return list
}

// isExpired tells whether the lease is to be revoked because its time is up.
func (c *core) isExpired(id ID, now time.Time) bool {
	l := c.leases[id]
	return l != nil && l.hasExpired(now)
}

// checkpoint is the number of whole seconds that a lease has left; 0 takes back what was
// said before.
type checkpoint struct {
	id        ID
	remaining int64
}

// dueCheckpoints returns at most limit checkpoints that should be agreed on now.
func (c *core) dueCheckpoints(now time.Time, limit int) (list []checkpoint) {
	for len(list) < limit {
		l := c.checkpoints.first()
		if l == nil || l.checkpoint.at.After(now) {
			break
		}
		c.scheduleCheckpoint(l, now)
		if remaining := l.worthTelling(now); remaining != l.remaining {
			l.told = true
			list = append(list, checkpoint{l.id, remaining})
		}
	}
	return list
}

// worthTelling is the checkpoint that members should have. It is none for a lease that has
// its whole TTL left, or more, after a promotion.
func (l *lease) worthTelling(now time.Time) (remaining int64) {
	left := l.expiry.Sub(now)
	if left <= 0 {
		return l.remaining // it is about to be revoked
	}
	if remaining = ceilSeconds(left); remaining >= l.ttl {
		return 0
	}
	return remaining
}

// scheduleCheckpoint makes the next checkpoint of a lease one interval from now, if it lives
// that long: a shorter life costs less than a raft entry.
func (c *core) scheduleCheckpoint(l *lease, now time.Time) {
	if c.checkpointInterval > 0 && l.expiry.Sub(now) > c.checkpointInterval {
		c.checkpoints.set(l, now.Add(c.checkpointInterval))
		return
	}
	c.checkpoints.remove(l)
}

// setCheckpointInterval turns checkpoints on, or off with 0.
func (c *core) setCheckpointInterval(interval time.Duration, now time.Time) {
	c.checkpointInterval = interval
	if c.primary {
		for _, l := range c.leases {
			c.scheduleCheckpoint(l, now)
		}
	}
}
