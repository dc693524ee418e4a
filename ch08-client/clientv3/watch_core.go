package clientv3

import (
	"fmt"
	"maps"
	"slices"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
)

// watchCore is what a client knows of the watches on one gRPC stream: a value without
// goroutines, clocks or locks. Requests come out of it, the server's answers go in, and
// what callers have to be told comes out. When the stream breaks, it says how to open
// each watch again.
//
// A worked example. A watch from revision 5 is asked for; the server announces it as
// number 0 and reports the events of revisions 5 and 8. The stream breaks. The watch is
// asked for again, from revision 9, and gets number 3 on the new stream. Should that
// member repeat revision 8, nobody hears of it.
//
//	W1  Every event is reported once: none below next is, and next only rises.
//	W2  Nothing is left out: a watch is opened again at resume ≤ the first revision that
//	    may still come; resume passes a revision only when its events were reported, or
//	    the server promised to this very watch that there are none.
//	W3  Events of one revision are reported together: fragments are joined first.
//	W4  Creations are announced in the order in which they were asked for; refused ones
//	    carry number -1, so this order is all that tells whose refusal it is.
//	W5  After the last answer of a watch (closed) it gets nothing more.
type watchCore struct {
	unasked   []*watchState         // to be asked for on this stream, oldest first
	asked     []*watchState         // asked for and not announced, in order (W4)
	open      map[int64]*watchState // announced, by the server's number
	abandoned map[int64]bool        // numbers canceled by us; late events for them are dropped
}

// sortedByID: callers and servers see the same order in every run.
func sortedByID(open map[int64]*watchState) []*watchState {
	out := make([]*watchState, 0, len(open))
	for _, id := range slices.Sorted(maps.Keys(open)) {
		out = append(out, open[id])
	}
	return out
}

// watchState is one watch.
type watchState struct {
	op Op

	next    int64 // first revision not yet reported; 0 = not known, nothing was reported
	resume  int64 // where to open the watch again; 0 = from now on
	id      int64 // the server's number on this stream
	phase   watchPhase
	created bool            // the caller knows that the watch exists
	pieces  []*mvccpb.Event // fragments that wait for their last
}

type watchPhase int

const (
	phaseUnasked watchPhase = iota
	phaseAsked
	phaseOpen
	phasePaused   // canceled by us, to be asked for again: its caller reads too slowly
	phaseForsaken // asked for; the caller has gone before the announcement
	phaseClosed
)

// report is what to tell the caller of one watch; Last closes its channel.
type report struct {
	to       *watchState
	response WatchResponse
	last     bool
}

func newWatchCore() *watchCore {
	return &watchCore{open: map[int64]*watchState{}, abandoned: map[int64]bool{}}
}

func newWatchState(op Op) *watchState {
	return &watchState{op: op, next: max(0, op.rev), resume: op.rev, id: -1}
}

// add takes a new watch in.
func (c *watchCore) add(w *watchState) {
	w.phase = phaseUnasked
	c.unasked = append(c.unasked, w)
}

// requests returns what is to be sent now, in order.
func (c *watchCore) requests() []*pb.WatchRequest {
	var out []*pb.WatchRequest
	for _, w := range c.unasked {
		w.phase = phaseAsked
		c.asked = append(c.asked, w)
		out = append(out, w.createRequest())
	}
	c.unasked = nil
	return out
}

func (w *watchState) createRequest() *pb.WatchRequest {
	r := &pb.WatchCreateRequest{Key: w.op.key, RangeEnd: w.op.end, StartRevision: w.resume,
		ProgressNotify: w.op.progressNotify, PrevKv: w.op.prevKV, Fragment: w.op.fragment}
	if w.op.filterPut {
		r.Filters = append(r.Filters, pb.WatchCreateRequest_NOPUT)
	}
	if w.op.filterDelete {
		r.Filters = append(r.Filters, pb.WatchCreateRequest_NODELETE)
	}
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: r}}
}

func cancelRequest(id int64) *pb.WatchRequest {
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: id}}}
}

// cancel is the caller going away. The request, if there is one, tells the server.
func (c *watchCore) cancel(w *watchState) []*pb.WatchRequest {
	switch w.phase {
	case phaseUnasked:
		c.unasked = without(c.unasked, w)
	case phaseAsked:
		w.phase = phaseForsaken // its number is not known yet; receive cancels it (W4)
		return nil
	case phaseOpen:
		delete(c.open, w.id)
		c.abandoned[w.id] = true
		w.phase = phaseClosed
		return []*pb.WatchRequest{cancelRequest(w.id)}
	}
	w.phase = phaseClosed
	return nil
}

// pause stops an open watch for a while. What comes of it in the meantime is dropped, and
// asked for again by goOn (W2).
func (c *watchCore) pause(w *watchState) []*pb.WatchRequest {
	if w.phase != phaseOpen {
		return nil
	}
	delete(c.open, w.id)
	c.abandoned[w.id] = true
	send := []*pb.WatchRequest{cancelRequest(w.id)}
	w.phase, w.id, w.pieces = phasePaused, -1, nil
	return send
}

