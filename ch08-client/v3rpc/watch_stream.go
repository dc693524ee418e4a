package v3rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"google.golang.org/grpc"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/interval"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch08-client/v3rpc/rpctypes"
)

// serverWatchStream serves one gRPC stream with any number of watchers (book §8.2.1).
//
// Two goroutines have a part in it: one does nothing but receive requests and hand them
// over; the handler's own does all the rest, one thing after the other. So what is sent has
// one order without any lock: the answer that creates a watcher goes out BEFORE its first
// event, nothing of it AFTER the answer that cancels it, and progress where mvcc has put
// it among the events (W1).
//
// A client that does not read makes only this goroutine wait, in a send. Nothing piles
// up: requests wait in HTTP/2, events in the bounded outbox of the mvcc stream, and beyond
// that in the history of the store.
//
// Invariants:
//  1. watchers holds exactly those that were created and not canceled on the wire.
//  2. All fragments of a response are sent one after the other; only the last does not
//     say that more follow (W8).
type serverWatchStream struct {
	hdr              *header
	stream           grpc.ServerStream
	watches          mvcc.WatchStream
	fragmentBytes    int
	progressInterval time.Duration

	watchers map[mvcc.WatchID]*watcherState
	ticker   *time.Ticker     // nil until a watcher asks for progress
	tick     <-chan time.Time // of ticker
	answer   watchAnswer      // used again and again: gRPC has encoded it when SendMsg returns
}

// watcherState is what the stream must know of a watcher.
type watcherState struct {
	fragment       bool
	progressNotify bool
	isQuiet        bool // heard nothing since the last tick
}

func (sws *serverWatchStream) close() {
	sws.watches.Close()
	if sws.ticker != nil {
		sws.ticker.Stop()
	}
}

// serve works until the stream ends. A client that closes its half still gets events, as
// from 3.4.
func (sws *serverWatchStream) serve() error {
	ctx := sws.stream.Context()
	requests := receive[pb.WatchRequest](sws.stream)
	for {
		var err error
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case in := <-requests:
			if errors.Is(in.err, io.EOF) {
				requests = nil
				continue
			}
			if err = in.err; err == nil {
				err = sws.handle(in.request)
			} else if ctx.Err() == nil {
				watchFailures.receive.Inc()
			}
		case <-sws.watches.Chan():
			err = sws.deliver()
		case <-sws.tick:
			sws.requestProgress()
		}
		if err != nil {
			return err
		}
	}
}

// handle executes a request. One that holds nothing, or something that a newer client may
// know, is passed over.
func (sws *serverWatchStream) handle(r *pb.WatchRequest) error {
	switch {
	case r.GetCreateRequest() != nil:
		return sws.create(r.GetCreateRequest())
	case r.GetCancelRequest() != nil:
		return sws.cancel(mvcc.WatchID(r.GetCancelRequest().WatchId))
	case r.GetProgressRequest() != nil:
		sws.watches.RequestProgressAll()
	}
	return nil
}

// create adds a watcher, or tells why not under the ID -1; the stream goes on either way.
// The header of a watch from now on says where that is: its events begin one later.
func (sws *serverWatchStream) create(r *pb.WatchCreateRequest) error {
	rev := sws.watches.Rev()
	id, err := sws.watches.Watch(watched(r), mvcc.WatchOptions{
		ID:       mvcc.WatchID(r.WatchId),
		StartRev: sws.startRev(r.StartRevision, rev),
		PrevKV:   r.PrevKv,
		NoPut:    slices.Contains(r.Filters, pb.WatchCreateRequest_NOPUT),
		NoDelete: slices.Contains(r.Filters, pb.WatchCreateRequest_NODELETE),
	})
	a := sws.begin(id, rev)
	a.frame.Created = true
	if err != nil {
		a.frame.WatchId = int64(mvcc.InvalidWatchID)
		a.frame.Canceled, a.frame.CancelReason = true, refusal(err)
		return sws.send()
	}
	sws.watchers[id] = &watcherState{fragment: r.Fragment, progressNotify: r.ProgressNotify, isQuiet: true}
	if r.ProgressNotify && sws.ticker == nil {
		sws.ticker = time.NewTicker(sws.progressInterval)
		sws.tick = sws.ticker.C
	}
	return sws.send()
}

// watched is the interval that a request means. No key is shorter than one byte, so an
// empty one stands for the smallest there is.
func watched(r *pb.WatchCreateRequest) interval.Interval {
	key := r.Key
	if len(key) == 0 {
		key = []byte{0}
	}
	return interval.New(key, r.RangeEnd)
}

