package clientv3

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc"
	"insideetcd/ch08-client/v3rpc/rpctypes"
	"insideetcd/ch08-client/v3rpc/stub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// moodyKV fails as it is told.
type moodyKV struct {
	stub.UnimplementedKVServer
	failures atomic.Int64 // calls that fail before one succeeds
	calls    atomic.Int64
	err      error
}

func (k *moodyKV) answer() error {
	k.calls.Add(1)
	if k.failures.Add(-1) >= 0 {
		return k.err
	}
	return nil
}

func (k *moodyKV) Range(context.Context, *pb.RangeRequest) (*pb.RangeResponse, error) {
	return &pb.RangeResponse{Header: &pb.ResponseHeader{}}, k.answer()
}

func (k *moodyKV) Put(context.Context, *pb.PutRequest) (*pb.PutResponse, error) {
	return &pb.PutResponse{Header: &pb.ResponseHeader{}}, k.answer()
}

func serve(t *testing.T, k *moodyKV) (endpoint string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer(grpc.ForceServerCodecV2(v3rpc.Codec{}))
	stub.RegisterKVServer(s, k)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); <-done })
	return l.Addr().String()
}

func open(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// nobody is an address at which nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func TestReadsAreSentAgainWritesAreNot(t *testing.T) {
	for _, c := range []struct {
		name      string
		err       error
		disable   bool
		read      bool
		wantCalls int64
		ok        bool
	}{
		{"a read that found no leader", rpctypes.ErrGRPCLeaderChanged, false, true, 3, true},
		{"a read that the server refused", rpctypes.ErrGRPCCompacted, false, true, 1, false},
		{"a write that may have been done", rpctypes.ErrGRPCTimeout, false, false, 1, false},
		{"a write to a member that stops", rpctypes.ErrGRPCStopped, false, false, 1, false},
		{"a read, retries off", rpctypes.ErrGRPCLeaderChanged, true, true, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &moodyKV{err: c.err}
			k.failures.Store(2)
			client := open(t, Config{Endpoints: []string{serve(t, k)}})
			client.cfg.DisableRetry = c.disable // after connecting: what is tested is sending again
			var err error
			if c.read {
				_, err = client.Get(soon(t), "k")
			} else {
				_, err = client.Put(soon(t), "k", "v")
			}
			require.Equal(t, c.ok, err == nil, "%v", err)
			if !c.ok {
				require.Equal(t, rpctypes.Error(c.err), err, "the value that callers compare with")
			}
			require.Equal(t, c.wantCalls, k.calls.Load())
		})
	}
}

func TestCallsWaitForAMember(t *testing.T) {
	good := &moodyKV{}
	client := open(t, Config{Endpoints: []string{nobody(t), serve(t, good), nobody(t)}})
	for range 20 {
		_, err := client.Put(soon(t), "k", "v")
		require.NoError(t, err)
	}
	require.EqualValues(t, 20, good.calls.Load())

	alone := open(t, Config{Endpoints: []string{nobody(t)}})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := alone.Put(ctx, "k", "v")
	require.Equal(t, context.DeadlineExceeded, err)
	canceled, stop := context.WithCancel(context.Background())
	stop()
	_, err = alone.Get(canceled, "k")
	require.Equal(t, context.Canceled, err)
	alone.SetEndpoints(serve(t, good))
	_, err = alone.Put(soon(t), "k", "v")
	require.NoError(t, err, "new endpoints are used")
}

func TestRetriesCanBeSwitchedOff(t *testing.T) {
	client := open(t, Config{Endpoints: []string{nobody(t)}, DisableRetry: true})
	_, err := client.Put(soon(t), "k", "v")
	require.Equal(t, codes.Unavailable, status.Code(err), "at once, not when the context ends")
}

func TestConfigWithoutEndpoints(t *testing.T) {
	_, err := New(Config{})
	require.Equal(t, ErrNoAvailableEndpoints, err)
}

// TestCloseEndsWhatWaits: nobody answers, and yet Close returns and channels close (C1).
func TestCloseEndsWhatWaits(t *testing.T) {
	client, err := New(Config{Endpoints: []string{nobody(t)}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	watch := client.Watch(ctx, "k") // returns because ctx ended
	lease, err := client.KeepAlive(context.Background(), 1)
	require.NoError(t, err)
	waiting := make(chan WatchChan)
	go func() { waiting <- client.Watch(context.Background(), "k") }()
	require.NoError(t, client.Close())
	for range watch {
	}
	for range <-waiting {
	}
	for range lease {
	}
	_, err = client.KeepAlive(context.Background(), 1)
	require.Equal(t, ErrKeepAliveHalted, err)
	r, ok := <-client.Watch(context.Background(), "k")
	require.True(t, ok)
	require.Equal(t, ErrWatcherClosed, r.Err())
}

func TestAnAttemptToConnectMayTakeItsTime(t *testing.T) {
	require.Equal(t, 20*time.Second, connectParams(0).MinConnectTimeout)
	require.Equal(t, time.Second, connectParams(time.Second).MinConnectTimeout)
}
