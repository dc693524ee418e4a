package peerhttp

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch01-intro/ids"
	"insideetcd/ch01-intro/version"
	"insideetcd/ch07-server/membership"
)

// fixed is a cluster that never changes.
type fixed struct {
	id      ids.ID
	members []*membership.Member
	version *version.Version
}

func (f fixed) ID() ids.ID                    { return f.id }
func (f fixed) Members() []*membership.Member { return f.members }
func (f fixed) Version() *version.Version     { return f.version }

var _ Cluster = (*membership.RaftCluster)(nil)

// recorded is the cluster that the answers below came from.
var recorded = fixed{
	id: 0x257ba440f5157e3,
	members: []*membership.Member{{
		ID:             0x901ddb5662acd2a8,
		RaftAttributes: membership.RaftAttributes{PeerURLs: []string{"http://127.0.0.1:23871"}},
		Attributes:     membership.Attributes{Name: "m1", ClientURLs: []string{"http://127.0.0.1:23870"}},
	}},
	version: &version.Version{Major: 3, Minor: 4},
}

// TestAnswersAreThoseOfEtcd compares with answers that were recorded with curl from
// Debian's etcd 3.4.23; only its own version is another.
func TestAnswersAreThoseOfEtcd(t *testing.T) {
	const (
		json    = "application/json"
		text    = "text/plain; charset=utf-8"
		refused = "Method Not Allowed\n"
		unknown = "404 page not found\n"
	)
	members := `[{"id":10384697479855395496,"peerURLs":["http://127.0.0.1:23871"],"name":"m1","clientURLs":["http://127.0.0.1:23870"]}]` + "\n"
	versions := `{"etcdserver":"` + version.Compatible + `","etcdcluster":"3.4.0"}`
	rows := []struct {
		method, path string
		status       int
		contentType  string
		body         string
		header       http.Header
	}{
		{"GET", "/members", 200, json, members, http.Header{"X-Etcd-Cluster-Id": {"257ba440f5157e3"}}},
		{"POST", "/members", 405, text, refused, http.Header{"Allow": {"GET"}, "X-Content-Type-Options": {"nosniff"}}},
		{"HEAD", "/members", 405, text, "", http.Header{"Allow": {"GET"}}},
		{"GET", "/members/", 404, text, unknown, nil},
		{"GET", "/members/x", 404, text, unknown, nil},
		{"GET", "/version", 200, json, versions, nil},
		{"POST", "/version", 405, text, refused, http.Header{"Allow": {"GET"}}},
		{"HEAD", "/version", 405, text, "", http.Header{"Allow": {"GET"}}},
		{"GET", "/foo", 404, text, unknown, http.Header{"X-Content-Type-Options": {"nosniff"}}},
		{"GET", "/", 404, text, unknown, nil},
	}
	server := httptest.NewServer(NewHandler(nil, recorded))
	defer server.Close()
	for _, row := range rows {
		t.Run(row.method+" "+row.path, func(t *testing.T) {
			answer, body := ask(t, server.URL, row.method, row.path)
			require.Equal(t, row.status, answer.StatusCode)
			require.Equal(t, row.contentType, answer.Header.Get("Content-Type"))
			require.Equal(t, row.body, body)
			for name, value := range row.header {
				require.Equal(t, value, answer.Header[name], name)
			}
			require.Equal(t, row.status == 200 && row.path == "/members", answer.Header.Get(clusterIDHeader) != "")
		})
	}
}

// TestRaftPathsAreUnknown: there is no rafthttp behind this handler.
func TestRaftPathsAreUnknown(t *testing.T) {
	server := httptest.NewServer(NewHandler(nil, recorded))
	defer server.Close()
	for _, path := range []string{"/raft", "/raft/probing", "/raft/stream/message/1", "/raft/snapshot"} {
		for _, method := range []string{"GET", "POST"} {
			answer, _ := ask(t, server.URL, method, path)
			require.Equal(t, http.StatusNotFound, answer.StatusCode, "%s %s", method, path)
		}
	}
}

// TestAYoungCluster has no member yet, and no version.
func TestAYoungCluster(t *testing.T) {
	server := httptest.NewServer(NewHandler(nil, fixed{id: 1}))
	defer server.Close()
	_, body := ask(t, server.URL, "GET", "/members")
	require.Equal(t, "[]\n", body)
	_, body = ask(t, server.URL, "GET", "/version")
	require.Equal(t, `{"etcdserver":"`+version.Compatible+`","etcdcluster":"not_decided"}`, body)
}

func ask(t *testing.T, server, method, path string) (*http.Response, string) {
	request, err := http.NewRequest(method, server+path, strings.NewReader(""))
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, string(body)
}
