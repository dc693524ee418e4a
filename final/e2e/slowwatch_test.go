package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch08-client/v3rpc/stub"
	"insideetcd/final/embed"
)

const (
	slowValueBytes  = 16 << 10
	slowWindowBytes = 64 << 10 // what HTTP/2 lets the server send to a client that does not read
	mostUnread      = 32 << 20 // several times what a stream keeps and what is on the wire
)

// TestSlowWatcherOverTCP has three watchers of one prefix: one whose client stops reading,
// one on another stream of the same connection, one on another connection. The server is
// in this process, so that the states of its watchers can be seen.
//
//	B1  who does not read turns from synced to victim after a bounded number of bytes
//	B2  from then on nothing is kept for him, however much is written
//	B3  the others hear of everything meanwhile
//	B4  when he reads again he turns unsynced, and synced when he has everything
//	B5  nobody has missed anything or heard it twice: the seven guarantees
func TestSlowWatcherOverTCP(t *testing.T) {
	s := newSlowWatch(t)
	s.change(10)
	require.NoError(t, s.slow.receiveOne()) // and that is all he reads for now
	s.requireWatchers(mvcc.WatcherCounts{Synced: 3})

	unread := s.changeUntilBlocked()
	s.othersSettle()
	pending, moves := pendingEvents(t), s.store.WatcherMoves()

	s.change(1500) // more than five times what a stream keeps
	s.othersSettle()
	s.requireWatchers(mvcc.WatcherCounts{Synced: 2, Victims: 1})
	require.Equal(t, moves, s.store.WatcherMoves(), "B3: nobody else was moved")
	require.Equal(t, pending, pendingEvents(t), "B2")

	go s.slow.receiveAll()
	require.NoError(t, s.slow.settle(s.ctx, s.rev()))
	s.requireWatchers(mvcc.WatcherCounts{Synced: 3})
	back := s.store.WatcherMoves()
	require.Greater(t, back.Unsynced, moves.Unsynced, "B4")
	require.Equal(t, moves.Synced+1, back.Synced, "B4: synced once again")
	require.Zero(t, pendingEvents(t))

	s.change(100)
	s.othersSettle()
	require.NoError(t, s.slow.settle(s.ctx, s.rev()))
	s.requireWatchers(mvcc.WatcherCounts{Synced: 3})
	for name, r := range map[string]*recorder{"slow": s.slow, "same connection": s.same, "other connection": s.other} {
		violations, err := r.violations(s.history, 0, s.rev())
		require.NoError(t, err)
		require.Empty(t, violations, "B5: "+name)
		require.Equal(t, len(s.history), r.events, "B5: "+name)
	}
	t.Logf("%d events; the slow one was a victim after %d KiB unread, %d times in all, unsynced %d times",
		len(s.history), unread>>10, back.Victims, back.Unsynced)
}

// slowWatch is the server, its three clients, and the history of what was written.
type slowWatch struct {
	t                 *testing.T
	ctx               context.Context
	store             *mvcc.WatchableStore
	kv                stub.KVClient
	slow, same, other *recorder

	n       int
	live    map[string]*mvccpb.KeyValue
	history []*mvccpb.Event
}

func newSlowWatch(t *testing.T) *slowWatch {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	store, addr := startEmbedded(t)
	s := &slowWatch{t: t, ctx: ctx, store: store, live: map[string]*mvccpb.KeyValue{}}
	one := dialPlain(t, addr, grpc.WithInitialWindowSize(slowWindowBytes))
	two := dialPlain(t, addr)
	s.kv = stub.NewKVClient(two)
	s.slow, s.same, s.other = s.watch(one), s.watch(one), s.watch(two)
	require.NoError(t, s.slow.receiveOne())
	require.Equal(t, 1, s.slow.created)
	go s.same.receiveAll()
	go s.other.receiveAll()
	for _, r := range []*recorder{s.same, s.other} {
		require.NoError(t, r.await(ctx, "the watch's creation", func() bool { return r.created == 1 }))
	}
	return s
}

func (s *slowWatch) watch(conn *grpc.ClientConn) *recorder {
	s.t.Helper()
	r, err := openWatches(s.ctx, stub.NewWatchClient(conn),
		&pb.WatchCreateRequest{Key: []byte("slow/"), RangeEnd: []byte("slow0"), PrevKv: true})
	require.NoError(s.t, err)
	return r
}

