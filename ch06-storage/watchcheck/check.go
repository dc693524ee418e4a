package watchcheck

import (
	"bytes"
	"fmt"

	"insideetcd/ch01-intro/api/mvccpb"
)

// Guarantee is one of the seven.
type Guarantee string

const (
	Ordered      Guarantee = "ordered"
	Unique       Guarantee = "unique"
	Reliable     Guarantee = "reliable"
	Atomic       Guarantee = "atomic"
	Resumable    Guarantee = "resumable"
	Bookmarkable Guarantee = "bookmarkable"
	Faithful     Guarantee = "faithful"
)

// AllWatches is the watch ID of a progress response that speaks for a whole stream.
const AllWatches int64 = -1

// Watch is what a watcher asked for, in the words of the wire.
type Watch struct {
	ID       int64
	Key      []byte
	RangeEnd []byte // empty: the one key; a zero byte: everything from the key on
	// StartRev is the first revision of which events are due. For a watch from now on, it
	// is one more than the revision in the header of the response that created it.
	StartRev int64
	PrevKV   bool
	NoPut    bool
	NoDelete bool
	// Through, if not 0, says that the test waited until the events of this revision must
	// have come. Otherwise events are missed only if later ones, or progress, came.
	Through int64
}

// Response is one message on a stream, its fragments joined. Without events and without
// a compact revision it is progress.
type Response struct {
	WatchID         int64
	Revision        int64
	CompactRevision int64
	Events          []*mvccpb.Event
}

// Violation is a broken promise. At is the place of the response on the stream, -1 for
// what was missed when the stream was over.
type Violation struct {
	Guarantee Guarantee
	WatchID   int64
	At        int
	Detail    string
}

func (v Violation) String() string {
	return fmt.Sprintf("watch %d, response %d: not %s: %s", v.WatchID, v.At, v.Guarantee, v.Detail)
}

// Check returns every promise to the watch that its stream breaks; nil if it breaks none.
// Responses to other watches on the stream are passed over.
func Check(h *History, w Watch, stream []Response) []Violation {
	c := &checker{h: h, w: w, sentIn: map[int]int{}, reached: w.StartRev - 1}
	for at, r := range stream {
		isProgress := len(r.Events) == 0 && r.CompactRevision == 0
		isForAll := isProgress && r.WatchID == AllWatches && !c.ended
		if r.WatchID != w.ID && !isForAll {
			continue
		}
		c.at = at
		switch {
		case c.ended:
			c.violated(Ordered, "something comes after the watch was ended by a compaction")
		case isProgress:
			c.progress(r)
		case r.CompactRevision != 0:
			c.compacted(r)
		default:
			c.events(r)
		}
	}
	c.at = -1
	c.missed()
	return c.violations
}

// checker walks along one stream.
type checker struct {
	h          *History
	w          Watch
	at         int // of the response
	sentIn     map[int]int
	newest     int   // place in history of the newest event sent, plus one
	reached    int64 // the client knows everything up to here, and resumes behind it
	bookmark   int64 // of the newest progress
	settled    int   // place in history: what was missing before has been reported
	firstRev   int64 // of the first event sent
	ended      bool
	violations []Violation
}

func (c *checker) violated(g Guarantee, format string, args ...any) {
	c.violations = append(c.violations, Violation{g, c.w.ID, c.at, fmt.Sprintf(format, args...)})
}

func (c *checker) progress(r Response) {
	if r.Revision < c.reached {
		c.violated(Ordered, "progress at %d after revision %d", r.Revision, c.reached)
	}
	for i := range c.due(r.Revision) {
		c.violated(Bookmarkable, "progress at %d, but this was not sent: %s", r.Revision, show(c.h.events[i]))
	}
	if _, to := c.h.at(r.Revision); to > c.settled {
		c.settled = to
	}
	c.bookmark = max(c.bookmark, r.Revision)
	c.reached = max(c.reached, r.Revision)
}

func (c *checker) compacted(r Response) {
	c.ended = true
	if needed := c.reached + 1; needed >= r.CompactRevision {
		c.violated(Resumable, "ended by the compaction at %d, but revision %d is what it needs next", r.CompactRevision, needed)
	}
	if r.CompactRevision > c.h.compacted {
		c.violated(Resumable, "ended by a compaction at %d, but there was none after %d", r.CompactRevision, c.h.compacted)
	}
}

func (c *checker) events(r Response) {
	for _, e := range r.Events {
		c.event(e)
		if rev := e.GetKv().GetModRevision(); r.Revision < rev {
			c.violated(Ordered, "the response says revision %d, its event %s", r.Revision, show(e))
		}
	}
}