// startRev is the first revision of which events are due. A negative one is as compacted
// as revision 1, once the store was compacted beyond that: 3.4 then creates the watcher,
// and cancels it with the compact revision. Before any compaction 3.4.23 starts it
// nowhere in particular; the later 3.4 refuse it, and so does mvcc here (W7).
func (sws *serverWatchStream) startRev(wanted, rev int64) int64 {
	switch {
	case wanted == 0:
		return rev + 1
	case wanted < 0 && sws.hdr.kv().FirstRev() > 1:
		return 1
	}
	return wanted
}

// refusal is the reason in words that clients know.
func refusal(err error) string {
	for _, known := range []error{mvcc.ErrEmptyWatcherRange, mvcc.ErrWatcherDuplicateID} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if errors.Is(err, mvcc.ErrCompacted) {
		return rpctypes.ErrorDesc(rpctypes.ErrGRPCCompacted)
	}
	return err.Error()
}

// cancel removes a watcher. Of an ID that is not in use nothing is said, as in 3.4: the
// client may have canceled what a compaction has ended at the same moment.
func (sws *serverWatchStream) cancel(id mvcc.WatchID) error {
	if err := sws.watches.Cancel(id); err != nil {
		return nil
	}
	delete(sws.watchers, id)
	sws.begin(id, sws.watches.Rev()).frame.Canceled = true
	return sws.send()
}

// deliver sends what mvcc has put on its stream.
func (sws *serverWatchStream) deliver() error {
	responses := sws.watches.Take()
	sws.answer.memory.expected = len(responses)
	defer sws.answer.memory.rest()
	for _, r := range responses {
		if err := sws.forward(r); err != nil {
			return err
		}
	}
	return nil
}

func (sws *serverWatchStream) forward(r mvcc.WatchResponse) error {
	if r.CompactRevision != 0 {
		delete(sws.watchers, r.WatchID)
		a := sws.begin(r.WatchID, 0) // 3.4 sends no revision with it, and no reason
		a.frame.Canceled, a.frame.CompactRevision = true, r.CompactRevision
		return sws.send()
	}
	a := sws.begin(r.WatchID, r.Revision)
	if r.IsProgress() {
		return sws.send()
	}
	w := sws.watchers[r.WatchID]
	if w == nil {
		panic(fmt.Sprintf("v3rpc: %d events for watcher %d, which is not on the stream (invariant 1)", len(r.Events), r.WatchID))
	}
	w.isQuiet = false
	if w.fragment {
		return sws.sendFragments(r.Events)
	}
	a.events = r.Events
	return sws.send()
}

// sendFragments sends the events in answers below fragmentBytes, as far as single events
// allow (invariant 2).
func (sws *serverWatchStream) sendFragments(events []mvcc.Event) error {
	a := &sws.answer
	frameSize := a.frame.SizeVT()
	for len(events) > 0 {
		n := fit(frameSize, events, sws.fragmentBytes)
		a.events, events = events[:n], events[n:]
		a.frame.Fragment = len(events) > 0
		if err := sws.send(); err != nil {
			return err
		}
	}
	return nil
}

// requestProgress asks mvcc about the watchers that want progress and have heard nothing
// for a whole interval; the answers come in their place among the events.
func (sws *serverWatchStream) requestProgress() {
	for _, id := range slices.Sorted(maps.Keys(sws.watchers)) {
		if w := sws.watchers[id]; w.progressNotify {
			if w.isQuiet {
				sws.watches.RequestProgress(id)
			}
			w.isQuiet = true
		}
	}
}

// begin clears the answer and fills in its header. A revision of 0 stays 0.
func (sws *serverWatchStream) begin(id mvcc.WatchID, rev int64) *watchAnswer {
	a := &sws.answer
	if a.frame.Header == nil {
		a.frame.Header = new(pb.ResponseHeader)
	}
	sws.hdr.identify(a.frame.Header).Revision = rev
	a.frame.WatchId = int64(id)
	a.frame.Created, a.frame.Canceled, a.frame.Fragment = false, false, false
	a.frame.CompactRevision, a.frame.CancelReason = 0, ""
	a.events = nil
	return a
}

func (sws *serverWatchStream) send() error {
	err := sws.stream.SendMsg(&sws.answer)
	sws.answer.events = nil // they may be many; the next answer may be long in coming
	if err != nil && sws.stream.Context().Err() == nil {
		watchFailures.send.Inc()
	}
	return err
}
