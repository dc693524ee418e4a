package v3rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch06-storage/watchcheck"
	"insideetcd/ch08-client/v3rpc/rpctypes"
)

// step is a request and all that is to come before the next one.
type step struct {
	request *pb.WatchRequest
	want    []string
}

// What a watch stream says, word for word as recorded from etcd 3.4.23 after six puts of a
// (revisions 2 to 7), one of b (8), and a compaction at 4. The rows that differ say so.
func TestWatchConversations(t *testing.T) {
	a, compacted := []byte("a"), "id=0 rev=0 canceled compact=4"
	watch := func(r *pb.WatchCreateRequest) *pb.WatchRequest {
		if r.Key == nil && r.RangeEnd == nil {
			r.Key = a
		}
		return create(r)
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"from now on, not from the last change", []step{
			{watch(&pb.WatchCreateRequest{Key: []byte("b")}), []string{"id=0 rev=8 created"}},
			{progress(), []string{"id=-1 rev=8"}}}},
		{"W7: from before the compaction", []step{
			{watch(&pb.WatchCreateRequest{StartRevision: 1}), []string{"id=0 rev=8 created", compacted}},
			{cancel(0), nil}, // 3.4 confirms it once more
			{watch(&pb.WatchCreateRequest{}), []string{"id=1 rev=8 created"}}}},
		{"W7: from revision -1", []step{{watch(&pb.WatchCreateRequest{StartRevision: -1}), []string{"id=0 rev=8 created", compacted}}}},
		{"from an old revision", []step{{watch(&pb.WatchCreateRequest{StartRevision: 5}),
			[]string{"id=0 rev=8 created", "id=0 rev=8 PUT a@5 PUT a@6 PUT a@7"}}}},
		{"from the last of its revisions", []step{{watch(&pb.WatchCreateRequest{StartRevision: 7}),
			[]string{"id=0 rev=8 created", "id=0 rev=8 PUT a@7"}}}},
		{"from the current revision", []step{{watch(&pb.WatchCreateRequest{StartRevision: 8}), []string{"id=0 rev=8 created"}}}},
		{"W3: from a future revision", []step{{watch(&pb.WatchCreateRequest{StartRevision: 100}), []string{"id=0 rev=8 created"}}}},
		{"with what was there before", []step{{watch(&pb.WatchCreateRequest{StartRevision: 6, PrevKv: true}),
			[]string{"id=0 rev=8 created", "id=0 rev=8 PUT a@6 was@5 PUT a@7 was@6"}}}},
		{"no puts, and a filter that is unknown", []step{
			{watch(&pb.WatchCreateRequest{StartRevision: 5, Filters: []pb.WatchCreateRequest_FilterType{9, 0}}), []string{"id=0 rev=8 created"}},
			{watch(&pb.WatchCreateRequest{StartRevision: 7, Filters: []pb.WatchCreateRequest_FilterType{9, 1}}), []string{"id=1 rev=8 created", "id=1 rev=8 PUT a@7"}}}},
		{"all keys, by an empty one", []step{{watch(&pb.WatchCreateRequest{RangeEnd: []byte{0}, StartRevision: 7}),
			[]string{"id=0 rev=8 created", "id=0 rev=8 PUT a@7 PUT b@8"}}}},
		{"no key at all", []step{{create(&pb.WatchCreateRequest{}), []string{"id=0 rev=8 created"}}}},
		{"a range that ends before it begins", []step{
			{watch(&pb.WatchCreateRequest{Key: []byte("b"), RangeEnd: a}), []string{"id=-1 rev=8 created canceled reason: mvcc: watcher range is empty"}},
			{watch(&pb.WatchCreateRequest{Key: a, RangeEnd: a}), []string{"id=-1 rev=8 created canceled reason: mvcc: watcher range is empty"}},
			{watch(&pb.WatchCreateRequest{}), []string{"id=0 rev=8 created"}}}},
		{"an ID twice", []step{
			{watch(&pb.WatchCreateRequest{WatchId: 7}), []string{"id=7 rev=8 created"}},
			{watch(&pb.WatchCreateRequest{WatchId: 7}), []string{"id=-1 rev=8 created canceled reason: mvcc: duplicate watch ID provided on the WatchStream"}}}},
		{"an ID again", []step{
			{watch(&pb.WatchCreateRequest{WatchId: 4}), []string{"id=4 rev=8 created"}},
			{cancel(4), []string{"id=4 rev=8 canceled"}},
			{watch(&pb.WatchCreateRequest{WatchId: 4}), []string{"id=4 rev=8 created"}}}},
		{"IDs below zero", []step{
			{watch(&pb.WatchCreateRequest{WatchId: -3, StartRevision: 7}), []string{"id=-3 rev=8 created", "id=-3 rev=8 PUT a@7"}},
			{cancel(-3), []string{"id=-3 rev=8 canceled"}}}},
		{"IDs that the server chooses beside one that is taken", []step{
			{watch(&pb.WatchCreateRequest{WatchId: 1}), []string{"id=1 rev=8 created"}},
			{watch(&pb.WatchCreateRequest{}), []string{"id=0 rev=8 created"}},
			{watch(&pb.WatchCreateRequest{}), []string{"id=2 rev=8 created"}}}},
		{"W7: cancel what is not there, what is, and again", []step{
			{cancel(5), nil}, {cancel(0), nil},
			{watch(&pb.WatchCreateRequest{}), []string{"id=0 rev=8 created"}},
			{cancel(0), []string{"id=0 rev=8 canceled"}}, {cancel(0), nil},
			{watch(&pb.WatchCreateRequest{}), []string{"id=1 rev=8 created"}}}},
		{"progress, without and with a watcher", []step{
			{progress(), []string{"id=-1 rev=8"}},
			{watch(&pb.WatchCreateRequest{}), []string{"id=0 rev=8 created"}},
			{progress(), []string{"id=-1 rev=8"}}}},
		{"a request that asks for nothing", []step{{&pb.WatchRequest{}, nil}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, nil)
			for i := range 6 {
				b.put(fmt.Sprint(i), "a")
			}
			b.put("", "b")
			b.compact(4)
			b.talk(c.steps)
		})
	}
}

