package v3rpc

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"

	"insideetcd/ch08-client/v3rpc/rpctypes"
)

// received is what came from the client of a stream: a request, or why none will follow.
type received[Req any] struct {
	request *Req
	err     error // io.EOF: the client has said all it had to say
}

// receive takes requests from a stream, so that its handler can wait for them and for
// other things too. It is over after the first error, or with the handler.
func receive[Req any](stream grpc.ServerStream) <-chan received[Req] {
	requests := make(chan received[Req])
	go func() {
		for {
			in := received[Req]{request: new(Req)}
			in.err = stream.RecvMsg(in.request)
			select {
			case requests <- in:
			case <-stream.Context().Done():
				return
			}
			if in.err != nil {
				return
			}
		}
	}()
	return requests
}

// leaderlessTicks is how many election timeouts in a row without a leader end the streams
// of clients that want one.
const leaderlessTicks = 3

// streamEnds ends streams that would go on for ever: all of them when the server stops,
// and those of clients that want a leader when there is none. A stream learns it by its
// context, whose cause is the status to be answered.
//
// While there are streams, one goroutine looks after all of them.
type streamEnds struct {
	raft            RaftStatus
	stopping        <-chan struct{} // the member stops
	draining        <-chan struct{} // clients are to go, the member goes on for now; may be nil
	electionTimeout time.Duration

	mu      sync.Mutex
	streams map[*guardedContext]struct{}
	allGone chan struct{} // closed when the last stream has gone; nil while there is none
}

// guardedContext is the context of one stream.
type guardedContext struct {
	context.Context
	end         context.CancelCauseFunc
	needsLeader bool
}

func newStreamEnds(raft RaftStatus, stopping, draining <-chan struct{}, electionTimeout time.Duration) *streamEnds {
	if electionTimeout == 0 {
		electionTimeout = time.Second
	}
	return &streamEnds{
		raft: raft, stopping: stopping, draining: draining, electionTimeout: electionTimeout,
		streams: map[*guardedContext]struct{}{},
	}
}

// join returns the context of a new stream. The caller calls leave when it has ended.
func (e *streamEnds) join(ctx context.Context, needsLeader bool) *guardedContext {
	g := &guardedContext{needsLeader: needsLeader}
	g.Context, g.end = context.WithCancelCause(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.streams[g] = struct{}{}
	if e.allGone == nil {
		e.allGone = make(chan struct{})
		go e.watch(e.allGone)
	}
	return g
}

func (e *streamEnds) leave(g *guardedContext) {
	g.end(nil)
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.streams, g)
	if len(e.streams) == 0 && e.allGone != nil {
		close(e.allGone)
		e.allGone = nil
	}
}

// watch ends streams until there is none, or the server stops. A stream that comes after
// that starts it anew.
func (e *streamEnds) watch(allGone chan struct{}) {
	ticker := time.NewTicker(e.electionTimeout)
	defer ticker.Stop()
	leaderless := 0
	for {
		select {
		case <-allGone:
			return
		case <-e.stopping:
			e.endAll(allGone)
			return
		case <-e.draining:
			e.endAll(allGone)
			return
		case <-ticker.C:
			leaderless++
			if e.raft.Leader() != 0 {
				leaderless = 0
			}
			if leaderless >= leaderlessTicks {
				e.endLeaderless()
			}
		}
	}
}

// endAll ends all streams, and hands the watch over to the next one that joins.
func (e *streamEnds) endAll(allGone chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for g := range e.streams {
		g.end(rpctypes.ErrGRPCStopped)
	}
	if e.allGone == allGone {
		e.allGone = nil
	}
}

func (e *streamEnds) endLeaderless() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for g := range e.streams {
		if g.needsLeader {
			g.end(rpctypes.ErrGRPCNoLeader)
		}
	}
}
