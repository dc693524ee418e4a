package clientv3

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc/metadata"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch08-client/v3rpc/rpctypes"
	"insideetcd/ch08-client/v3rpc/stub"
)

// The kinds of events.
const (
	EventTypePut    = mvccpb.Event_PUT
	EventTypeDelete = mvccpb.Event_DELETE
)

// Event is one change of one key. Kv of a delete has the key and the revision of the
// delete; PrevKv is set with WithPrevKV, when there was one and it is not compacted.
type Event mvccpb.Event

// IsCreate reports whether the key did not exist before.
func (e *Event) IsCreate() bool {
	return e.Type == EventTypePut && e.Kv.CreateRevision == e.Kv.ModRevision
}

// IsModify reports whether a put replaced a value.
func (e *Event) IsModify() bool {
	return e.Type == EventTypePut && e.Kv.CreateRevision != e.Kv.ModRevision
}

// WatchResponse is one report of a watch. Events of one revision always come together.
type WatchResponse struct {
	Header *pb.ResponseHeader
	Events []*Event

	// CompactRevision is set when the watch ended because what it should report next is
	// compacted: it may begin again there.
	CompactRevision int64
	// Canceled is set in the last report of a watch that the server or an error ended.
	Canceled bool
	// Created is set in the report that WithCreatedNotify asks for.
	Created bool

	closeErr     error
	cancelReason string
}

// Err says why the watch ended; nil while it goes on.
func (r *WatchResponse) Err() error {
	switch {
	case r.closeErr != nil:
		return rpctypes.Error(r.closeErr)
	case r.CompactRevision != 0:
		return rpctypes.ErrCompacted
	case r.Canceled && r.cancelReason != "":
		return errors.New(r.cancelReason)
	case r.Canceled:
		return rpctypes.ErrFutureRev
	}
	return nil
}

// IsProgressNotify reports whether the report only says how far the watch is.
func (r *WatchResponse) IsProgressNotify() bool {
	return len(r.Events) == 0 && !r.Canceled && !r.Created && r.CompactRevision == 0 && r.Header.GetRevision() != 0
}

// WatchChan carries the reports of a watch. It is closed after the last.
type WatchChan <-chan WatchResponse

// Watcher watches keys.
type Watcher interface {
	// Watch reports changes of a key or a range from a revision on (WithRev; 0 is from now
	// on). It returns when the server announced the watch, so that later changes are
	// certainly reported, or when ctx ended. Connections may break: the watch is opened
	// again where it was, on another member. It ends when ctx ends, or when it cannot go
	// on, with the reason in the last report. About 16 MiB of reports that nobody has read
	// are kept in memory; beyond that the watch pauses until they are read.
	//
	// Watches whose contexts carry the same gRPC metadata share a stream.
	Watch(ctx context.Context, key string, opts ...OpOption) WatchChan
	// RequestProgress asks for a report without events on all watches that share the
	// stream of ctx; there may be none.
	RequestProgress(ctx context.Context) error
	// Close ends all watches and waits for their goroutines.
	Close() error
}

// WithRequireLeader lets calls with the context fail (ErrNoLeader) while the member they
// are sent to knows no leader, instead of waiting for one.
func WithRequireLeader(ctx context.Context) context.Context {
	md, ok := metadata.FromOutgoingContext(ctx)
	if !ok {
		md = metadata.MD{}
	}
	md = md.Copy()
	md.Set("hasleader", "true")
	return metadata.NewOutgoingContext(ctx, md)
}

// ErrWatcherClosed is returned by calls on a Watcher after Close.
var ErrWatcherClosed = errors.New("etcdclient: watcher is closed")

type watcher struct {
	client *Client
	remote stub.WatchClient

	mu      sync.Mutex
	streams map[string]*watchStream // by streamKey; a stream leaves with its last watch
	closed  bool
	running sync.WaitGroup

	backlogBytes int64 // watchBacklogBytes, but for tests
}

// NewWatcher makes a Watcher on a client's connection.
func NewWatcher(c *Client) Watcher {
	return &watcher{client: c, remote: stub.NewWatchClient(c.conn), streams: map[string]*watchStream{}, backlogBytes: watchBacklogBytes}
}

func (w *watcher) Watch(ctx context.Context, key string, opts ...OpOption) WatchChan {
	c := newWatchCaller(ctx, opWatch(key, opts), w.backlogBytes)
	stream := w.join(c)
	if stream == nil {
		closed := make(chan WatchResponse, 1)
		closed <- WatchResponse{Canceled: true, Events: []*Event{}, Header: &pb.ResponseHeader{}, closeErr: ErrWatcherClosed}
		close(closed)
		return closed
	}
	return stream.watch(c)
}

// join finds or makes the stream for a caller and counts one watch more on it. All
// goroutines begin here, under the lock, so that none begins after Close; nil then.
func (w *watcher) join(c *watchCaller) *watchStream {
	key := streamKey(c.ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	s := w.streams[key]
	if s == nil {
		s = newWatchStream(w, key, c.ctx)
		w.streams[key] = s
		w.running.Go(s.run)
	}
	s.watches++
	w.running.Go(func() { s.deliver(c) })
	return s
}

// leave counts one watch less; the last one ends the stream.
func (w *watcher) leave(s *watchStream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.watches--; s.watches == 0 {
		delete(w.streams, s.key)
		s.cancel()
	}
}

func (w *watcher) RequestProgress(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrWatcherClosed
	}
	if s := w.streams[streamKey(ctx)]; s != nil {
		s.inbox.push(streamInput{progress: true})
	}
	return nil
}

func (w *watcher) Close() error {
	w.mu.Lock()
	w.closed = true
	for _, s := range w.streams {
		s.cancel()
	}
	w.mu.Unlock()
	w.running.Wait()
	return nil
}

// streamKey is the metadata of ctx in one string: equal strings may share a stream.
func streamKey(ctx context.Context) string {
	md, _ := metadata.FromOutgoingContext(ctx)
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(md)) {
		fmt.Fprintf(&b, "%q=%q ", k, md[k])
	}
	return b.String()
}