// talk takes the steps, and makes sure that nothing more is said.
func (b *bench) talk(steps []step) {
	b.t.Helper()
	c := b.watch(b.t.Context())
	for i, s := range steps {
		c.send(s.request)
		for _, want := range s.want {
			require.Equal(b.t, want, tell(c.recv()), "step %d", i+1)
		}
	}
	id, _ := c.create(&pb.WatchCreateRequest{Key: []byte("z"), WatchId: 999})
	require.EqualValues(b.t, 999, id)
}

// 3.4.23 lets such a watcher wait for ever; 3.4.38 and later refuse it.
func TestRegression_W7_NegativeStartBeforeAnyCompaction(t *testing.T) {
	b := newBench(t, nil)
	b.talk([]step{{create(&pb.WatchCreateRequest{Key: []byte("a"), StartRevision: -1}),
		[]string{"id=-1 rev=1 created canceled reason: etcdserver: mvcc: required revision has been compacted"}}})
}

func TestRegression_W3_FutureWatchGetsNothingBefore(t *testing.T) {
	b := newBench(t, nil)
	c := b.watch(t.Context())
	c.create(&pb.WatchCreateRequest{Key: []byte("a"), StartRevision: 4})
	for range 4 {
		b.put("", "a")
	}
	require.Equal(t, "id=0 rev=4 PUT a@4", tell(c.recv()))
	require.Equal(t, "id=0 rev=5 PUT a@5", tell(c.recv()))
}

func TestWatchLive(t *testing.T) {
	b := newBench(t, nil)
	c := b.watch(t.Context())
	c.create(&pb.WatchCreateRequest{Key: []byte("a"), RangeEnd: []byte("c"), PrevKv: true})
	b.put("1", "a", "b", "c")
	require.Equal(t, "id=0 rev=2 PUT a@2 PUT b@2", tell(c.recv()))
	b.delete("b")
	require.Equal(t, "id=0 rev=3 DELETE b@3 was@2", tell(c.recv()))
}