// startEmbedded runs a server in this process, which listens on TCP.
func startEmbedded(t *testing.T) (*mvcc.WatchableStore, string) {
	t.Helper()
	c := embed.NewConfig()
	c.Dir = filepath.Join(t.TempDir(), "member")
	c.UnsafeNoFsync = true
	c.Logger = slog.New(slog.DiscardHandler)
	var err error
	c.LCUrls, err = embed.ParseURLs("http://127.0.0.1:0")
	require.NoError(t, err)
	c.LPUrls = c.LCUrls
	e, err := embed.StartEtcd(c)
	require.NoError(t, err)
	t.Cleanup(e.Close)
	select {
	case <-e.ReadyNotify():
	case err := <-e.Err():
		require.NoError(t, err)
	case <-time.After(readyTimeout):
		require.Fail(t, "the server is not ready")
	}
	store, isWatchable := e.Server.KV().(*mvcc.WatchableStore)
	require.True(t, isWatchable)
	return store, e.Clients[0].Addr().String()
}

func (s *slowWatch) rev() int64 { return s.history[len(s.history)-1].Kv.ModRevision }

// changeUntilBlocked writes until the slow watcher is a victim and stays one: the first time
// he may become one because the server had no time to send, and not because it could not.
// It tells how many bytes of values that took.
func (s *slowWatch) changeUntilBlocked() (bytes int) {
	s.t.Helper()
	for {
		for s.store.Watchers().Victims == 0 {
			require.Less(s.t, bytes, mostUnread, "B1: what nobody reads is kept without bound")
			bytes += s.change(1)
		}
		before, first := s.store.WatcherMoves(), bytes
		bytes += s.change(300)
		if s.store.WatcherMoves() == before {
			return first
		}
	}
}

// change makes changes: mostly puts, some deletions, some transactions of two puts. Those
// who read keep up with them.
func (s *slowWatch) change(count int) (bytes int) {
	s.t.Helper()
	for range count {
		s.n++
		first, second := fmt.Sprintf("slow/%d", s.n%20), fmt.Sprintf("slow/second/%d", s.n%7)
		request := &pb.TxnRequest{Success: []*pb.RequestOp{s.put(first)}}
		switch {
		case s.n%10 == 5:
			request.Success = append(request.Success, s.put(second))
		case s.n%10 == 7 && s.live[first] != nil:
			request.Success = []*pb.RequestOp{{Request: &pb.RequestOp_RequestDeleteRange{
				RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(first)}}}}
		}
		answer, err := s.kv.Txn(s.ctx, request)
		require.NoError(s.t, err)
		for _, op := range request.Success {
			bytes += s.record(op, answer.Header.Revision)
		}
		if s.n%40 == 0 { // so that they never have more to read than a stream keeps
			s.othersSettle()
		}
	}
	return bytes
}

func (s *slowWatch) put(key string) *pb.RequestOp {
	value := strings.Repeat(fmt.Sprintf("%08d", s.n), slowValueBytes/8)
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(key), Value: []byte(value)}}}
}

// record adds an acknowledged operation to the history.
func (s *slowWatch) record(op *pb.RequestOp, rev int64) (bytes int) {
	if r := op.GetRequestDeleteRange(); r != nil {
		delete(s.live, string(r.Key))
		s.history = append(s.history, &mvccpb.Event{Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: r.Key, ModRevision: rev}})
		return 0
	}
	r := op.GetRequestPut()
	kv := &mvccpb.KeyValue{Key: r.Key, Value: digest(r.Value), CreateRevision: rev, ModRevision: rev, Version: 1}
	if before := s.live[string(r.Key)]; before != nil {
		kv.CreateRevision, kv.Version = before.CreateRevision, before.Version+1
	}
	s.live[string(r.Key)] = kv
	s.history = append(s.history, &mvccpb.Event{Kv: kv})
	return len(r.Value)
}

// othersSettle returns when those who read have heard of everything.
func (s *slowWatch) othersSettle() {
	s.t.Helper()
	require.NoError(s.t, s.same.settle(s.ctx, s.rev()), "B3: the stream beside the slow one, on its connection")
	require.NoError(s.t, s.other.settle(s.ctx, s.rev()), "B3: another connection")
}

func (s *slowWatch) requireWatchers(want mvcc.WatcherCounts) {
	s.t.Helper()
	require.Equal(s.t, want, s.store.Watchers())
}

// pendingEvents reads the gauge of events that wait on the server for receivers.
func pendingEvents(t *testing.T) float64 {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "etcd_debugging_mvcc_pending_events_total" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	require.Fail(t, "no gauge of pending events")
	return 0
}
