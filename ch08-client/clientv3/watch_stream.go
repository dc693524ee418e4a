package clientv3

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

// watchStream is the shell around a watchCore. Who runs what:
//
//	run      owns the core; takes everything from the inbox, one at a time
//	receive  one for each connection: opens it, passes answers to the inbox
//	send     one for each connection: empties the outbox into it
//	deliver  one for each watch: empties its queue into the caller's channel
//
// Nobody blocks run: sending and delivering have goroutines and queues of their own.
type watchStream struct {
	owner   *watcher
	key     string
	watches int // under owner.mu: watches whose caller still has a channel

	ctx    context.Context // carries the metadata of the first watch, not its end
	cancel context.CancelFunc
	inbox  *queue[streamInput]

	// Of run alone:
	core     *watchCore
	callers  map[*watchState]*watchCaller
	outbox   *queue[*pb.WatchRequest] // nil while there is no connection
	pending  []*pb.WatchRequest       // to be sent when there is one
	failures int                      // connections that failed since the last answer
}

// streamInput is one thing that happens to a stream; exactly one part is set.
type streamInput struct {
	add       *watchCaller
	leave     *watchCaller
	goOn      *watchCaller
	progress  bool
	connected *queue[*pb.WatchRequest]
	answer    *pb.WatchResponse
	failed    error
}

// watchCaller is one call of Watch.
type watchCaller struct {
	state     *watchState
	ctx       context.Context
	out       chan WatchResponse
	reports   *queue[report]
	backlog   backlog       // of reports, and of the one that deliver holds
	announced chan struct{} // closed when the watch exists or has ended
}

func newWatchStream(w *watcher, key string, ctx context.Context) *watchStream {
	streamCtx := w.client.ctx
	if md, ok := metadata.FromOutgoingContext(ctx); ok {
		streamCtx = metadata.NewOutgoingContext(streamCtx, md.Copy())
	}
	s := &watchStream{owner: w, key: key, inbox: newQueue[streamInput](),
		core: newWatchCore(), callers: map[*watchState]*watchCaller{}}
	s.ctx, s.cancel = context.WithCancel(streamCtx)
	return s
}

func newWatchCaller(ctx context.Context, op Op, backlogBytes int64) *watchCaller {
	return &watchCaller{backlog: backlog{limit: backlogBytes}, state: newWatchState(op), ctx: ctx, out: make(chan WatchResponse),
		reports: newQueue[report](), announced: make(chan struct{})}
}

// watch is called by the caller of Watch, who has joined.
func (s *watchStream) watch(c *watchCaller) WatchChan {
	s.inbox.push(streamInput{add: c})
	select {
	case <-c.announced:
	case <-c.ctx.Done():
	case <-s.ctx.Done():
	}
	return c.out
}

// run ends with the stream's context; until then connections come and go.
func (s *watchStream) run() {
	var connections sync.WaitGroup
	defer connections.Wait()
	defer s.cancel()
	connections.Go(func() { s.receive(0) })
	for {
		in, ok := s.inbox.pop(s.ctx)
		if !ok {
			return
		}
		if in.failed == nil {
			s.take(in)
			s.send()
			continue
		}
		if s.ctx.Err() != nil {
			return
		}
		if haltsWatches(in.failed) {
			s.endAll(in.failed)
		}
		s.outbox = nil
		s.core.broken()
		failures := s.failures
		s.failures++
		connections.Go(func() { s.receive(failures) })
	}
}

func (s *watchStream) take(in streamInput) {
	switch {
	case in.add != nil && in.add.ctx.Err() != nil: // its leave may have come first
	case in.add != nil:
		s.callers[in.add.state] = in.add
		s.core.add(in.add.state)
	case in.leave != nil:
		delete(s.callers, in.leave.state)
		s.pending = append(s.pending, s.core.cancel(in.leave.state)...)
	case in.goOn != nil:
		s.core.goOn(in.goOn.state)
	case in.progress:
		s.pending = append(s.pending, &pb.WatchRequest{
			RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}})
	case in.connected != nil:
		s.outbox = in.connected
	case in.answer != nil:
		s.failures = 0
		reports, send := s.core.receive(in.answer)
		s.pending = append(s.pending, send...)
		s.report(reports)
	}
}

