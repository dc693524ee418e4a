package etcdhttp

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/ids"
	"insideetcd/ch01-intro/version"
)

// member is a Server whose state a test sets.
type member struct {
	cluster *version.Version
	leader  ids.ID
	alarms  []*pb.AlarmMember
	readErr error
}

func (m *member) ClusterVersion() *version.Version { return m.cluster }
func (m *member) Leader() ids.ID                   { return m.leader }
func (m *member) Alarms() []*pb.AlarmMember        { return m.alarms }
func (m *member) LinearizableReadNotify(ctx context.Context) error {
	if _, bounded := ctx.Deadline(); !bounded {
		return errors.New("a health check must not wait for ever")
	}
	return m.readErr
}

func ask(t *testing.T, m *member, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	CORS([]string{"*"}, NewHandler(nil, m)).ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

// The texts are those that curl got from etcd 3.4.23.
func TestAnswersAreThoseOf34(t *testing.T) {
	v := version.MustParse(version.Cluster)
	healthy := member{cluster: &v, leader: 1}
	nospace := healthy
	nospace.alarms = []*pb.AlarmMember{{MemberID: 1, Alarm: pb.AlarmType_NOSPACE}}
	leaderless, slow, young := healthy, healthy, healthy
	leaderless.leader, slow.readErr, young.cluster = 0, context.DeadlineExceeded, nil
	const text, json = "text/plain; charset=utf-8", "application/json"

	for _, c := range []struct {
		name           string
		member         member
		method, target string
		status         int
		body, mime     string
	}{
		{"version", healthy, "GET", "/version", 200, `{"etcdserver":"3.4.45","etcdcluster":"3.4.0"}`, json},
		{"version before the members agreed", young, "GET", "/version", 200, `{"etcdserver":"3.4.45","etcdcluster":"not_decided"}`, json},
		{"healthy", healthy, "GET", "/health", 200, `{"health":"true"}`, text},
		{"no space", nospace, "GET", "/health", 503, `{"health":"false"}` + "\n", text},
		{"no space, but the probe does not care", nospace, "GET", "/health?exclude=NOSPACE", 200, `{"health":"true"}`, text},
		{"another alarm excluded", nospace, "GET", "/health?exclude=CORRUPT", 503, `{"health":"false"}` + "\n", text},
		{"two excluded", nospace, "GET", "/health?exclude=CORRUPT&exclude=NOSPACE", 200, `{"health":"true"}`, text},
		{"no leader", leaderless, "GET", "/health", 503, `{"health":"false"}` + "\n", text},
		{"no quorum within a second", slow, "GET", "/health", 503, `{"health":"false"}` + "\n", text},
		{"only GET", healthy, "POST", "/version", 405, "Method Not Allowed\n", text},
		{"also not HEAD", healthy, "HEAD", "/health", 405, "Method Not Allowed\n", text},
		{"unknown path", healthy, "GET", "/", 404, "404 page not found\n", text},
		{"v2 is not served", healthy, "GET", "/v2/keys", 404, "404 page not found\n", text},
		{"a path below", healthy, "GET", "/version/", 404, "404 page not found\n", text},
		{"a browser asks beforehand", healthy, "OPTIONS", "/anything", 200, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(t, &c.member, c.method, c.target)
			require.Equal(t, c.status, w.Code)
			require.Equal(t, c.body, w.Body.String())
			if mime := w.Result().Header.Get("Content-Type"); c.mime != "" {
				require.Equal(t, c.mime, mime)
			}
			if c.status == 405 {
				require.Equal(t, "GET", w.Header().Get("Allow"))
			}
			require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
		})
	}
}

func TestPathsAreCleaned(t *testing.T) {
	w := ask(t, &member{leader: 1}, "GET", "//version")
	require.Equal(t, http.StatusMovedPermanently, w.Code)
	require.Equal(t, "/version", w.Header().Get("Location"))
}

func TestMetricsAreInTheTextFormat(t *testing.T) {
	ask(t, &member{leader: 1}, "GET", "/health")
	w := ask(t, &member{}, "POST", "/metrics")
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Header().Get("Content-Type"), "text/plain; version=0.0.4")
	require.Regexp(t, `(?m)^etcd_server_health_success [1-9]`, w.Body.String())
}

func TestCORSNamesOnlyOriginsThatAreAllowed(t *testing.T) {
	h := CORS([]string{"https://a.example"}, http.NotFoundHandler())
	for origin, want := range map[string]string{"https://a.example": "https://a.example", "https://b.example": "", "": ""} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, want, w.Header().Get("Access-Control-Allow-Origin"), "origin %q", origin)
	}
}