func (c *checker) event(e *mvccpb.Event) {
	rev := e.GetKv().GetModRevision()
	i, isNew, found := c.find(e)
	if !found {
		c.violated(Faithful, "this never happened: %s", show(e))
		return
	}
	if !isNew {
		c.violated(Unique, "sent twice, before in response %d: %s", c.sentIn[i], show(e))
		return
	}
	switch {
	case i < c.newest-1:
		c.violated(Ordered, "%s after %s", show(e), show(c.h.events[c.newest-1]))
	case rev <= c.bookmark:
		c.violated(Bookmarkable, "%s after progress at %d", show(e), c.bookmark)
	case rev < c.w.StartRev:
		c.violated(Resumable, "begins at %d, but is sent %s", c.w.StartRev, show(e))
	}
	c.together(i, rev)
	c.content(e, c.h.events[i])
	c.sentIn[i] = c.at
	c.newest = max(c.newest, i+1)
	c.reached = max(c.reached, rev)
	if c.firstRev == 0 {
		c.firstRev = rev
	}
}

// find returns the place of the event in history. A transaction may hold the same change
// of a key several times: then they are told apart by their order.
func (c *checker) find(e *mvccpb.Event) (place int, isNew, found bool) {
	from, to := c.h.at(e.GetKv().GetModRevision())
	for i := from; i < to; i++ {
		known := c.h.events[i]
		if known.Type != e.Type || !bytes.Equal(known.Kv.Key, e.Kv.Key) {
			continue
		}
		place, found = i, true
		if _, wasSent := c.sentIn[i]; !wasSent {
			return i, true, true
		}
	}
	return place, false, found
}

// together: no other response holds events of the same transaction.
func (c *checker) together(i int, rev int64) {
	from, to := c.h.at(rev)
	for j := from; j < to; j++ {
		if at, wasSent := c.sentIn[j]; wasSent && j != i && at != c.at {
			c.violated(Atomic, "%s and %s are of one transaction, but in the responses %d and %d",
				show(c.h.events[j]), show(c.h.events[i]), at, c.at)
			return
		}
	}
}

// content compares an event with what happened, and with what was asked for.
func (c *checker) content(e, known *mvccpb.Event) {
	if !c.w.wants(known) {
		c.violated(Faithful, "not asked for: %s", show(e))
	}
	if !e.Kv.EqualVT(known.Kv) {
		c.violated(Faithful, "sent {%v}, but it is {%v}", e.Kv, known.Kv)
	}
	mayBeMissing := known.Kv.ModRevision-1 < c.h.compacted
	switch {
	case e.PrevKv == nil && (!c.w.PrevKV || known.PrevKv == nil || mayBeMissing):
	case e.PrevKv != nil && !c.w.PrevKV:
		c.violated(Faithful, "prev_kv was not asked for: %s", show(e))
	case !e.PrevKv.EqualVT(known.PrevKv):
		c.violated(Faithful, "%s has prev_kv {%v}, but before there was {%v}", show(e), e.PrevKv, known.PrevKv)
	}
}

// missed reports what should have come by the end of the stream.
func (c *checker) missed() {
	through := c.reached
	if !c.ended {
		through = max(through, c.w.Through)
	}
	for i := range c.due(through) {
		e := c.h.events[i]
		switch rev := e.Kv.ModRevision; {
		case rev < c.firstRev:
			c.violated(Resumable, "begins at %d, but the first event sent is of %d; before it happened %s", c.w.StartRev, c.firstRev, show(e))
		default:
			c.violated(Reliable, "left out: %s", show(e))
		}
	}
}

// due yields the places of events up to rev that were asked for, and neither sent nor
// reported as missing.
func (c *checker) due(rev int64) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		first, _ := c.h.at(c.w.StartRev)
		for i := max(first, c.settled); i < len(c.h.events) && c.h.events[i].Kv.ModRevision <= rev; i++ {
			if _, wasSent := c.sentIn[i]; !wasSent && c.w.wants(c.h.events[i]) && !yield(i) {
				return
			}
		}
	}
}

func (w Watch) wants(e *mvccpb.Event) bool {
	if e.Type == mvccpb.Event_DELETE {
		return !w.NoDelete && w.contains(e.Kv.Key)
	}
	return !w.NoPut && w.contains(e.Kv.Key)
}

func (w Watch) contains(key []byte) bool {
	switch {
	case len(w.RangeEnd) == 0:
		return bytes.Equal(key, w.Key)
	case bytes.Equal(w.RangeEnd, []byte{0}):
		return bytes.Compare(w.Key, key) <= 0
	}
	return bytes.Compare(w.Key, key) <= 0 && bytes.Compare(key, w.RangeEnd) < 0
}

func show(e *mvccpb.Event) string {
	return fmt.Sprintf("%s %q at %d", e.GetType(), e.GetKv().GetKey(), e.GetKv().GetModRevision())
}
