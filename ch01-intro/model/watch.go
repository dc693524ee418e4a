package model

import (
	"slices"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
)

// Watcher is a watch that has been served up to a revision: a question to the history, and
// a bookmark in it. It is a value; the store does not know of it.
type Watcher struct {
	Request *pb.WatchCreateRequest
	Next    int64 // first revision whose changes are still to come
}

// Watch begins a watch. A start revision of 0 is from now on, any other is the first
// revision whose changes are wanted: now, in the past, or in the future. A negative one is
// older than everything, so it counts as compacted. No key at all stands for the first key
// there can be.
func (s *Store) Watch(r *pb.WatchCreateRequest) (Watcher, error) {
	r = r.CloneVT()
	if len(r.Key) == 0 {
		r.Key = []byte{0}
	}
	end := r.RangeEnd
	switch isEmpty := len(end) > 0 && !isOpen(end) && string(end) <= string(r.Key); {
	case isEmpty:
		return Watcher{}, ErrWatchRangeEmpty
	case r.StartRevision < 0:
		return Watcher{}, ErrCompacted
	case r.StartRevision == 0:
		return Watcher{r, s.Rev() + 1}, nil
	}
	return Watcher{r, r.StartRevision}, nil
}

// Events returns what happened to the watched keys since, in order, and the watcher with
// its bookmark moved on. If some of it may have been forgotten the watch is over: the
// error is ErrCompacted, and [Store.Compacted] the revision that is told with it.
//
// How many answers carry the events is up to a server, only that it does not spread the
// events of one revision over several.
func (s *Store) Events(w Watcher) ([]*mvccpb.Event, Watcher, error) {
	if w.Next < s.compacted {
		return nil, w, ErrCompacted
	}
	var events []*mvccpb.Event
	for _, e := range s.history {
		if e.Kv.ModRevision >= w.Next && w.wants(e) {
			e = e.CloneVT()
			if w.Request.PrevKv {
				e.PrevKv = s.before(e)
			}
			events = append(events, e)
		}
	}
	w.Next = max(w.Next, s.Rev()+1)
	return events, w, nil
}

// wants tells whether the change concerns a watched key, and is of a kind that is not
// filtered out.
func (w Watcher) wants(e *mvccpb.Event) bool {
	without := pb.WatchCreateRequest_NOPUT
	if e.Type == mvccpb.Event_DELETE {
		without = pb.WatchCreateRequest_NODELETE
	}
	return contains(w.Request.Key, w.Request.RangeEnd, e.Kv.Key) && !slices.Contains(w.Request.Filters, without)
}

// before is what the key of a change held one revision before it; nil if it did not live,
// or that revision has been forgotten.
func (s *Store) before(e *mvccpb.Event) *mvccpb.KeyValue {
	rev := e.Kv.ModRevision - 1
	if rev < s.compacted {
		return nil
	}
	return s.get(e.Kv.Key, rev).CloneVT()
}
