package gateway

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"insideetcd/ch08-client/v3rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// debian starts Debian's etcd and returns its client address. Peer URL, and so all IDs, are
// the same for each: what they answer can be compared byte by byte.
func debian(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("etcd"); err != nil {
		t.Skip("Debian's etcd is not installed: apt-get install etcd-server")
	}
	address, peer := freeAddress(t), "http://"+freeAddress(t)
	const known = "http://127.0.0.1:2380"
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	cmd := exec.Command("etcd", "--data-dir", t.TempDir(), "--listen-peer-urls", peer,
		"--initial-advertise-peer-urls", known, "--initial-cluster", "default="+known,
		"--listen-client-urls", "http://"+address, "--advertise-client-urls", "http://127.0.0.1:2379")
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
	})
	require.Eventually(t, func() bool {
		resp, err := client.Get("http://" + address + "/health")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return err == nil && string(body) == `{"health":"true"}`
	}, 20*time.Second, 20*time.Millisecond, "etcd did not become healthy")
	return address
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// inFrontOf serves our gateway in front of a gRPC endpoint.
func inFrontOf(t *testing.T, address string) string {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(v3rpc.Codec{})))
	require.NoError(t, err)
	s := httptest.NewServer(NewHandler(conn, 1<<20, http.NotFoundHandler()))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		_ = conn.Close()
	})
	return s.Listener.Addr().String()
}

// exchange is one request, and its answer as the client sees it.
type exchange struct {
	method, path, body string
	header             string // "Name: value"
	lines              int    // of a stream without an end: how many to read
}

type answer struct {
	status                      int
	contentType, metadata, body string
}

// unsteady are numbers that two servers with the same history need not share.
var unsteady = regexp.MustCompile(`"(hash|dbSize|dbSizeInUse|TTL|raftIndex|raftAppliedIndex)":("?)\d+`)

func ask(t *testing.T, address string, x exchange) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, x.method, "http://"+address+x.path, strings.NewReader(x.body))
	require.NoError(t, err)
	if name, value, ok := strings.Cut(x.header, ": "); ok {
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	require.NoErrorf(t, err, "%+v", x)
	defer resp.Body.Close()
	var body []byte
	if x.lines > 0 {
		lines := bufio.NewReader(resp.Body)
		for range x.lines {
			line, err := lines.ReadBytes('\n')
			require.NoErrorf(t, err, "%+v: after %s%s", x, body, line)
			body = append(body, line...)
		}
	} else {
		body, err = io.ReadAll(resp.Body)
		require.NoErrorf(t, err, "%+v", x)
	}
	return answer{resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get("Grpc-Metadata-Content-Type"),
		unsteady.ReplaceAllString(string(body), `"$1":$2#`)}
}

// TestTheAnswersOfDebiansGateway sends the same requests to Debian's gateway and, for
// another etcd of Debian's, to ours: status, content type and every byte are equal.
func TestTheAnswersOfDebiansGateway(t *testing.T) {
	reference := debian(t)
	ours := inFrontOf(t, debian(t))
	for _, x := range exchanges() {
		want, got := ask(t, reference, x), ask(t, ours, x)
		require.Equalf(t, want, got, "%s %s %s %s", x.method, x.path, x.body, x.header)
	}
}

func exchanges() (all []exchange) {
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		path, body, _ := strings.Cut(line, " ")
		all = append(all, exchange{method: http.MethodPost, path: path, body: body})
	}
	watch := func(lines int, body string) {
		all = append(all, exchange{method: http.MethodPost, path: "/v3/watch", body: body, lines: lines})
	}
	watch(2, `{"create_request":{"key":"Zm9v","start_revision":"2"}}`)
	watch(2, `{"createRequest":{"key":"Zm9v","startRevision":"8","prevKv":true,"filters":["NODELETE"]}}`)
	watch(1, `{"create_request":{"key":"Zm9v","range_end":"YQ=="}}`)
	watch(2, `{"create_request":{"key":"Zm9v","watch_id":"5"}}{"cancel_request":{"watch_id":"5"}}`)
	watch(1, `{"create_request":{"key":"Zm9v","progress_notify":true}} garbage`)
	watch(0, `x`)
	watch(0, `{"create_request":7}`)
	for _, x := range []exchange{
		{method: "GET", path: "/v3/kv/range"}, {method: "PUT", path: "/v3/kv/range"}, {method: "DELETE", path: "/v3/watch"},
		{method: "GET", path: "/v3/nothing"}, {method: "GET", path: "/v3/"}, {method: "GET", path: "/v3beta/kv/put"},
		{method: "POST", path: "/v3/kv/range", body: `{"key":"Zm9v"}`, header: "Grpc-Timeout: 1n"},
		{method: "POST", path: "/v3/kv/range", body: `{"key":"Zm9v"}`, header: "Grpc-Timeout: 10S"},
		{method: "POST", path: "/v3/kv/range", body: `{"key":"Zm9v"}`, header: "Grpc-Timeout: xyz"},
		{method: "POST", path: "/v3/kv/range", body: `{"key":"Zm9v"}`, header: "Accept: text/plain"},
		{method: "POST", path: "/v3/kv/range?limit=1", body: `{"key":"Zm9v"}`},
		{method: "POST", path: "/v3/kv/range", body: "\xff"}, {method: "POST", path: "/v3/kv/range", body: "  \n "},
	} {
		all = append(all, x)
	}
	return all
}