// W1: progress at r says that all events up to r have been sent.
func TestRegression_W1_ProgressComesBehindTheEvents(t *testing.T) {
	b := newBench(t, nil)
	c := b.watch(t.Context())
	_, rev := c.create(&pb.WatchCreateRequest{Key: []byte("a")})
	var stream []watchcheck.Response
	for range 50 {
		b.put("", "a")
		c.send(progress())
	}
	for len(stream) == 0 || stream[len(stream)-1].Revision < rev+50 || len(stream[len(stream)-1].Events) > 0 {
		r := c.recv()
		stream = append(stream, watchcheck.Response{WatchID: r.WatchId, Revision: r.Header.Revision, Events: r.Events})
	}
	b.keeps(watchcheck.Watch{Key: []byte("a"), StartRev: rev + 1, Through: rev + 50}, stream)
}

func TestProgressNotifyGoesToQuietWatchersThatAsked(t *testing.T) {
	b := newBench(t, func(_ *bench, s *watchServer) { s.progressInterval = 5 * time.Millisecond })
	c := b.watch(t.Context())
	c.create(&pb.WatchCreateRequest{Key: []byte("a")})
	c.create(&pb.WatchCreateRequest{Key: []byte("a"), ProgressNotify: true})
	c.create(&pb.WatchCreateRequest{Key: []byte("a"), ProgressNotify: true, StartRevision: 9}) // waits for the future
	for range 3 {
		require.Equal(t, "id=1 rev=1", tell(c.recv()))
	}
	c.send(cancel(1))
	for r := c.recv(); !r.Canceled; r = c.recv() {
		require.EqualValues(t, 1, r.WatchId)
	}
	c.create(&pb.WatchCreateRequest{Key: []byte("a"), ProgressNotify: true, WatchId: 8})
	require.Equal(t, "id=8 rev=1", tell(c.recv()))
}

// W8: a transaction larger than an answer may be comes in fragments that stand together,
// and is one again after the client has joined them.
func TestRegression_W8_FragmentsStayTogether(t *testing.T) {
	const limit = 10_000
	b := newBench(t, func(_ *bench, s *watchServer) { s.fragmentBytes = limit })
	var keys []string
	for i := range 40 {
		keys = append(keys, fmt.Sprintf("k%02d", i))
	}
	c := b.watch(t.Context())
	c.create(&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("l"), Fragment: true, PrevKv: true})
	c.create(&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("l"), Fragment: true})
	c.create(&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("l")})
	for range 3 {
		b.put(strings.Repeat("v", 900), keys...)
	}
	last := b.put(strings.Repeat("w", limit+1), "k", "k1") // each too large by itself
	parts := map[int64]int{}
	var streams [3][]watchcheck.Response
	open, done := int64(-1), 0
	var joined watchcheck.Response
	for done < 3 {
		r := c.recv()
		require.True(t, open == -1 || open == r.WatchId, "watch %d speaks amid the fragments of %d", r.WatchId, open)
		if len(r.Events) > 1 && r.WatchId != 2 {
			require.Less(t, r.SizeVT(), limit)
		}
		parts[r.WatchId]++
		joined.WatchID, joined.Revision = r.WatchId, r.Header.Revision
		joined.Events = append(joined.Events, r.Events...)
		if open = -1; r.Fragment {
			open = r.WatchId
			continue
		}
		if joined.Events[len(joined.Events)-1].Kv.ModRevision == last {
			done++
		}
		streams[r.WatchId], joined = append(streams[r.WatchId], joined), watchcheck.Response{}
	}
	for id, stream := range streams {
		b.keeps(watchcheck.Watch{ID: int64(id), Key: []byte("k"), RangeEnd: []byte("l"), StartRev: 2, PrevKV: id == 0, Through: last}, stream)
	}
	require.Greater(t, parts[0], parts[1], "with previous values there is more to send")
	require.LessOrEqual(t, parts[2], 4, "who did not ask gets whole answers")
}

func TestFit(t *testing.T) {
	ten := mvcc.Event(make([]byte, 8)) // 10 bytes in an answer
	for _, c := range []struct {
		name         string
		events, want int
		limit        int
	}{
		{"all", 3, 3, 36}, {"below the limit, not at it", 3, 2, 35},
		{"one is always taken", 3, 1, 1}, {"the only one", 1, 1, 1},
	} {
		events := make([]mvcc.Event, c.events)
		for i := range events {
			events[i] = ten
		}
		require.Equal(t, c.want, fit(5, events, c.limit), c.name)
	}
}

