package mvcc

import (
	"bytes"
	"fmt"

	"insideetcd/ch06-storage/interval"
)

// watchState says who cares for a watcher next.
//
//	Watch: start now or later              Watch: start in the past
//	           │                                       │
//	     ┌─────▼────┐      has seen everything   ┌─────▼────┐
//	     │  synced  │◀───────────────────────────│ unsynced │
//	     └─────┬────┘                            └──▲────┬──┘
//	its stream │              the receiver has taken│    │ its stream
//	is full    │  ┌────────┐  what was there        │    │ is full
//	           └─▶│ victim ├────────────────────────┘    │
//	              └────▲───┘                             │
//	                   └─────────────────────────────────┘
type watchState uint8

const (
	// gone: canceled, closed, or told that what it needs was compacted.
	gone watchState = iota
	// synced: it has been sent everything; commits hand it their events.
	synced
	// unsynced: it needs events from history, which the sync loop reads.
	unsynced
	// victim: there was no room on its stream. It keeps no events, only the revision from
	// which it needs them, and costs nothing until the receiver takes something.
	victim
)

// watcher is one interval of keys watched on one stream. Guarded by WatchableStore.mu,
// but for what never changes; batch, while the watcher is unsynced, belongs to the sync
// loop.
//
// Invariants:
//  1. It has been sent everything it wants of the revisions before minRev, each once and
//     in order, and nothing of minRev or later. While it is synced, minRev may stay behind:
//     then the same holds for the hub's revision plus one.
//  2. minRev never falls, nor below the start that the client asked for (W2, W3).
//  3. Nothing is put on its stream unless all that was to come before has been put there;
//     it is unsynced or a victim as long as something is missing.
type watcher struct {
	id       WatchID
	seq      uint64 // orders watchers by age
	stream   *watchStream
	iv       interval.Interval
	prevKV   bool
	noPut    bool
	noDelete bool

	state  watchState
	minRev int64 // see invariant 1
	batch  eventBatch
	place  int // in its watcherSet, or among its stream's victims
}

// wants tells whether the watcher gets an event of revision rev in its interval.
func (w *watcher) wants(rev int64, isDelete bool) bool {
	if isDelete {
		return rev >= w.minRev && !w.noDelete
	}
	return rev >= w.minRev && !w.noPut
}

// moveTo says that the watcher has been sent everything before minRev. The caller has
// taken it from its place, which depends on minRev.
func (w *watcher) moveTo(minRev int64) {
	if minRev < w.minRev {
		panic(fmt.Sprintf("mvcc: watcher %d would fall back from revision %d to %d (invariant 2)", w.id, w.minRev, minRev))
	}
	w.minRev = minRev
}

// eventBatch collects the events of one response. As long as they stand next to each
// other in the list of all events of a transaction it only remembers from where to where,
// so that watchers share the list.
type eventBatch struct {
	from, to int
	apart    []Event // set when they do not stand next to each other
}

// add takes the event at place i of the transaction's list.
func (b *eventBatch) add(i int, list []Event) {
	switch {
	case b.apart != nil:
		b.apart = append(b.apart, list[i])
	case b.to == 0:
		b.from, b.to = i, i+1
	case b.to == i:
		b.to++
	default:
		b.apart = append(append([]Event(nil), list[b.from:b.to]...), list[i])
	}
}

// isEmpty tells whether nothing was added.
func (b *eventBatch) isEmpty() bool { return b.to == 0 && b.apart == nil }

// take returns the events and empties the batch.
func (b *eventBatch) take(list []Event) []Event {
	events := b.apart
	if events == nil {
		events = list[b.from:b.to:b.to]
	}
	*b = eventBatch{}
	return events
}

// owned copies the keys of iv.
func owned(iv interval.Interval) interval.Interval {
	if iv.IsPoint() {
		return interval.Point(bytes.Clone(iv.Begin()))
	}
	if end, isBounded := iv.End(); isBounded {
		return interval.New(bytes.Clone(iv.Begin()), bytes.Clone(end))
	}
	return interval.New(bytes.Clone(iv.Begin()), []byte{0})
}
