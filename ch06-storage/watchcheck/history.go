package watchcheck

import (
	"fmt"
	"sort"

	"insideetcd/ch01-intro/api/mvccpb"
)

// History is what really happened: all changes in order.
//
// Invariants:
//  1. events are ordered by mod revision, those of a transaction as it made them.
//  2. The PrevKv of each is what the key held before its transaction, whether or not
//     a watch may be told.
type History struct {
	events    []*mvccpb.Event
	live      map[string]*mvccpb.KeyValue // now
	compacted int64
}

// NewHistory returns a history in which nothing has happened.
func NewHistory() *History { return &History{live: map[string]*mvccpb.KeyValue{}} }

// Add appends the events of one transaction, which share a mod revision above all before.
// What they say of a previous key-value is not believed but found out.
func (h *History) Add(events ...*mvccpb.Event) error {
	if len(events) == 0 {
		return nil
	}
	rev := events[0].GetKv().GetModRevision()
	if rev <= h.Rev() {
		return fmt.Errorf("watchcheck: revision %d is added after revision %d", rev, h.Rev())
	}
	before := len(h.events)
	for _, e := range events {
		if e.GetKv().GetModRevision() != rev {
			return fmt.Errorf("watchcheck: one transaction has the revisions %d and %d", rev, e.GetKv().GetModRevision())
		}
		known := &mvccpb.Event{Type: e.Type, Kv: e.Kv}
		if !isCreate(e) {
			known.PrevKv = h.live[string(e.Kv.Key)]
		}
		h.events = append(h.events, known)
	}
	for _, e := range h.events[before:] {
		if e.Type == mvccpb.Event_DELETE {
			delete(h.live, string(e.Kv.Key))
		} else {
			h.live[string(e.Kv.Key)] = e.Kv
		}
	}
	return nil
}

// HistoryOf takes all events of all keys, in order, as one watch of everything has them.
func HistoryOf(events []*mvccpb.Event) (*History, error) {
	h := NewHistory()
	for len(events) > 0 {
		n := sort.Search(len(events), func(i int) bool {
			return events[i].GetKv().GetModRevision() > events[0].GetKv().GetModRevision()
		})
		if err := h.Add(events[:n]...); err != nil {
			return nil, err
		}
		events = events[n:]
	}
	return h, nil
}

// Compacted says that there was a compaction at rev, at some time. What lies before the
// newest compaction is excused where it is missing: a watch that needs it may be ended, a
// prev_kv left out.
func (h *History) Compacted(rev int64) { h.compacted = max(h.compacted, rev) }

// Rev is the revision of the newest change; 1 if there is none.
func (h *History) Rev() int64 {
	if len(h.events) == 0 {
		return 1
	}
	return h.events[len(h.events)-1].Kv.ModRevision
}

// at returns where the events of a revision lie.
func (h *History) at(rev int64) (from, to int) {
	from = sort.Search(len(h.events), func(i int) bool { return h.events[i].Kv.ModRevision >= rev })
	for to = from; to < len(h.events) && h.events[to].Kv.ModRevision == rev; to++ {
	}
	return from, to
}

// isCreate: such a put has no prev_kv, also if the transaction deleted the key before.
func isCreate(e *mvccpb.Event) bool {
	return e.Type == mvccpb.Event_PUT && e.Kv.CreateRevision == e.Kv.ModRevision
}
