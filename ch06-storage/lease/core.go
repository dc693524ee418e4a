package lease

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Reasons for which a renewal cannot be done right now; the shell does what is needed and
// tries again.
var (
	errExpired      = errors.New("lease has expired and waits to be revoked")
	errCheckpointed = errors.New("lease has a checkpoint, which must be taken back first")
)

// lease is a lease as the core keeps it.
type lease struct {
	// Equal on all members.
	id        ID
	ttl       int64                  // seconds
	remaining int64                  // seconds, the last checkpoint; 0: none
	items     map[LeaseItem]struct{} // made when the first comes

	// The primary's own.
	expiry     time.Time   // zero: never
	offer      appointment // the expiry; once offered, the time of the next offer
	checkpoint appointment
	told       bool // a checkpoint was handed out since the last renewal
}

func (l *lease) hasExpired(now time.Time) bool {
	return !l.expiry.IsZero() && !now.Before(l.expiry)
}

// core holds all leases. It has no locks, no goroutines and no clock: whoever calls it
// brings the time. Time never goes back.
//
// Invariants:
//  1. A key belongs to at most one lease: items[k] = l if and only if l.items has k, and
//     l is one of leases.
//  2. id, ttl, remaining and items change only in restore, grant, revoke, checkpoint,
//     attach, detach, which look neither at the time nor at primary. So they are equal on
//     all members that applied the same entries.
//  3. Primary: every lease has an expiry and is in offers, at its expiry or later, so it
//     is never offered early. Not primary: no lease has an expiry and both queues are
//     empty, so nothing is ever offered.
//  4. Primary: a lease that has expired stays so until it is revoked or the lessor demoted.
//     Nobody renews it, for the server may be about to delete its keys.
//  5. An expired lease is offered again and again: only revoke takes it out of offers.
//  6. Primary: a checkpoint that it hands out never says less than there is left, and one
//     that does, handed out by an earlier primary and agreed on late, is corrected.
type core struct {
	minTTL             int64         // seconds
	checkpointInterval time.Duration // 0: no checkpoints

	primary     bool
	leases      map[ID]*lease
	items       map[LeaseItem]*lease
	offers      queue
	checkpoints queue
}

func newCore(minTTL int64) *core {
	return &core{
		minTTL:      minTTL,
		leases:      map[ID]*lease{},
		items:       map[LeaseItem]*lease{},
		offers:      queue{of: func(l *lease) *appointment { return &l.offer }},
		checkpoints: queue{of: func(l *lease) *appointment { return &l.checkpoint }},
	}
}

// grant makes a lease. A TTL below the minimum, also 0 or negative, is raised to it. The
// order of the checks is 3.4's.
func (c *core) grant(id ID, ttl int64, now time.Time) (*lease, error) {
	switch {
	case id == NoLease:
		return nil, ErrLeaseNotFound
	case ttl > MaxTTL:
		return nil, ErrLeaseTTLTooLarge
	case c.leases[id] != nil:
		return nil, ErrLeaseExists
	}
	l := c.add(id, ttl, 0)
	if c.primary {
		c.start(l, now.Add(seconds(l.ttl)), now)
	}
	return l, nil
}

// restore makes a lease again that was found on disk, before the lessor is in use.
func (c *core) restore(id ID, ttl, remaining int64) {
	if c.primary || c.leases[id] != nil {
		panic(fmt.Sprintf("lease: restoring lease %x (primary %t, already there %t)", uint64(id), c.primary, c.leases[id] != nil))
	}
	c.add(id, ttl, remaining)
}

func (c *core) add(id ID, ttl, remaining int64) *lease {
	l := &lease{id: id, ttl: max(ttl, c.minTTL), remaining: remaining}
	c.leases[id] = l
	return l
}