// script is a path and a body a line.
const script = `
/v3/kv/put {"key":"Zm9v","value":"YmFy"}
/v3/kv/range {"key":"Zm9v"}
/v3beta/kv/range {"key":"Zm9v"}
/v3/kv/range {"key":"Zm9v","rangeEnd":"AA==","countOnly":true}
/v3/kv/range {"key":"AA==","range_end":"AA==","keys_only":true,"sort_order":"DESCEND","sort_target":"MOD"}
/v3/kv/range {"key":"Zm9v","rangeEnd":"YQ==","range_end":"AA=="}
/v3/kv/range {"key":"Zm9v","key":"YQ=="}
/v3/kv/range {"key":"Zm9v","nothing":[{}]}
/v3/kv/range {"Key":"Zm9v"}
/v3/kv/range {"key":"Zm9v"
/v3/kv/range
/v3/kv/range {}
/v3/kv/range null
/v3/kv/range nul
/v3/kv/range []
/v3/kv/range "x"
/v3/kv/range 17
/v3/kv/range true
/v3/kv/range {key:1}
/v3/kv/range {"key":"Zm9v"} behind
/v3/kv/range {"key":"Zm9v"}}
/v3/kv/range {"key":"***"}
/v3/kv/range {"key":"Zm9"}
/v3/kv/range {"key":"Zm9v-_"}
/v3/kv/range {"key":"Zm\u0039v\n"}
/v3/kv/range {"key":17}
/v3/kv/range {"key":{}}
/v3/kv/range {"key":[102,111,111]}
/v3/kv/range {"key":""}
/v3/kv/range {"key":null}
/v3/kv/range {"key":"Zm9v","limit":"10","revision":2}
/v3/kv/range {"key":"Zm9v","limit":"abc"}
/v3/kv/range {"key":"Zm9v","limit":""}
/v3/kv/range {"key":"Zm9v","limit":" 5"}
/v3/kv/range {"key":"Zm9v","limit":"null"}
/v3/kv/range {"key":"Zm9v","limit":"1 2"}
/v3/kv/range {"key":"Zm9v","limit":"\"5\""}
/v3/kv/range {"key":"Zm9v","limit":1.5}
/v3/kv/range {"key":"Zm9v","limit":1e2}
/v3/kv/range {"key":"Zm9v","limit":true}
/v3/kv/range {"key":"Zm9v","limit":99999999999999999999}
/v3/kv/range {"key":"Zm9v","limit":null,"serializable":null,"sort_order":null}
/v3/kv/range {"key":"Zm9v","sort_order":1}
/v3/kv/range {"key":"Zm9v","sort_order":"NONESUCH<"}
/v3/kv/range {"key":"Zm9v","sort_order":"1"}
/v3/kv/range {"key":"Zm9v","sort_order":true}
/v3/kv/range {"key":"Zm9v","sort_order":1.5}
/v3/kv/range {"key":"Zm9v","serializable":true}
/v3/kv/range {"key":"Zm9v","serializable":"true"}
/v3/kv/range {"key":"Zm9v","serializable":1}
/v3/kv/range {"key":"Zm9v","revision":100}
/v3/kv/range/ {"key":"Zm9v"}
/v3/kv:range {"key":"Zm9v"}
/v3/kv%2Frange {"key":"Zm9v"}
/v3/kv/nothing {}
/v3/kv/txn {"compare":[{"target":"VERSION","key":"YQ==","result":"EQUAL","version":"0"}],"success":[{"requestPut":{"key":"YQ==","value":"PDw+"}},{"request_range":{"key":"YQ=="}},{"request_delete_range":{"key":"bm8="}},{"requestTxn":{}}],"failure":[]}
/v3/kv/txn {"compare":[{"target":"LEASE","key":"YQ==","result":"EQUAL","lease":"0"},{"target":2,"key":"YQ==","result":1,"mod_revision":0}]}
/v3/kv/txn {}
/v3/kv/txn {"success":[{}]}
/v3/kv/txn {"success":{}}
/v3/kv/txn {"success":null}
/v3/kv/txn {"success":"x"}
/v3/kv/txn {"compare":[7]}
/v3/kv/txn {"compare":[{"key":7}]}
/v3/kv/txn {"success":[{"requestPut":7}]}
/v3/kv/put {"key":"YQ==","value":"Yg==","prev_kv":true}
/v3/kv/put {"key":"YQ==","value":"Yg==","lease":"12345"}
/v3/kv/deleterange {"key":"YQ==","prev_kv":true}
/v3/kv/compaction {"revision":"2"}
/v3/kv/compaction {"revision":"2"}
/v3/kv/compaction {"revision":"3","physical":true}
/v3/lease/grant {"TTL":"1000","ID":"77"}
/v3/lease/grant {"TTL":"1000","ID":"77"}
/v3/lease/grant {"TTL":"99999999999"}
/v3/lease/leases {}
/v3/kv/lease/leases
/v3/kv/put {"key":"bA==","lease":77}
/v3/kv/range {"key":"bA=="}
/v3/lease/timetolive {"ID":"77","keys":true}
/v3/kv/lease/timetolive {"ID":"79"}
/v3/lease/keepalive {"ID":"77"}
/v3/lease/keepalive {"ID":"77"}{"ID":"79"} {"ID":"77"}
/v3/lease/keepalive {"ID":"77"}{"ID":"x"}
/v3/lease/keepalive {"ID":"x"}
/v3/lease/keepalive {"ID":77
/v3/lease/keepalive
/v3/kv/lease/keepalive {}
/v3/lease/revoke {"ID":"77"}
/v3/kv/lease/revoke {"ID":"77"}
/v3/cluster/member/list {}
/v3/cluster/member/add {"peerURLs":["zz"]}
/v3/cluster/member/add {"peer_urls":["zz"]}
/v3/cluster/member/add {"peerURLs":[7]}
/v3/cluster/member/add {"peerURLs":[null]}
/v3/cluster/member/add {"peerURLs":"x"}
/v3/cluster/member/remove {"ID":"1"}
/v3/cluster/member/promote {"ID":"1"}
/v3/cluster/member/update {"ID":"1"}
/v3/maintenance/status {}
/v3/maintenance/alarm {}
/v3/maintenance/alarm {"action":"ACTIVATE","alarm":"NOSPACE","memberID":13195394291058371180}
/v3/kv/put {"key":"YQ==","value":"Yg=="}
/v3/maintenance/alarm {"action":1,"alarm":"NOSPACE","memberID":"13195394291058371180"}
/v3/maintenance/alarm {"action":"GET","alarm":"CORRUPT"}
/v3/maintenance/alarm {"action":"DEACTIVATE","alarm":"NOSPACE","memberID":"13195394291058371180"}
/v3/maintenance/alarm
/v3/maintenance/defragment {}
/v3/maintenance/hash {}
/v3/maintenance/transfer-leadership {"targetID":"5"}
/v3/maintenance/snapshot x
/v3/auth/user/get {"name":7}
/v3/auth/user/get {"name":"<a&b>"}
/v3/auth/role/add {"name":"<a&b>é"}
/v3/auth/role/add {"name":"<a&b>é"}
/v3/auth/role/grant {"name":"<a&b>é","perm":{"permType":"READWRITE","key":"YQ=="}}
/v3/auth/role/get {"role":"<a&b>é"}
/v3/auth/role/list {}
/v3/auth/enable {}
/v3/kv/put {"key":"Zm9v","value":"Mg=="}
/v3/kv/put {"key":"Zm9v","value":"Mw=="}
`

// TestSnapshotStream: the pieces of a snapshot are a database when they are put together.
func TestSnapshotStream(t *testing.T) {
	got := ask(t, inFrontOf(t, debian(t)), exchange{method: "POST", path: "/v3/maintenance/snapshot", body: "{}"})
	require.Equal(t, http.StatusOK, got.status)
	for line := range bytes.Lines([]byte(got.body)) {
		require.Regexp(t, `^\{"result":\{("remaining_bytes":"\d+",)?"blob":"[A-Za-z0-9+/]+=*"\}\}\n$`, string(line))
	}
}
