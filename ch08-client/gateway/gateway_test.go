package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc/stub"
)

// upstream is a server whose answers a test can see through.
type upstream struct {
	stub.UnimplementedKVServer
	stub.UnimplementedWatchServer
	stub.UnimplementedLeaseServer
	ended chan struct{} // a watch stream ended
}

// Put answers with the token it was given, as an error.
func (u *upstream) Put(ctx context.Context, _ *pb.PutRequest) (*pb.PutResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	return nil, status.Error(codes.PermissionDenied, fmt.Sprint(md["authorization"], md["token"], len(md["grpcgateway-accept"])))
}

// Watch echoes each request as a created watch, and after watch 9 it fails.
func (u *upstream) Watch(s stub.Watch_WatchServer) error {
	defer func() { u.ended <- struct{}{} }()
	for {
		r, err := s.Recv()
		if err == io.EOF {
			<-s.Context().Done()
			return nil
		}
		if err != nil {
			return err
		}
		id := r.GetCreateRequest().GetWatchId()
		if err := s.Send(&pb.WatchResponse{WatchId: id, Created: true}); err != nil {
			return err
		}
		if id == 9 {
			return status.Error(codes.Unavailable, "etcdserver: no leader")
		}
	}
}

func serving(t *testing.T, maxBodyBytes int64) (*upstream, string) {
	t.Helper()
	u := &upstream{ended: make(chan struct{}, 8)}
	g := grpc.NewServer()
	stub.RegisterKVServer(g, u)
	stub.RegisterWatchServer(g, u)
	stub.RegisterLeaseServer(g, u)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = g.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	s := httptest.NewServer(NewHandler(conn, maxBodyBytes, http.NotFoundHandler()))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		_ = conn.Close()
		g.Stop()
	})
	return u, s.Listener.Addr().String()
}

func (u *upstream) waitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-u.ended:
	case <-time.After(10 * time.Second):
		require.Fail(t, "the watch goes on although its client is gone")
	}
}

// conversation is a watch whose body stays open: requests go up while answers come down.
func conversation(t *testing.T, address string) (up io.WriteCloser, down *bufio.Reader, hangUp func()) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(c, "POST /v3/watch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	require.NoError(t, err)
	return chunked{c}, bufio.NewReader(c), func() { _ = c.Close() }
}

type chunked struct{ net.Conn }

func (c chunked) Write(p []byte) (int, error) {
	return fmt.Fprintf(c.Conn, "%x\r\n%s\r\n", len(p), p)
}

func readUntil(t *testing.T, r *bufio.Reader, text string) {
	t.Helper()
	var seen strings.Builder
	for !strings.Contains(seen.String(), text) {
		line, err := r.ReadString('\n')
		seen.WriteString(line)
		require.NoErrorf(t, err, "waiting for %s, saw %s", text, &seen)
	}
}

func TestAWatchIsAConversation(t *testing.T) {
	u, address := serving(t, 1<<20)
	up, down, hangUp := conversation(t, address)
	for id := 1; id <= 3; id++ {
		_, err := fmt.Fprintf(up, `{"create_request":{"watch_id":%d}}`, id)
		require.NoError(t, err)
		readUntil(t, down, fmt.Sprintf(`{"result":{"watch_id":"%d","created":true}}`, id))
	}
	hangUp()
	u.waitEnd(t)
}

// The server ends a stream while the client still has the body open: the client is told,
// and nobody waits for the rest of the body.
func TestAStreamThatFails(t *testing.T) {
	u, address := serving(t, 1<<20)
	up, down, _ := conversation(t, address)
	_, err := io.WriteString(up, `{"create_request":{"watch_id":9}}`)
	require.NoError(t, err)
	readUntil(t, down, `{"result":{"watch_id":"9","created":true}}`)
	rest, err := io.ReadAll(down)
	require.NoError(t, err)
	require.Contains(t, string(rest), `{"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader","http_status":"Service Unavailable"}}`)
	u.waitEnd(t)
}

// The end of the body does not end a watch; that of the connection does.
func TestAWatchOutlivesItsBody(t *testing.T) {
	u, address := serving(t, 1<<20)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+address+"/v3/watch", strings.NewReader(`{"create_request":{}}`))
	require.NoError(t, err)
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, `{"result":{"created":true}}`+"\n", line)
	require.Empty(t, u.ended)
	cancel()
	u.waitEnd(t)
}

func TestOddRequests(t *testing.T) {
	_, address := serving(t, 4096)
	deep := strings.Repeat(`{"success":[{"request_txn":`, maxDepth) + "{}" + strings.Repeat("}]}", maxDepth)
	for _, c := range []struct {
		name string
		x    exchange
		code int
		want string
	}{
		{"a token in 3.4's way", exchange{path: "/v3/kv/put", body: "{}", header: "Authorization: secret"}, 403, "[secret] [] 1"},
		{"a token as metadata", exchange{path: "/v3/kv/put", body: "{}", header: "Grpc-Metadata-Token: secret"}, 403, "[] [secret] 1"},
		{"a method that is not built", exchange{path: "/v3/lease/grant", body: "{}"}, 501, "method LeaseGrant not implemented"},
		{"two of a oneof", exchange{path: "/v3/kv/txn", body: `{"success":[{"request_put":{},"request_range":{}}]}`}, 400, "request_put is given beside request_range"},
		{"null in a list", exchange{path: "/v3/kv/txn", body: `{"success":[null]}`}, 501, "not implemented"},
		{"too large", exchange{path: "/v3/kv/put", body: `{"key":"` + strings.Repeat("A", 5000) + `"}`}, 400, errTooLarge.Error()},
		{"a stream, too large", exchange{path: "/v3/lease/keepalive", body: `{"a":"` + strings.Repeat("A", 5000)}, 500, errTooLarge.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.x.method = http.MethodPost
			got := ask(t, address, c.x)
			require.Equal(t, c.code, got.status, got.body)
			require.Contains(t, got.body, c.want)
		})
	}
	_, roomy := serving(t, 1<<20)
	got := ask(t, roomy, exchange{method: "POST", path: "/v3/kv/txn", body: deep})
	require.Equal(t, 400, got.status)
	require.Contains(t, got.body, "nest more than 1000 deep")
}

func TestOtherPathsGoOn(t *testing.T) {
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := NewHandler(nil, 1, next)
	for path, want := range map[string]int{"/health": 418, "/v3": 418, "/v3x/kv/range": 418, "/v3alpha/kv/range": 418, "/v3/": 404, "/v3beta/x": 404} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", path, nil))
		require.Equal(t, want, w.Code, path)
	}
}

func FuzzDecodeNeverPanics(f *testing.F) {
	for _, x := range exchanges() {
		f.Add(x.body)
	}
	txn := newRoute(stub.KV_Txn_FullMethodName)
	f.Fuzz(func(_ *testing.T, body string) {
		in := newInput(strings.NewReader(body), 1<<20)
		if m, err := in.only(txn.request); err == nil {
			appendMessage(nil, m)
		}
	})
}
