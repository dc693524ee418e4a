package lease

import (
	"container/heap"
	"time"
)

// queue is a heap of leases by the time at which each is to be looked at. Every change
// costs O(log n): a lease knows its place, so none is searched for.
//
// Invariants:
//  1. leases[i] has place i+1 in this queue; a lease that is not in it has place 0.
//  2. leases[0] is the next one. Among equal times it is the one with the smallest ID, so
//     that a run can be repeated.
type queue struct {
	leases []*lease
	of     func(*lease) *appointment // the place that a lease has for this queue
}

// appointment is when, and where in its queue, a lease waits.
type appointment struct {
	at    time.Time
	place int // 1 is the head; 0: not queued
}

// first returns the next lease, nil if there is none.
func (q *queue) first() *lease {
	if len(q.leases) == 0 {
		return nil
	}
	return q.leases[0]
}

// set queues l, or moves it if it is queued.
func (q *queue) set(l *lease, at time.Time) {
	a := q.of(l)
	a.at = at
	if a.place == 0 {
		heap.Push(q, l)
		return
	}
	heap.Fix(q, a.place-1)
}

// remove takes l out if it is queued.
func (q *queue) remove(l *lease) {
	if a := q.of(l); a.place != 0 {
		heap.Remove(q, a.place-1)
	}
}

// clear takes all leases out.
func (q *queue) clear() {
	for _, l := range q.leases {
		*q.of(l) = appointment{}
	}
	q.leases = nil
}

// The methods below are for container/heap.

func (q *queue) Len() int { return len(q.leases) }

func (q *queue) Less(i, j int) bool {
	a, b := q.leases[i], q.leases[j]
	if order := q.of(a).at.Compare(q.of(b).at); order != 0 {
		return order < 0
	}
	return a.id < b.id
}

func (q *queue) Swap(i, j int) {
	q.leases[i], q.leases[j] = q.leases[j], q.leases[i]
	q.of(q.leases[i]).place = i + 1
	q.of(q.leases[j]).place = j + 1
}

func (q *queue) Push(x any) {
	l := x.(*lease)
	q.leases = append(q.leases, l)
	q.of(l).place = len(q.leases)
}

func (q *queue) Pop() any {
	last := len(q.leases) - 1
	l := q.leases[last]
	q.leases[last] = nil
	q.leases = q.leases[:last]
	q.of(l).place = 0
	return l
}
