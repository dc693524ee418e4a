package mvcc

import "sync"

const (
	// outboxBytes is how much one stream may keep for its receiver: events, each counted
	// once where watchers share it, and responses.
	outboxBytes = 4 << 20
	// responseBytes is what a response takes without its events.
	responseBytes = 48
	// smallOutbox is a number of responses for which memory may be kept unused.
	smallOutbox = 256
)

// outbox is what lies between those who put responses on a stream and the one receiver.
// It never makes anybody wait: what does not fit is refused.
//
// Invariants:
//  1. Responses are taken in the order in which they were added.
//  2. It holds at most limit bytes, or one response: one is always taken in, however
//     large, as a transaction is not divided.
//  3. After a refusal, and when it holds the end of a watcher, the next take says that its
//     stream has news; nothing is forgotten.
//  4. If it holds something and is not held, the bell has rung.
type outbox struct {
	limit int
	bell  chan struct{} // one place

	mu      sync.Mutex // of the receiver and of whoever holds; guards:
	waiting []WatchResponse
	taken   []WatchResponse // the receiver's, until it comes again
	bytes   int
	events  int
	counted int    // of events, in the gauge
	newest  *Event // first of the events last counted
	news    bool
	closed  bool
}

func newOutbox(limit int) *outbox { return &outbox{limit: limit, bell: make(chan struct{}, 1)} }

// hold keeps the receiver out until release, so that everything added in between is
// taken together and rings once.
func (o *outbox) hold() { o.mu.Lock() }

func (o *outbox) release() {
	if len(o.waiting) > 0 && !o.closed {
		select {
		case o.bell <- struct{}{}:
		default: // has rung
		}
	}
	o.count()
	o.mu.Unlock()
}

// count brings the gauge up to date.
func (o *outbox) count() {
	pendingEvents.Add(int64(o.events - o.counted))
	o.counted = o.events
}

// add returns false if there is no room. The caller holds the outbox.
func (o *outbox) add(r WatchResponse) bool {
	cost := responseBytes
	if len(r.Events) > 0 && &r.Events[0] != o.newest {
		for _, e := range r.Events {
			cost += len(e)
		}
	}
	if len(o.waiting) > 0 && o.bytes+cost > o.limit {
		o.news = true
		return false
	}
	if len(r.Events) > 0 {
		o.newest = &r.Events[0]
	}
	o.news = o.news || r.CompactRevision != 0
	o.bytes += cost
	o.events += len(r.Events)
	o.waiting = append(o.waiting, r)
	return true
}

// take empties the outbox. hasNews tells that somebody waits for room, or that a watcher's
// end is among the responses.
func (o *outbox) take() (responses []WatchResponse, hasNews bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.taken) // lets the events go
	free := o.taken[:0]
	if cap(free) > smallOutbox && len(o.waiting) < cap(free)/4 {
		free = nil // a burst is over
	}
	o.taken, o.waiting = o.waiting, free
	eventsTotal.Add(int64(o.events))
	hasNews, o.news = o.news, false
	o.bytes, o.events, o.newest = 0, 0, nil
	o.count()
	if len(o.taken) == 0 {
		return nil, hasNews
	}
	return o.taken, hasNews
}

// drop removes the responses that have this ID, and returns their number.
func (o *outbox) drop(id WatchID) (dropped int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept := o.waiting[:0]
	for _, r := range o.waiting {
		if r.WatchID != id {
			kept = append(kept, r)
			continue
		}
		o.events -= len(r.Events)
	}
	dropped = len(o.waiting) - len(kept)
	clear(o.waiting[len(kept):])
	o.waiting = kept
	o.count()
	return dropped
}

func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.waiting, o.events, o.bytes, o.newest = nil, 0, 0, nil
	o.count()
	close(o.bell)
}
