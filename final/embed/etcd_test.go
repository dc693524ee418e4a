package embed

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch01-intro/api/v3lockpb"
	"insideetcd/ch01-intro/version"
	"insideetcd/ch08-client/v3rpc"
	"insideetcd/ch08-client/v3rpc/rpctypes"
	"insideetcd/ch08-client/v3rpc/stub"
)

// config is a member on free ports in dir.
func config(dir string) *Config {
	c := NewConfig()
	c.Dir = filepath.Join(dir, "member.etcd")
	c.LPUrls = mustURLs("http://127.0.0.1:0")
	c.LCUrls = mustURLs("http://127.0.0.1:0")
	c.Logger = slog.New(slog.DiscardHandler)
	return c
}

// running starts a member and waits until it serves.
func running(t *testing.T, c *Config) *Etcd {
	t.Helper()
	e, err := StartEtcd(c)
	require.NoError(t, err)
	t.Cleanup(e.Close)
	select {
	case <-e.ReadyNotify():
	case err := <-e.Err():
		require.NoError(t, err)
	case <-time.After(10 * time.Second):
		require.Fail(t, "the member is not ready after ten seconds")
	}
	return e
}

// client is every service of one member.
type client struct {
	stub.KVClient
	stub.ClusterClient
	stub.MaintenanceClient
	conn *grpc.ClientConn
}

func dial(t *testing.T, e *Etcd) *client {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+e.Clients[0].Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(v3rpc.Codec{}), grpc.MaxCallRecvMsgSize(1<<30)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &client{stub.NewKVClient(conn), stub.NewClusterClient(conn), stub.NewMaintenanceClient(conn), conn}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (c *client) put(t *testing.T, key, value string) *pb.PutResponse {
	t.Helper()
	resp, err := c.Put(within(t), &pb.PutRequest{Key: []byte(key), Value: []byte(value)})
	require.NoError(t, err)
	return resp
}

func (c *client) get(t *testing.T, key string) string {
	t.Helper()
	resp, err := c.Range(within(t), &pb.RangeRequest{Key: []byte(key)})
	require.NoError(t, err)
	if len(resp.Kvs) == 0 {
		return ""
	}
	return string(resp.Kvs[0].Value)
}

func putOp(key, value string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(key), Value: []byte(value)}}}
}

func TestAClientWritesAndReads(t *testing.T) {
	e := running(t, config(t.TempDir()))
	c := dial(t, e)
	ctx := within(t)

	first := c.put(t, "a", "1")
	require.Equal(t, uint64(0x8e9e05c52164694d), first.Header.MemberId, "the ID of a member named default at the default peer URL")
	require.Equal(t, uint64(0xcdf818194e3a8c32), first.Header.ClusterId)
	require.EqualValues(t, 2, first.Header.Revision, "the first write makes revision 2")
	require.NotZero(t, first.Header.RaftTerm)

	again, err := c.Put(ctx, &pb.PutRequest{Key: []byte("a"), Value: []byte("2"), PrevKv: true})
	require.NoError(t, err)
	want := &mvccpb.KeyValue{Key: []byte("a"), Value: []byte("1"), CreateRevision: 2, ModRevision: 2, Version: 1}
	require.True(t, want.EqualVT(again.PrevKv), "%v", again.PrevKv)

	got, err := c.Range(ctx, &pb.RangeRequest{Key: []byte("a")})
	require.NoError(t, err)
	want = &mvccpb.KeyValue{Key: []byte("a"), Value: []byte("2"), CreateRevision: 2, ModRevision: 3, Version: 2}
	require.True(t, want.EqualVT(got.Kvs[0]), "%v", got.Kvs)
	require.EqualValues(t, 1, got.Count)
	require.EqualValues(t, 3, got.Header.Revision)

	txn, err := c.Txn(ctx, &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: []byte("a"), Target: pb.Compare_VERSION, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_Version{Version: 2}}},
		Success: []*pb.RequestOp{putOp("b", "3")},
	})
	require.NoError(t, err)
	require.True(t, txn.Succeeded)
	inner := txn.Responses[0].GetResponsePut().Header
	require.EqualValues(t, 4, inner.Revision)
	require.Zero(t, inner.MemberId, "headers inside carry only the revision")

	deleted, err := c.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: []byte("a"), RangeEnd: []byte("\x00"), PrevKv: true})
	require.NoError(t, err)
	require.EqualValues(t, 2, deleted.Deleted)
	require.Len(t, deleted.PrevKvs, 2)

	compacted, err := c.Compact(ctx, &pb.CompactionRequest{Revision: 4, Physical: true})
	require.NoError(t, err)
	require.EqualValues(t, 5, compacted.Header.Revision)
}

