package main

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch08-client/v3rpc/stub"
)

// tinyKV answers as an etcd would, from a map, and keeps count.
type tinyKV struct {
	stub.UnimplementedKVServer
	mu       sync.Mutex
	revision int64
	kvs      map[string]*mvccpb.KeyValue
	watchers []func(*mvccpb.KeyValue)

	puts, gets, serializable, deleted, swapped, notSwapped int
	limited, withoutValues, counts, created                int

	refuse error
}

func (k *tinyKV) Put(_ context.Context, r *pb.PutRequest) (*pb.PutResponse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.puts++
	err := k.put(r)
	return &pb.PutResponse{Header: &pb.ResponseHeader{Revision: k.revision}}, err
}

func (k *tinyKV) put(r *pb.PutRequest) error {
	k.revision++
	kv := &mvccpb.KeyValue{Key: r.Key, Value: r.Value, ModRevision: k.revision}
	k.kvs[string(r.Key)] = kv
	for _, tell := range k.watchers {
		tell(kv)
	}
	return k.refuse
}

func (k *tinyKV) Range(_ context.Context, r *pb.RangeRequest) (*pb.RangeResponse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gets++
	if r.Serializable {
		k.serializable++
	}
	if len(r.RangeEnd) > 0 {
		return k.list(r), k.refuse
	}
	return k.get(r), k.refuse
}

func (k *tinyKV) list(r *pb.RangeRequest) *pb.RangeResponse {
	answer := &pb.RangeResponse{Header: &pb.ResponseHeader{Revision: k.revision}}
	for _, key := range slices.Sorted(maps.Keys(k.kvs)) {
		if key >= string(r.Key) && key < string(r.RangeEnd) {
			answer.Kvs = append(answer.Kvs, k.kvs[key])
		}
	}
	answer.Count = int64(len(answer.Kvs))
	switch {
	case r.CountOnly:
		k.counts++
		answer.Kvs = nil
	case r.KeysOnly:
		k.withoutValues++
	case r.Limit > 0 && answer.Count > r.Limit:
		k.limited++
		answer.Kvs, answer.More = answer.Kvs[:r.Limit], true
	}
	return answer
}

func (k *tinyKV) get(r *pb.RangeRequest) *pb.RangeResponse {
	answer := &pb.RangeResponse{}
	if kv := k.kvs[string(r.Key)]; kv != nil {
		answer.Kvs = append(answer.Kvs, kv)
	}
	return answer
}

func (k *tinyKV) DeleteRange(_ context.Context, r *pb.DeleteRangeRequest) (*pb.DeleteRangeResponse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kvs[string(r.Key)] == nil {
		return &pb.DeleteRangeResponse{}, nil
	}
	k.deleted++
	delete(k.kvs, string(r.Key))
	return &pb.DeleteRangeResponse{Deleted: 1}, k.refuse
}

func (k *tinyKV) Txn(_ context.Context, r *pb.TxnRequest) (*pb.TxnResponse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range r.Compare {
		if kv := k.kvs[string(c.Key)]; kv.GetModRevision() != c.GetModRevision() {
			k.notSwapped++
			found := k.get(r.Failure[0].GetRequestRange())
			return &pb.TxnResponse{Responses: []*pb.ResponseOp{
				{Response: &pb.ResponseOp_ResponseRange{ResponseRange: found}}}}, nil
		}
		k.swapped++
	}
	for _, op := range r.Success {
		if err := k.put(op.GetRequestPut()); err != nil {
			return nil, err
		}
	}
	return &pb.TxnResponse{Succeeded: true, Header: &pb.ResponseHeader{Revision: k.revision}}, nil
}

// tinyWatch answers watches of all keys of a tinyKV. Each stream has its own messenger,
// which is told of puts and need not hold them up.
type tinyWatch struct {
	stub.UnimplementedWatchServer
	k *tinyKV
}

