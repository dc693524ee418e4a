package clientv3

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
)

func TestABacklogPausesOnceAndGoesOnOnce(t *testing.T) {
	r := &report{}
	b := &backlog{limit: 4 * r.bytes()}
	for range 4 {
		require.False(t, b.add(r))
	}
	require.True(t, b.add(r), "one too many")
	require.False(t, b.add(r), "it is paused")
	for range 3 {
		require.False(t, b.taken(r))
	}
	require.True(t, b.taken(r), "half of the limit is left")
	require.False(t, b.taken(r))
	require.False(t, b.taken(r))

	huge := &report{response: WatchResponse{Events: []*Event{{Kv: &mvccpb.KeyValue{Value: make([]byte, b.limit)}}}}}
	require.True(t, b.add(huge), "a report larger than the limit is taken, and is the last")
	require.True(t, b.taken(huge), "B1: whoever takes it has the watch go on")
}

// countingStream counts the events that come over the connection.
type countingStream struct {
	grpc.ClientStream
	events *atomic.Int64
}

func (s *countingStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if r, ok := m.(*pb.WatchResponse); ok && err == nil {
		s.events.Add(int64(len(r.Events)))
	}
	return err
}

// A caller who does not read holds up to the limit in memory, and not the others on the same
// stream. When it reads again, it gets everything, once and in order.
func TestAWatchThatNobodyReadsIsBounded(t *testing.T) {
	const writes, limit = 1500, 64 << 10
	var received atomic.Int64
	client := open(t, Config{Endpoints: []string{startEtcd(t)}, DialOptions: []grpc.DialOption{grpc.WithStreamInterceptor(
		func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, next grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
			s, err := next(ctx, desc, cc, method, o...)
			return &countingStream{s, &received}, err
		})}})
	client.Watcher.(*watcher).backlogBytes = limit
	ctx := soon(t)
	slow, fast := client.Watch(ctx, "k", WithPrefix()), client.Watch(ctx, "k", WithPrefix())
	value := strings.Repeat("x", 1024)
	var want []string
	for i := range writes {
		key := fmt.Sprintf("k%d", i%7)
		r, err := client.Put(ctx, key, value)
		require.NoError(t, err)
		want = append(want, fmt.Sprintf("%d %s", r.Header.Revision, key))
	}
	require.Equal(t, want, told(t, fast, writes), "the others are not held up")
	require.Less(t, received.Load(), int64(writes+writes/2), "what nobody reads is not sent")
	require.Equal(t, want, told(t, slow, writes))
}

// A pause ends with its watch: the context of the caller, or the client.
func TestAPausedWatchEnds(t *testing.T) {
	client := open(t, Config{Endpoints: []string{startEtcd(t)}})
	client.Watcher.(*watcher).backlogBytes = 1
	ctx, cancel := context.WithCancel(soon(t))
	w := client.Watch(ctx, "k")
	for range 3 {
		_, err := client.Put(ctx, "k", "v")
		require.NoError(t, err)
	}
	require.Len(t, told(t, w, 3), 3, "with a pause after each report")
	_, err := client.Put(ctx, "k", "v")
	require.NoError(t, err)
	cancel()
	for range w { // at most what was on its way
	}
	client.Watch(soon(t), "k", WithRev(1)) // nobody reads it: Close ends it
}

// told reads n events.
func told(t *testing.T, w WatchChan, n int) (events []string) {
	t.Helper()
	for r := range w {
		require.NoError(t, r.Err())
		for _, e := range r.Events {
			events = append(events, fmt.Sprintf("%d %s", e.Kv.ModRevision, e.Kv.Key))
		}
		if len(events) >= n {
			break
		}
	}
	return events
}
