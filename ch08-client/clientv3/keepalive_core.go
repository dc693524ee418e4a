package clientv3

import (
	"cmp"
	"slices"
	"time"
)

// renewals is which lease is due when: a value that is handed the time.
//
//	K1  A lease is asked for when a third of its time has passed since the last answer, or
//	    at once if it never was answered; then every askAgain until an answer comes, and
//	    at once on a new connection.
//	K2  A lease that was not answered until its deadline is given up: it may be gone.
type renewals struct {
	leases map[LeaseID]*renewal
}

type renewal struct {
	next     time.Time // when to ask
	deadline time.Time // when to give up
	asked    bool
}

// askAgain is the time after which an unanswered request is repeated on a connection that
// seems to be well.
const askAgain = 500 * time.Millisecond

func newRenewals() *renewals { return &renewals{leases: map[LeaseID]*renewal{}} }

// add begins to renew a lease whose remaining time is not known: patience is how long to
// wait for a first answer.
func (r *renewals) add(id LeaseID, now time.Time, patience time.Duration) {
	if r.leases[id] == nil {
		r.leases[id] = &renewal{next: now, deadline: now.Add(patience)}
	}
}

func (r *renewals) remove(id LeaseID) { delete(r.leases, id) }

// due returns the leases to ask for now, in order, and counts them as asked.
func (r *renewals) due(now time.Time) []LeaseID {
	var ids []LeaseID
	for id, l := range r.leases {
		if !l.next.After(now) {
			ids = append(ids, id)
			l.asked, l.next = true, now.Add(askAgain)
		}
	}
	slices.Sort(ids)
	return ids
}

// answered is a renewal; ttl in seconds.
func (r *renewals) answered(id LeaseID, ttl int64, now time.Time) {
	if l := r.leases[id]; l != nil {
		life := time.Duration(ttl) * time.Second
		l.asked, l.next, l.deadline = false, now.Add(life/3), now.Add(life)
	}
}

// broken is the end of the connection: what was asked may not have arrived.
func (r *renewals) broken(now time.Time) {
	for _, l := range r.leases {
		if l.asked {
			l.asked, l.next = false, now
		}
	}
}

// overdue removes and returns the leases that have to be given up (K2).
func (r *renewals) overdue(now time.Time) []LeaseID {
	var ids []LeaseID
	for id, l := range r.leases {
		if !l.deadline.After(now) {
			ids = append(ids, id)
			delete(r.leases, id)
		}
	}
	slices.SortFunc(ids, cmp.Compare[LeaseID])
	return ids
}

// wakeAt is the next moment at which due or overdue has something to say.
func (r *renewals) wakeAt() (at time.Time, ok bool) {
	for _, l := range r.leases {
		for _, t := range []time.Time{l.next, l.deadline} {
			if !ok || t.Before(at) {
				at, ok = t, true
			}
		}
	}
	return at, ok
}