func (t tinyWatch) Watch(stream stub.Watch_WatchServer) error {
	answers := make(chan *pb.WatchResponse, 100_000)
	go func() {
		for id := int64(0); ; id++ {
			r, err := stream.Recv()
			if err != nil {
				close(answers)
				return
			}
			t.k.mu.Lock()
			t.k.created++
			if string(r.GetCreateRequest().Key) == "benchmk/" && string(r.GetCreateRequest().RangeEnd) == "benchmk0" {
				t.k.watchers = append(t.k.watchers, func(kv *mvccpb.KeyValue) {
					if stream.Context().Err() == nil {
						answers <- &pb.WatchResponse{WatchId: id, Events: []*mvccpb.Event{{Kv: kv}}}
					}
				})
			}
			answers <- &pb.WatchResponse{WatchId: id, Created: true}
			t.k.mu.Unlock()
		}
	}()
	for answer := range answers {
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
	return nil
}

// start serves k and returns its address.
func (k *tinyKV) start(t *testing.T) string {
	t.Helper()
	k.kvs = map[string]*mvccpb.KeyValue{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	stub.RegisterKVServer(server, k)
	stub.RegisterWatchServer(server, tinyWatch{k: k})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		require.NoError(t, <-served)
	})
	return listener.Addr().String()
}

func small() *options {
	return &options{clients: 5, conns: 2, total: 300, warmup: 40, valueSize: 10, keySpaceSize: 150, watchers: 7, seed: 1, timeout: time.Minute}
}

func newLoad(t *testing.T, k *tinyKV, name string, o *options) *load {
	t.Helper()
	conns, closeAll, err := dial([]string{k.start(t)}, o.conns)
	require.NoError(t, err)
	t.Cleanup(closeAll)
	s := named(name)
	return &load{scenario: s, options: s.adapted(*o), conns: conns}
}

func TestScenariosDoExactlyWhatTheyAreAskedFor(t *testing.T) {
	o := small()
	all := o.total + o.warmup
	for name, check := range map[string]func(t *testing.T, k *tinyKV){
		"put": func(t *testing.T, k *tinyKV) {
			require.Equal(t, all, k.puts)
			require.Greater(t, len(k.kvs), o.keySpaceSize/2, "keys are spread")
			require.LessOrEqual(t, len(k.kvs), o.keySpaceSize)
			for key, kv := range k.kvs {
				require.Len(t, key, 16)
				require.Len(t, kv.Value, o.valueSize)
			}
		},
		"get": func(t *testing.T, k *tinyKV) {
			require.Equal(t, all, k.gets)
			require.Zero(t, k.serializable)
			require.Len(t, k.kvs, o.keySpaceSize)
		},
		"get-serializable": func(t *testing.T, k *tinyKV) { require.Equal(t, all, k.serializable) },
		"delete": func(t *testing.T, k *tinyKV) {
			require.Equal(t, all, k.deleted)
			require.Empty(t, k.kvs)
		},
		"txn-cas": func(t *testing.T, k *tinyKV) {
			require.Equal(t, all, k.swapped)
			require.Zero(t, k.notSwapped, "clients do not get into each other's way")
		},
		"mixed": func(t *testing.T, k *tinyKV) {
			require.Equal(t, all, k.gets+k.puts)
			require.InDelta(t, 0.8, float64(k.gets)/float64(all), 0.1)
		},
		"list": func(t *testing.T, k *tinyKV) { require.Equal(t, 2, k.gets) },
		"list-pages": func(t *testing.T, k *tinyKV) {
			require.Equal(t, 2*3, k.gets, "1100 keys are three pages")
			require.Equal(t, 2*2, k.limited, "and two of them are not the last")
		},
		"list-keys":  func(t *testing.T, k *tinyKV) { require.Equal(t, 4, k.withoutValues) },
		"list-count": func(t *testing.T, k *tinyKV) { require.Equal(t, 17, k.counts) },
		"watch": func(t *testing.T, k *tinyKV) {
			require.Equal(t, 4, k.puts)
			require.Equal(t, o.watchers, k.created)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var k tinyKV
			o := *o
			want := o.total
			switch name {
			case "list":
				want = 1 // of 300 / 200
			case "list-pages":
				o.keySpaceSize, want = 1100, 1
			case "list-keys":
				want = 3
			case "list-count":
				want = 15
			case "watch":
				want = 3 * o.watchers
			}
			r, err := newLoad(t, &k, name, &o).run(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, r.operations, "the warm-up does not count")
			require.True(t, 0 < r.p50 && r.p50 <= r.p90 && r.p90 <= r.p99 && r.p99 <= r.elapsed, "%+v", r)
			check(t, &k)
		})
	}
}