// revoke forgets the lease and what belongs to it.
func (c *core) revoke(id ID) error {
	l := c.leases[id]
	if l == nil {
		return ErrLeaseNotFound
	}
	for item := range l.items {
		c.mustOwn(l, item)
		delete(c.items, item)
	}
	c.offers.remove(l)
	c.checkpoints.remove(l)
	delete(c.leases, id)
	return nil
}

// keys returns the keys of a lease in ascending order. Map order must not leak: the order
// of deletion is the order of the sub revisions, which are equal on all members.
func (c *core) keys(id ID) (keys []string, err error) {
	l := c.leases[id]
	if l == nil {
		return nil, ErrLeaseNotFound
	}
	keys = make([]string, 0, len(l.items))
	for item := range l.items {
		keys = append(keys, item.Key)
	}
	slices.Sort(keys)
	return keys, nil
}

// attach gives items to a lease; an item that belongs to another is taken from it.
func (c *core) attach(id ID, items []LeaseItem) error {
	l := c.leases[id]
	if l == nil {
		return ErrLeaseNotFound
	}
	if l.items == nil {
		l.items = make(map[LeaseItem]struct{}, len(items))
	}
	for _, item := range items {
		c.release(item)
		l.items[item] = struct{}{}
		c.items[item] = l
	}
	return nil
}

// detach takes items from a lease; those that do not belong to it stay where they are.
func (c *core) detach(id ID, items []LeaseItem) error {
	l := c.leases[id]
	if l == nil {
		return ErrLeaseNotFound
	}
	for _, item := range items {
		if c.items[item] == l {
			c.release(item)
		}
	}
	return nil
}

// assign is attach for one key; NoLease only takes it from the lease that has it. So does
// a lease that does not exist: its key belongs to nobody.
func (c *core) assign(key []byte, id ID) error {
	if l := c.items[LeaseItem{string(key)}]; l != nil && l.id == id {
		return nil
	} else if l != nil {
		c.release(LeaseItem{string(key)})
	}
	if id == NoLease {
		return nil
	}
	return c.attach(id, []LeaseItem{{string(key)}})
}

// release takes an item from the lease that has it, if any.
func (c *core) release(item LeaseItem) {
	l := c.items[item]
	if l == nil {
		return
	}
	c.mustOwn(l, item)
	delete(l.items, item)
	delete(c.items, item)
}

// mustOwn asserts invariant 1 for an item that l is about to lose.
func (c *core) mustOwn(l *lease, item LeaseItem) {
	_, owns := l.items[item]
	if !owns || c.items[item] != l || c.leases[l.id] != l {
		panic(fmt.Sprintf("lease: invariant 1: key %q and lease %x do not agree on belonging together (lease lists it: %t)", item.Key, uint64(l.id), owns))
	}
}

// setRemaining is a checkpoint that was agreed on; 0 takes it back. It does not move the
// expiry of the primary, which knows better.
func (c *core) setRemaining(id ID, remaining int64, now time.Time) (*lease, error) {
	l := c.leases[id]
	if l == nil {
		return nil, ErrLeaseNotFound
	}
	l.remaining = remaining
	if c.primary && c.checkpointInterval > 0 && remaining > 0 && seconds(remaining) < l.expiry.Sub(now) {
		c.checkpoints.set(l, now) // invariant 6
	}
	return l, nil
}

// snapshot describes a lease as of now.
func (l *lease) snapshot(now time.Time) *Lease {
	left := Forever
	if !l.expiry.IsZero() {
		left = l.expiry.Sub(now)
	}
	return &Lease{ID: l.id, TTL: l.ttl, RemainingTTL: l.remaining, Remaining: left}
}

// all describes all leases, those first that expire first.
func (c *core) all(now time.Time) []*Lease {
	list := make([]*Lease, 0, len(c.leases))
	for l := range maps.Values(c.leases) {
		list = append(list, l.snapshot(now))
	}
	slices.SortFunc(list, func(a, b *Lease) int {
		return cmp.Or(cmp.Compare(a.Remaining, b.Remaining), cmp.Compare(a.ID, b.ID))
	})
	return list
}