func TestClusterAndMaintenance(t *testing.T) {
	e := running(t, config(t.TempDir()))
	c := dial(t, e)
	ctx := within(t)
	c.put(t, "a", "1")

	members, err := c.MemberList(ctx, &pb.MemberListRequest{Linearizable: true})
	require.NoError(t, err)
	require.Zero(t, members.Header.Revision, "answers about membership carry no revision")
	require.Len(t, members.Members, 1)
	m := members.Members[0]
	require.Equal(t, "default", m.Name)
	require.Equal(t, []string{DefaultInitialAdvertisePeerURLs}, m.PeerURLs)
	require.Equal(t, []string{DefaultAdvertiseClientURLs}, m.ClientURLs)

	s, err := c.Status(ctx, &pb.StatusRequest{})
	require.NoError(t, err)
	require.Equal(t, version.Compatible, s.Version)
	require.Equal(t, m.ID, s.Leader)
	require.Equal(t, s.RaftIndex, s.RaftAppliedIndex)
	require.NotZero(t, s.DbSize)
	require.NotZero(t, s.DbSizeInUse)
	require.Empty(t, s.Errors)
	require.EqualValues(t, 2, s.Header.Revision)

	one, err := c.HashKV(ctx, &pb.HashKVRequest{})
	require.NoError(t, err)
	two, err := c.HashKV(ctx, &pb.HashKVRequest{Revision: 2})
	require.NoError(t, err)
	require.NotZero(t, one.Hash)
	require.Equal(t, one.Hash, two.Hash)
	whole, err := c.Hash(ctx, &pb.HashRequest{})
	require.NoError(t, err)
	require.NotZero(t, whole.Hash)

	h, err := healthpb.NewHealthClient(c.conn).Check(ctx, &healthpb.HealthCheckRequest{}, grpc.ForceCodecV2(v3rpc.Codec{}))
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, h.Status)
}

// Bad input gets the code and the text that clients match on, and changes nothing.
func TestBadInput(t *testing.T) {
	e := running(t, config(t.TempDir()))
	c := dial(t, e)
	c.put(t, "a", "1")
	c.put(t, "a", "2")
	_, err := c.Compact(within(t), &pb.CompactionRequest{Revision: 3})
	require.NoError(t, err)

	ops := func(n int) (out []*pb.RequestOp) {
		for i := range n {
			out = append(out, putOp(fmt.Sprint("k", i), ""))
		}
		return out
	}
	big := bytes.Repeat([]byte("x"), 1_572_864)
	lease := &pb.PutRequest{Key: []byte("a"), Lease: 7}
	rng := func(r *pb.RangeRequest) func(context.Context) error {
		return func(ctx context.Context) error { _, err := c.Range(ctx, r); return err }
	}
	put := func(r *pb.PutRequest) func(context.Context) error {
		return func(ctx context.Context) error { _, err := c.Put(ctx, r); return err }
	}
	txn := func(ops ...*pb.RequestOp) func(context.Context) error {
		return func(ctx context.Context) error { _, err := c.Txn(ctx, &pb.TxnRequest{Success: ops}); return err }
	}
	compact := func(rev int64) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.Compact(ctx, &pb.CompactionRequest{Revision: rev})
			return err
		}
	}
	delFrom := &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte("a"), RangeEnd: []byte("\x00")}}}

	for _, tc := range []struct {
		name string
		call func(context.Context) error
		code codes.Code
		text string
	}{
		{"put without a key", put(&pb.PutRequest{}), codes.InvalidArgument, "etcdserver: key is not provided"},
		{"range without a key", rng(&pb.RangeRequest{}), codes.InvalidArgument, "etcdserver: key is not provided"},
		{"sort by what does not exist", rng(&pb.RangeRequest{Key: []byte("a"), SortOrder: 1, SortTarget: 9}), codes.InvalidArgument, "etcdserver: invalid sort option"},
		{"ignore_value of a key that is not there", put(&pb.PutRequest{Key: []byte("none"), IgnoreValue: true}), codes.InvalidArgument, "etcdserver: key not found"},
		{"a lease that is not there", put(lease), codes.NotFound, "etcdserver: requested lease not found"},
		{"over 1.5 MiB", put(&pb.PutRequest{Key: []byte("k"), Value: big}), codes.InvalidArgument, "etcdserver: request is too large"},
		{"over 2 MiB", put(&pb.PutRequest{Key: []byte("k"), Value: append(big, big...)}), codes.ResourceExhausted, "grpc: received message larger than max (3145736 vs. 2097152)"},
		{"129 operations", txn(ops(129)...), codes.InvalidArgument, "etcdserver: too many operations in txn request"},
		{"a key twice", txn(putOp("a", "1"), putOp("a", "2")), codes.InvalidArgument, "etcdserver: duplicate key given in txn request"},
		{"a key twice, through a range", txn(delFrom, putOp("b", "2")), codes.InvalidArgument, "etcdserver: duplicate key given in txn request"},
		{"an operation without a request", txn(&pb.RequestOp{}), codes.InvalidArgument, "etcdserver: key not found"},
		{"a compacted revision", rng(&pb.RangeRequest{Key: []byte("a"), Revision: 2}), codes.OutOfRange, "etcdserver: mvcc: required revision has been compacted"},
		{"a future revision", rng(&pb.RangeRequest{Key: []byte("a"), Revision: 99}), codes.OutOfRange, "etcdserver: mvcc: required revision is a future revision"},
		{"compact again", compact(3), codes.OutOfRange, "etcdserver: mvcc: required revision has been compacted"},
		{"compact the future", compact(99), codes.OutOfRange, "etcdserver: mvcc: required revision is a future revision"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := status.Convert(tc.call(within(t)))
			require.Equal(t, tc.code, s.Code(), s.Message())
			require.Equal(t, tc.text, s.Message())
		})
	}

	empty, err := c.Range(within(t), &pb.RangeRequest{Key: []byte("b"), RangeEnd: []byte("a")})
	require.NoError(t, err, "a range end below the key is an empty range")
	require.Zero(t, empty.Count)
	require.EqualValues(t, 3, empty.Header.Revision, "nothing of all this changed the store")
	require.Equal(t, rpctypes.ErrKeyNotFound, rpctypes.Error(txn(&pb.RequestOp{})(within(t))), "what a client library makes of it")
}