func TestEveryScenarioCanBeRunAgain(t *testing.T) {
	for _, s := range scenarios {
		var k tinyKV
		l := newLoad(t, &k, s.name, small())
		for range 2 {
			_, err := l.run(t.Context())
			require.NoError(t, err, s.name)
		}
		require.Zero(t, k.notSwapped, s.name)
	}
}

func TestCompareAndSwapLearnsFromAnOlderRun(t *testing.T) {
	var k tinyKV
	l := newLoad(t, &k, "txn-cas", small())
	_, err := l.run(t.Context())
	require.NoError(t, err)
	older := len(k.kvs)
	l.clients = nil // others, who have seen nothing
	_, err = l.run(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, k.notSwapped, older)
	require.Positive(t, k.notSwapped)
}

func TestTheFirstErrorEndsTheLoad(t *testing.T) {
	k := tinyKV{refuse: errors.New("disk on fire")}
	for _, name := range []string{"put", "get"} { // get fails while it prepares
		_, err := newLoad(t, &k, name, small()).run(t.Context())
		require.ErrorContains(t, err, "disk on fire")
		require.ErrorContains(t, err, name)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newLoad(t, new(tinyKV), "put", small()).run(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// A list that is not complete, a watcher that is refused: no number is better than a
// wrong one.
func TestWhatIsNotCompleteIsNotMeasured(t *testing.T) {
	for name, want := range map[string]string{
		"list": "149 keys, but there are 150", "list-keys": "149 keys", "list-count": "149 keys", "list-pages": "149 keys",
	} {
		var k tinyKV
		l := newLoad(t, &k, name, small())
		require.NoError(t, l.fill(t.Context(), l.options.keySpaceSize))
		delete(k.kvs, "benchmk/00000007")
		l.scenario.keys = nil
		_, err := l.run(t.Context())
		require.ErrorContains(t, err, want, name)
	}
}

func TestTheTimeoutEndsTheLoad(t *testing.T) {
	o := small()
	o.total, o.timeout = 10_000_000, 200*time.Millisecond
	_, err := newLoad(t, new(tinyKV), "put", o).run(t.Context())
	require.ErrorContains(t, err, "not done after --timeout 200ms")
}

func TestQuantilesOfTenWaits(t *testing.T) {
	waits := []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	require.EqualValues(t, 5, quantile(waits, 50))
	require.EqualValues(t, 9, quantile(waits, 90))
	require.EqualValues(t, 10, quantile(waits, 99))
	require.EqualValues(t, 7, quantile([]time.Duration{7}, 50))
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"put --clients 0", "--clients 0: want 1 to 100000"},
		{"put --total 0", "--total 0"},
		{"put --value-size -2", "--value-size -2"},
		{"watch --watchers 0", "--watchers 0"},
		{"put --timeout 0s", "--timeout 0s: want more than 0"},
		{"put --endpoints https://127.0.0.1:1", "want host:port"},
		{"put --endpoints 127.0.0.1", "want host:port"},
		{"put --endpoints 127.0.0.1:1 --total 1 --warmup 0", "Unavailable"},
		{"put more", "unknown command"},
		{"fly", "unknown command"},
		{"compare", "requires at least 1 arg"},
		{"compare fly", `invalid argument "fly"`},
		{"compare put --rounds 0", "--rounds 0"},
		{"compare put --ours x --reference /no/such/etcd", "/no/such/etcd"},
	} {
		cmd := command()
		cmd.SetArgs(strings.Fields(c.args))
		cmd.SetOut(new(bytes.Buffer))
		cmd.SetErr(new(bytes.Buffer))
		require.ErrorContains(t, cmd.ExecuteContext(t.Context()), c.want, c.args)
	}
}

func TestOneLoadPrintsItsCost(t *testing.T) {
	var k tinyKV
	var out, log bytes.Buffer
	cmd := command()
	cmd.SetArgs([]string{"put", "--endpoints", "http://" + k.start(t), "--total", "10", "--warmup", "0"})
	cmd.SetOut(&out)
	cmd.SetErr(&log)
	require.NoError(t, cmd.ExecuteContext(t.Context()))
	require.Regexp(t, `^put: 10 operations of 64 clients over 8 connections in \d\.\d\d s
throughput   \d+/s
latency      p50 \d+\.\d\d  p90 \d+\.\d\d  p99 \d+\.\d\d ms
server CPU   (n/a|\d+\.\d) µs an operation
$`, out.String())
}