// goOn ends a pause, unless the watch has ended before.
func (c *watchCore) goOn(w *watchState) {
	if w.phase == phasePaused {
		c.add(w)
	}
}

func without(list []*watchState, w *watchState) []*watchState {
	for i, x := range list {
		if x == w {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}

// broken is the end of the stream: every watch has to be asked for again, in the order in
// which they first were as far as that is known.
func (c *watchCore) broken() {
	again := sortedByID(c.open)
	for _, w := range c.asked {
		if w.phase == phaseAsked {
			again = append(again, w)
		} else {
			w.phase = phaseClosed
		}
	}
	again = append(again, c.unasked...)
	for _, w := range again {
		w.phase, w.id, w.pieces = phaseUnasked, -1, nil // the new stream repeats all pieces (W3)
	}
	*c = watchCore{unasked: again, open: map[int64]*watchState{}, abandoned: map[int64]bool{}}
}

// receive takes one answer of the server in. It returns what callers have to be told,
// and what to send.
func (c *watchCore) receive(r *pb.WatchResponse) (reports []report, send []*pb.WatchRequest) {
	switch {
	case r.Created:
		return c.announced(r)
	case r.WatchId == -1 && !r.Canceled:
		return c.progressOfAll(r), nil
	}
	w := c.open[r.WatchId]
	switch {
	case w == nil && r.Canceled:
		delete(c.abandoned, r.WatchId) // our cancel, confirmed: the number may be used again
		return nil, nil
	case w == nil && c.abandoned[r.WatchId]:
		return nil, nil
	case w == nil:
		return nil, []*pb.WatchRequest{cancelRequest(r.WatchId)} // nobody's: make it stop
	case r.Canceled:
		delete(c.open, w.id)
		return []report{c.end(w, r)}, nil
	}
	if told, ok := w.events(r); ok {
		return []report{told}, nil
	}
	return nil, nil
}

// announced settles the oldest creation (W4).
func (c *watchCore) announced(r *pb.WatchResponse) ([]report, []*pb.WatchRequest) {
	if len(c.asked) == 0 {
		return nil, []*pb.WatchRequest{cancelRequest(r.WatchId)}
	}
	w := c.asked[0]
	c.asked = c.asked[1:]
	if w.phase == phaseForsaken {
		w.phase = phaseClosed
		if r.Canceled {
			return nil, nil
		}
		c.abandoned[r.WatchId] = true
		return nil, []*pb.WatchRequest{cancelRequest(r.WatchId)}
	}
	if r.Canceled {
		return []report{c.end(w, r)}, nil
	}
	if other := c.open[r.WatchId]; other != nil {
		panic(fmt.Sprintf("clientv3: the server gave number %d to two watches, on %q and on %q", r.WatchId, other.op.key, w.op.key))
	}
	w.id, w.phase = r.WatchId, phaseOpen
	c.open[w.id] = w
	if w.resume == 0 { // from now on: the answer says when now is
		w.resume = r.Header.GetRevision() + 1
	}
	first := !w.created
	w.created = true
	if !first {
		return nil, nil
	}
	return []report{{to: w, response: WatchResponse{Header: r.Header, Events: []*Event{}, Created: true}}}, nil
}

// progressOfAll is the answer to RequestProgress. It moves no resume point: servers
// before 3.4.25 send it ahead of events that it covers.
func (c *watchCore) progressOfAll(r *pb.WatchResponse) []report {
	var out []report
	for _, w := range sortedByID(c.open) {
		out = append(out, report{to: w, response: WatchResponse{Header: r.Header, Events: []*Event{}}})
	}
	return out
}

func (c *watchCore) end(w *watchState, r *pb.WatchResponse) report {
	w.phase = phaseClosed
	w.pieces = nil
	return report{to: w, last: true, response: WatchResponse{Header: r.Header, Events: []*Event{},
		CompactRevision: r.CompactRevision, Canceled: true, Created: r.Created, cancelReason: r.CancelReason}}
}

// events joins fragments, drops what was reported before, and moves the watch on.
func (w *watchState) events(r *pb.WatchResponse) (report, bool) {
	w.pieces = append(w.pieces, r.Events...)
	if r.Fragment {
		return report{}, false
	}
	all := w.pieces
	w.pieces = nil
	if len(all) == 0 { // progress of this watch: nothing up to the revision is missing
		w.resume = max(w.resume, r.Header.GetRevision()+1)
		return report{to: w, response: WatchResponse{Header: r.Header, Events: []*Event{}}}, true
	}
	fresh := make([]*Event, 0, len(all))
	last := w.next - 1
	for _, e := range all {
		rev := e.GetKv().GetModRevision()
		if rev >= w.next { // W1
			fresh = append(fresh, (*Event)(e))
			last = max(last, rev)
		}
	}
	w.next = last + 1
	w.resume = max(w.resume, w.next)
	if len(fresh) == 0 {
		return report{}, false
	}
	return report{to: w, response: WatchResponse{Header: r.Header, Events: fresh}}, true
}