// Services that are not built yet say so.
func TestUnbuiltServicesAnswerUnimplemented(t *testing.T) {
	e := running(t, config(t.TempDir()))
	c := dial(t, e)
	ctx := within(t)
	_, addErr := c.MemberAdd(ctx, &pb.MemberAddRequest{PeerURLs: []string{"http://localhost:1"}})
	_, authErr := stub.NewAuthClient(c.conn).AuthEnable(ctx, &pb.AuthEnableRequest{})
	_, lockErr := stub.NewLockClient(c.conn).Lock(ctx, &v3lockpb.LockRequest{Name: []byte("l")})
	for name, err := range map[string]error{"member add": addErr, "auth": authErr, "lock": lockErr} {
		require.Equal(t, codes.Unimplemented, status.Code(err), name)
	}
}

// A stopped member comes back with everything, and the revision goes on.
func TestRestartKeepsEverything(t *testing.T) {
	cfg := config(t.TempDir())
	e := running(t, cfg)
	c := dial(t, e)
	for i := range 20 {
		c.put(t, fmt.Sprint("k", i), fmt.Sprint("v", i))
	}
	e.Close()
	_, err := c.Put(within(t), &pb.PutRequest{Key: []byte("late")})
	require.Equal(t, codes.Unavailable, status.Code(err))

	cfg.InitialCluster = "default=http://nobody.example:1" // the data directory knows better
	c = dial(t, running(t, cfg))
	require.Equal(t, "v19", c.get(t, "k19"))
	require.EqualValues(t, 22, c.put(t, "more", "").Header.Revision)
}

// Writers that are at work when the server stops get an answer that is true: what was
// acknowledged is there afterwards.
func TestCloseUnderWriters(t *testing.T) {
	cfg := config(t.TempDir())
	e := running(t, cfg)
	c := dial(t, e)
	var wg sync.WaitGroup
	acked := make([]int, 16)
	busy := make(chan struct{}, len(acked))
	for w := range acked {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 1; ; i++ {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				_, err := c.Put(ctx, &pb.PutRequest{Key: []byte(fmt.Sprint("w", w)), Value: []byte(fmt.Sprint(i))})
				cancel()
				if err != nil {
					return
				}
				acked[w] = i
				if i == 3 {
					busy <- struct{}{}
				}
			}
		}()
	}
	for range acked {
		<-busy
	}
	e.Close()
	_ = c.conn.Close()
	wg.Wait()

	c = dial(t, running(t, cfg))
	for w, last := range acked {
		var there int
		_, err := fmt.Sscan(c.get(t, fmt.Sprint("w", w)), &there)
		require.NoError(t, err)
		require.GreaterOrEqual(t, there, last, "writer %d: an acknowledged put is gone", w)
		require.LessOrEqual(t, there, last+1, "writer %d: a put that was never sent is there", w)
	}
}

