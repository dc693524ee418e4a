package serve

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func hello(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, _ = io.WriteString(w, "hello "+string(body))
}

// serving runs a Server on a free port, with gRPC's health service behind it.
func serving(t *testing.T) (*Server, net.Listener) {
	t.Helper()
	g := grpc.NewServer()
	healthpb.RegisterHealthServer(g, health.NewServer())
	s := New(slog.New(slog.DiscardHandler), g, http.HandlerFunc(hello), http.NotFoundHandler())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.ServeClients(l)
	t.Cleanup(s.Stop)
	return s, l
}

func checkHealth(t *testing.T, l net.Listener) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	resp, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, resp.Status)
}

func connect(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(5*time.Second)))
	return c
}

func TestOnePortServesBoth(t *testing.T) {
	_, l := serving(t)
	checkHealth(t, l)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post("http://"+l.Addr().String(), "text/plain", strings.NewReader("world"))
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "hello world", string(body))
}

// A request that comes in single bytes, and shares its first letters with the preface.
func TestSlowBytesAreNotLost(t *testing.T) {
	_, l := serving(t)
	c := connect(t, l)
	for _, b := range []byte("PRIM / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi") {
		_, err := c.Write([]byte{b})
		require.NoError(t, err)
	}
	answer, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Contains(t, string(answer), "hello hi")
}

// Invariant 3 of splitter: silence holds up neither others nor the end.
func TestSilentConnections(t *testing.T) {
	s, l := serving(t)
	var silent []net.Conn
	for range 20 {
		silent = append(silent, connect(t, l))
	}
	half := connect(t, l)
	_, err := io.WriteString(half, "PRI * HTTP/2.0\r\n")
	require.NoError(t, err)
	checkHealth(t, l)

	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s.StopClients(ctx)
	s.Stop()
	require.Less(t, time.Since(start), sniffTimeout/2)
	for _, c := range append(silent, half) {
		_, err := c.Read(make([]byte, 1))
		require.Error(t, err, "a connection stayed open")
	}
}

// flaky is a listener whose first accepts fail, as when file descriptors run out.
type flaky struct {
	net.Listener
	failures int
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.failures > 0 {
		f.failures--
		return nil, errors.New("accept: too many open files")
	}
	return f.Listener.Accept()
}

func TestAcceptingGoesOnAfterFailures(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := grpc.NewServer()
	healthpb.RegisterHealthServer(g, health.NewServer())
	s := New(slog.New(slog.DiscardHandler), g, http.HandlerFunc(hello), http.NotFoundHandler())
	s.ServeClients(&flaky{l, 3})
	defer s.Stop()
	checkHealth(t, l)
}

// Somebody else closes a listener: the server does not go on as if it served.
func TestALostListenerIsReported(t *testing.T) {
	s, l := serving(t)
	require.NoError(t, l.Close())
	select {
	case err := <-s.Err():
		require.ErrorContains(t, err, l.Addr().String())
	case <-time.After(5 * time.Second):
		require.Fail(t, "nobody noticed")
	}
}

func TestNothingIsServedAfterStop(t *testing.T) {
	s, _ := serving(t)
	s.Stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.ServeClients(l)
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	require.Empty(t, s.Err(), "stopping is no failure")
}

func TestListen(t *testing.T) {
	parse := func(s string) url.URL {
		u, err := url.Parse(s)
		require.NoError(t, err)
		return *u
	}
	l, err := Listen(parse("http://127.0.0.1:0"))
	require.NoError(t, err)
	defer l.Close()
	_, err = Listen(parse("http://" + l.Addr().String()))
	require.ErrorContains(t, err, "cannot listen on http://"+l.Addr().String())

	_, err = Listen(parse("https://127.0.0.1:0"))
	require.ErrorContains(t, err, `scheme "https" is not served`)

	socket := filepath.Join(t.TempDir(), "s")
	u, err := Listen(parse("unix://" + socket))
	require.NoError(t, err)
	defer u.Close()
	_, err = Listen(parse("unix://" + socket))
	require.ErrorContains(t, err, "in use")
}