// The spliced answer is, byte for byte, what generated code makes of the same message.
func TestWatchAnswerIsTheMessage(t *testing.T) {
	b := newBench(t, nil)
	w := b.store.NewWatchStream()
	defer w.Close()
	_, err := w.Watch(watched(&pb.WatchCreateRequest{Key: []byte("a"), RangeEnd: []byte("z")}), mvcc.WatchOptions{PrevKV: true})
	require.NoError(t, err)
	b.put("one", "a", "b")
	b.delete("a")
	<-w.Chan()
	events := w.Take()[0].Events
	require.Len(t, events, 2)
	header := func(rev int64, term uint64) *pb.ResponseHeader {
		return &pb.ResponseHeader{ClusterId: 1 << 63, MemberId: 2, Revision: rev, RaftTerm: term}
	}
	a := new(watchAnswer) // one for all, as on a stream
	for i, frame := range []*pb.WatchResponse{
		{Header: header(3, 4)}, {Header: header(3, 4), WatchId: 1}, {Header: header(3, 4), WatchId: 300},
		{Header: header(4, 4), WatchId: -7}, {Header: header(4, 1<<40), WatchId: 7}, {Header: header(0, 1<<40), WatchId: 7},
		{Header: header(4, 4), WatchId: 7, Fragment: true}, {Header: header(4, 4), WatchId: 7, Created: true},
		{Header: header(4, 4), WatchId: 7, Canceled: true, CancelReason: "because"},
		{Header: header(4, 4), CompactRevision: 3}, {Header: header(5, 4), WatchId: 2},
	} {
		for _, some := range [][]mvcc.Event{nil, events[:1], events} {
			f := &a.frame
			f.Header, f.WatchId, f.CompactRevision, f.CancelReason = frame.Header, frame.WatchId, frame.CompactRevision, frame.CancelReason
			f.Created, f.Canceled, f.Fragment = frame.Created, frame.Canceled, frame.Fragment
			a.events = some
			encoded := a.AppendTo([]byte("before"))[len("before"):]
			require.Len(t, encoded, a.Size())
			require.Equal(t, encoded, a.Buffers().Materialize())
			decoded := frame.CloneVT()
			decoded.Events, err = mvcc.DecodeEvents(some)
			require.NoError(t, err)
			want, err := decoded.MarshalVTStrict()
			require.NoError(t, err)
			require.Equal(t, want, encoded, "frame %d with %d events", i, len(some))
		}
	}
}

// Answers that wait to be sent do not share a byte, whatever their sizes.
func TestAnswersHaveMemoryOfTheirOwn(t *testing.T) {
	var m answerMemory
	var sent []mem.BufferSlice
	sizes := []int{1, 300, 300, 2, 5000, answerChunkBytes + 1, 10, answerChunkBytes, 300}
	for round := range 60 {
		m.expected = len(sizes) - 3 // who expects too few only takes memory more often
		for _, size := range sizes {
			b, out := m.take(size)
			require.Len(t, b, size)
			require.Equal(t, size, cap(b))
			for i := range b {
				b[i] = byte(len(sent))
			}
			sent = append(sent, out)
		}
		if round%2 == 0 {
			m.rest()
		}
	}
	for n, out := range sent {
		require.Len(t, out, 1)
		require.Equal(t, sizes[n%len(sizes)], out.Len())
		require.Equal(t, bytes.Repeat([]byte{byte(n)}, out.Len()), out.Materialize())
		require.Equal(t, len(out), cap(out), "an append does not reach the next one's slot")
	}
}

// A delivery to one of many watchers on a stream costs next to no allocation.
func TestDeliveriesDoNotAllocate(t *testing.T) {
	a := &watchAnswer{frame: pb.WatchResponse{Header: &pb.ResponseHeader{ClusterId: 1, MemberId: 2, RaftTerm: 3}},
		events: []mvcc.Event{make([]byte, 300)}}
	const watchers = 100
	allocs := testing.AllocsPerRun(20, func() {
		a.frame.Header.Revision++
		a.memory.expected = watchers
		for id := range watchers {
			a.frame.WatchId = int64(id)
			out, err := Codec{}.Marshal(a)
			if err != nil || out.Len() < 300 {
				t.Fatal(err, out.Len())
			}
		}
		a.memory.rest()
	})
	require.LessOrEqual(t, allocs, 5.0, "for %d deliveries", watchers)
}