func TestHTTPBesideGRPC(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.EnablePprof = true
	e := running(t, cfg)
	ask := func(l net.Listener, path string) (int, string) {
		resp, err := http.Get("http://" + l.Addr().String() + path)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	clients, peers := e.Clients[0], e.Peers[0]
	for _, tc := range []struct {
		l    net.Listener
		path string
		code int
		body string
	}{
		{clients, "/version", 200, `{"etcdserver":"3.4.45","etcdcluster":"3.4.0"}`},
		{clients, "/health", 200, `{"health":"true"}`},
		{clients, "/", 404, "404 page not found\n"},
		{peers, "/version", 200, `{"etcdserver":"3.4.45","etcdcluster":"3.4.0"}`},
		{peers, "/health", 404, "404 page not found\n"},
	} {
		// The cluster version is decided right after the member is ready.
		require.Eventually(t, func() bool {
			code, body := ask(tc.l, tc.path)
			return code == tc.code && body == tc.body
		}, 5*time.Second, 10*time.Millisecond, "%s%s", tc.l.Addr(), tc.path)
	}
	code, body := ask(clients, "/metrics")
	require.Equal(t, 200, code)
	require.Contains(t, body, "etcd_server_client_requests_total")
	require.Contains(t, body, `grpc_server_handled_total{grpc_code="OK",grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"}`)
	code, _ = ask(clients, "/debug/pprof/cmdline")
	require.Equal(t, 200, code)
}

// The v3 API in JSON is there unless it is switched off; unused, or used to the end, it
// does not hold up Close.
func TestGRPCGateway(t *testing.T) {
	for enabled, want := range map[bool]int{true: 200, false: 404} {
		cfg := config(t.TempDir())
		cfg.EnableGRPCGateway = enabled
		e := running(t, cfg)
		base := "http://" + e.Clients[0].Addr().String()
		resp, err := http.Post(base+"/v3/kv/put", "application/json", strings.NewReader(`{"key":"YQ==","value":"MQ=="}`))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode)
		if enabled {
			require.Equal(t, "1", dial(t, e).get(t, "a"))
		}
		start := time.Now()
		e.Close()
		require.Less(t, time.Since(start), drainTimeout)
	}
}

// Connections that say nothing, or nonsense, do not keep others from being served, nor the
// server from stopping.
func TestSilentAndBabblingConnections(t *testing.T) {
	e := running(t, config(t.TempDir()))
	for _, hello := range []string{"", "PRI * HT", "garbage\r\n\r\n", "\x16\x03\x01\x02\x00", strings.Repeat("A", 100_000)} {
		conn, err := net.Dial("tcp", e.Clients[0].Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = io.WriteString(conn, hello)
		require.NoError(t, err)
	}
	c := dial(t, e)
	c.put(t, "a", "1")
	start := time.Now()
	e.Close()
	require.Less(t, time.Since(start), 2*drainTimeout)
}

func TestAPortInUseDamagesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for name, set := range map[string]func(*Config){
		"client port": func(c *Config) { c.LCUrls = mustURLs("http://" + taken.Addr().String()) },
		"peer port":   func(c *Config) { c.LPUrls = mustURLs("http://" + taken.Addr().String()) },
	} {
		cfg := config(t.TempDir())
		set(cfg)
		_, err := StartEtcd(cfg)
		require.ErrorContains(t, err, "cannot listen on http://"+taken.Addr().String(), name)
		require.NoDirExists(t, cfg.Dir, name)
	}
}

func TestADataDirectoryInUseIsRefused(t *testing.T) {
	cfg := config(t.TempDir())
	e := running(t, cfg)
	c := dial(t, e)
	c.put(t, "a", "1")

	_, err := StartEtcd(cfg)
	require.ErrorContains(t, err, "in use by another process")
	require.NotContains(t, err.Error(), "\n")

	c.put(t, "a", "2")
	require.Equal(t, "2", c.get(t, "a"), "the first server goes on")
}

func TestAnUnusableDataDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("precious"), 0o600))
	for _, bad := range []string{file, filepath.Join(file, "below")} {
		cfg := config(dir)
		cfg.Dir = bad
		_, err := StartEtcd(cfg)
		require.ErrorContains(t, err, "cannot use data directory "+bad)
		require.NotContains(t, err.Error(), "\n")
	}
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "precious", string(content))
}

func TestSocketFiles(t *testing.T) {
	cfg := config(t.TempDir())
	socket := filepath.Join(t.TempDir(), "s")
	cfg.LCUrls = mustURLs("unix://" + socket)
	e := running(t, cfg)
	_, err := StartEtcd(cfg)
	require.ErrorContains(t, err, "address already in use", "somebody answers on the socket")
	e.Close()

	// What a killed process leaves behind: a socket file on which nobody answers.
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	running(t, cfg)
}
