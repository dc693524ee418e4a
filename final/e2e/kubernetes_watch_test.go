package e2e

import (
	"context"
	"fmt"
	"sync"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/watchcheck"
	"insideetcd/ch08-client/v3rpc/stub"
)

// recorder keeps what one gRPC watch stream has brought, for the checker of the seven
// guarantees. Values are kept as digests.
type recorder struct {
	stream stub.Watch_WatchClient

	mu        sync.Mutex
	watches   map[int64]*watchcheck.Watch
	responses []watchcheck.Response
	events    int
	created   int
	progress  int64         // revision of the newest progress of all watches
	ended     map[int64]int // watches that a compaction has ended
	err       error
	changed   chan struct{} // closed, and replaced, at every change
}

// openWatches creates watches with the IDs 1, 2 and so on on a stream of their own.
func openWatches(ctx context.Context, watch stub.WatchClient, requests ...*pb.WatchCreateRequest) (*recorder, error) {
	stream, err := watch.Watch(ctx)
	if err != nil {
		return nil, fmt.Errorf("open a watch stream: %w", err)
	}
	r := &recorder{stream: stream, watches: map[int64]*watchcheck.Watch{}, ended: map[int64]int{}, changed: make(chan struct{})}
	for i, request := range requests {
		request.WatchId = int64(i + 1)
		r.watches[request.WatchId] = &watchcheck.Watch{
			ID: request.WatchId, Key: request.Key, RangeEnd: request.RangeEnd,
			StartRev: request.StartRevision, PrevKV: request.PrevKv,
		}
		if err := stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: request}}); err != nil {
			return nil, fmt.Errorf("create watch %d: %w", request.WatchId, err)
		}
	}
	return r, nil
}

// receiveOne takes one message from the stream.
func (r *recorder) receiveOne() error {
	answer, err := r.stream.Recv()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		err = r.take(answer)
	}
	r.err = err
	close(r.changed)
	r.changed = make(chan struct{})
	return err
}

// receiveAll takes messages until the stream ends, for await to see.
func (r *recorder) receiveAll() {
	for r.receiveOne() == nil {
	}
}

func (r *recorder) take(answer *pb.WatchResponse) error {
	switch {
	case answer.Created && answer.Canceled:
		return fmt.Errorf("watch refused: %v", answer)
	case answer.Created:
		r.created++
		if w := r.watches[answer.WatchId]; w.StartRev == 0 {
			w.StartRev = answer.Header.Revision + 1
		}
		return nil
	case answer.Canceled && answer.CompactRevision == 0:
		return fmt.Errorf("watch canceled: %v", answer)
	case answer.CompactRevision != 0:
		r.ended[answer.WatchId]++
	case len(answer.Events) == 0:
		r.progress = max(r.progress, answer.Header.Revision)
	}
	for _, e := range answer.Events {
		e.Kv.Value = digest(e.Kv.Value)
		if e.PrevKv != nil {
			e.PrevKv.Value = digest(e.PrevKv.Value)
		}
	}
	r.events += len(answer.Events)
	r.responses = append(r.responses, watchcheck.Response{WatchID: answer.WatchId, Revision: answer.Header.Revision,
		CompactRevision: answer.CompactRevision, Events: answer.Events})
	return nil
}

// await waits until what it is told holds; receiveAll must run.
func (r *recorder) await(ctx context.Context, what string, holds func() bool) error {
	for {
		r.mu.Lock()
		done, err, changed, events := holds(), r.err, r.changed, r.events
		r.mu.Unlock()
		if done {
			return nil
		}
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w; %d events so far", what, context.Cause(ctx), events)
		}
	}
}

// settle asks for progress until it has reached rev: then all events up to there must
// have come. Each answer that says less is a reason to ask again.
func (r *recorder) settle(ctx context.Context, rev int64) error {
	for {
		r.mu.Lock()
		before := r.progress
		r.mu.Unlock()
		if before >= rev {
			return nil
		}
		err := r.stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}})
		if err != nil {
			return fmt.Errorf("ask for progress: %w", err)
		}
		if err := r.await(ctx, "progress", func() bool { return r.progress > before }); err != nil {
			return err
		}
	}
}

// violations judges all watches of the stream; everything up to through must have come. Of
// many violations it returns the first.
func (r *recorder) violations(history []*mvccpb.Event, compacted, through int64) (found []watchcheck.Violation, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, err := watchcheck.HistoryOf(history)
	if err != nil {
		return nil, err
	}
	h.Compacted(compacted)
	for _, w := range r.watches {
		w.Through = through
		found = append(found, watchcheck.Check(h, *w, r.responses)...)
	}
	return found[:min(len(found), 10)], nil
}