// send empties what is pending into the connection. Without one, creations stay in the
// core, and a request for progress waits; cancels are only made while there is one.
func (s *watchStream) send() {
	if s.outbox == nil {
		return
	}
	s.outbox.push(s.core.requests()...) // BEFORE the rest: progress is asked for of them
	s.outbox.push(s.pending...)
	s.pending = nil
}

func (s *watchStream) report(reports []report) {
	for _, r := range reports {
		if c := s.callers[r.to]; c != nil {
			pause := c.backlog.add(&r)
			c.reports.push(r)
			if pause {
				s.pending = append(s.pending, s.core.pause(c.state)...)
			}
		}
		if r.last {
			delete(s.callers, r.to)
		}
	}
}

// endAll tells every caller that its watch cannot go on.
func (s *watchStream) endAll(err error) {
	s.pending = nil
	for state := range s.callers { // each has a queue of its own: no order between them
		s.core.cancel(state)
		s.report([]report{{to: state, last: true, response: WatchResponse{
			Header: &pb.ResponseHeader{}, Events: []*Event{}, Canceled: true, closeErr: toErr(s.ctx, err)}}})
	}
}

// haltsWatches: without a leader a watch goes on elsewhere, unless its caller asked to
// be told (WithRequireLeader), and only then the server says so.
func haltsWatches(err error) bool { return isHaltErr(nil, err) || isNoLeader(err) }

// receive is the life of one connection, after a pause if others failed before it.
func (s *watchStream) receive(failures int) {
	if failures > 0 && !sleep(s.ctx, backoffFor(failures-1)) {
		return
	}
	err := s.connection()
	if s.owner.client.token.refused(err) && s.owner.client.fetchToken(s.ctx) == nil {
		err = errStreamEnded
	}
	s.inbox.push(streamInput{failed: err})
}

// errStreamEnded is an end that another connection mends.
var errStreamEnded = status.Error(codes.Unavailable, "etcdclient: the member ended the stream")

func (s *watchStream) connection() error {
	ctx, cancel := context.WithCancel(s.ctx)
	var sender sync.WaitGroup
	defer sender.Wait()
	defer cancel()
	stream, err := s.owner.remote.Watch(ctx)
	if err != nil {
		return err
	}
	outbox := newQueue[*pb.WatchRequest]()
	sender.Go(func() {
		for r, ok := outbox.pop(ctx); ok; r, ok = outbox.pop(ctx) {
			if stream.Send(r) != nil {
				return // Recv tells why
			}
		}
	})
	s.inbox.push(streamInput{connected: outbox})
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return errStreamEnded
		}
		if err != nil {
			return err
		}
		s.inbox.push(streamInput{answer: answer})
	}
}

// deliver ends with the watch: when its caller goes, its last report is read, or the
// stream is closed.
func (s *watchStream) deliver(c *watchCaller) {
	defer s.owner.leave(s)
	defer close(c.out)
	announce := sync.OnceFunc(func() { close(c.announced) })
	defer announce()
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	for {
		r, ok := c.reports.pop(ctx)
		if !ok {
			s.inbox.push(streamInput{leave: c})
			return
		}
		announce()
		if !r.response.Created || r.response.Canceled || c.state.op.createdNotify {
			select {
			case c.out <- r.response:
			case <-ctx.Done():
				s.inbox.push(streamInput{leave: c})
				return
			}
		}
		if c.backlog.taken(&r) {
			s.inbox.push(streamInput{goOn: c})
		}
		if r.last {
			return
		}
	}
}