func TestHalfClosedStreamGoesOn(t *testing.T) {
	b := newBench(t, nil)
	c := b.watch(t.Context())
	c.create(&pb.WatchCreateRequest{Key: []byte("a")})
	require.NoError(t, c.stream.CloseSend())
	b.put("", "a")
	require.Equal(t, "id=0 rev=2 PUT a@2", tell(c.recv()))
}

func TestStreamsEnd(t *testing.T) {
	stopped := rpctypes.ErrGRPCStopped.Error()
	for _, c := range []struct {
		name string
		end  func(*bench)
	}{
		{"when the member stops", func(b *bench) { close(b.stopping) }},
		{"when clients are to go", func(b *bench) { close(b.draining) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, nil)
			first, second := b.watch(t.Context()), b.watch(t.Context())
			first.create(&pb.WatchCreateRequest{Key: []byte("a")})
			second.create(&pb.WatchCreateRequest{Key: []byte("a")})
			c.end(b)
			for _, s := range []*client{first, second, b.watch(t.Context())} { // the last one comes too late
				_, err := s.stream.Recv()
				require.EqualError(t, err, stopped)
			}
			b.grpc.GracefulStop() // returns: no stream holds it
			require.Zero(t, b.store.Watchers())
		})
	}
}

func TestStreamsWithoutLeaderEnd(t *testing.T) {
	b := newBench(t, nil)
	patient := b.watch(t.Context())
	patient.create(&pb.WatchCreateRequest{Key: []byte("a")})
	strict := b.watch(metadata.AppendToOutgoingContext(t.Context(), "hasleader", "true"))
	strict.create(&pb.WatchCreateRequest{Key: []byte("a")})
	b.lead.Store(0)
	_, err := strict.stream.Recv()
	require.EqualError(t, err, rpctypes.ErrGRPCNoLeader.Error())
	b.put("", "a")
	require.Equal(t, "id=0 rev=2 PUT a@2", tell(patient.recv()))
}

// A client that does not read makes nobody else wait, costs no more than its outbox, and
// misses nothing once it reads again.
func TestSlowClientHoldsUpOnlyItself(t *testing.T) {
	b := newBench(t, nil)
	slow, quick := b.watch(t.Context()), b.watch(t.Context())
	slow.create(&pb.WatchCreateRequest{Key: []byte("a")})
	quick.create(&pb.WatchCreateRequest{Key: []byte("a")})
	value := strings.Repeat("v", 256<<10)
	var last int64
	for range 60 {
		last = b.put(value, "a")
		require.Equal(t, fmt.Sprintf("id=0 rev=%d PUT a@%d", last, last), tell(quick.recv()))
	}
	require.NotZero(t, b.store.Watchers().Victims, "15 MiB do not fit an outbox of 4")
	b.keeps(watchcheck.Watch{Key: []byte("a"), StartRev: 2, Through: last}, slow.until(last))
	require.Zero(t, b.store.Watchers().Victims)
}

func TestClientThatGoesLeavesNothing(t *testing.T) {
	b := newBench(t, nil)
	ctx, leave := context.WithCancelCause(t.Context())
	c := b.watch(ctx)
	for range 10 {
		c.create(&pb.WatchCreateRequest{Key: []byte("a"), ProgressNotify: true})
	}
	before := value(watchFailures.receive)
	leave(errors.New("gone"))
	require.Eventually(t, func() bool { return b.store.Watchers() == mvcc.WatcherCounts{} }, 5*time.Second, time.Millisecond)
	require.Equal(t, before, value(watchFailures.receive), "to go is no failure")
}

func TestProgressIsNotToldTooOften(t *testing.T) {
	for wanted, interval := range map[time.Duration]time.Duration{0: 10 * time.Minute, time.Millisecond: 100 * time.Millisecond, time.Hour: time.Hour} {
		require.Equal(t, interval, newWatchServer(header{}, nil, 0, wanted).progressInterval)
	}
}
