package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// doctor runs the command in an environment.
func doctor(environ []string, args ...string) (status int, stdout, stderr string) {
	getenv := func(name string) string {
		for _, kv := range environ {
			if value, ok := strings.CutPrefix(kv, name+"="); ok {
				return value
			}
		}
		return ""
	}
	var out, errs bytes.Buffer
	status = run(args, getenv, environ, &out, &errs)
	return status, out.String(), errs.String()
}

func TestAMachineThatRunsThisTestIsReady(t *testing.T) {
	dir := t.TempDir()
	status, out, _ := doctor(nil, "-dir", dir, "-syncs", "3", "-json")
	var r Report
	require.NoError(t, json.Unmarshal([]byte(out), &struct {
		*Report
		Findings any `json:"findings"` // levels are words
	}{Report: &r}))
	require.Positive(t, r.Facts.Cores.Usable)
	require.Positive(t, r.Facts.Memory.Bytes, r.Facts.Memory.Error)
	require.Positive(t, r.Facts.Disk.FreeBytes, r.Facts.Disk.SpaceError)
	require.Equal(t, 3, r.Facts.Disk.Syncs.Count, r.Facts.Disk.SyncError)
	require.Positive(t, r.Facts.Clock.Resolution)
	require.Equal(t, 0, r.Facts.Clock.Backwards)
	require.Len(t, r.Facts.Ports, 2)
	require.Equal(t, r.Failures == 0, status == 0, "%s", out)
	require.Empty(t, entries(t, dir), "nothing is left behind")
}

func TestThePlaceThatIsMeasuredMustExist(t *testing.T) {
	status, out, _ := doctor(nil, "-dir", filepath.Join(t.TempDir(), "nowhere"))
	require.Equal(t, 1, status)
	require.Contains(t, out, "FAIL  disk")
	require.Contains(t, out, "Not ready")
}

// Values of variables stay where they are: of secrets, of what might be secrets, in both forms.
func TestNoValueIsPrinted(t *testing.T) {
	environ := []string{"ETCD_DISCOVERY_PASSWORD=hunter2", "ETCD_ROOT_PASSWORD=hunter2", "ETCD_DISCOVERY=https://me:hunter2@x", "ETCD_NAME=", "PATH=hunter2"}
	for _, format := range [][]string{nil, {"-json"}} {
		_, out, errs := doctor(environ, append(format, "-dir", t.TempDir(), "-syncs", "1")...)
		require.Contains(t, out, "ETCD_ROOT_PASSWORD")
		require.NotContains(t, out, "ETCD_NAME", "an empty variable counts as absent")
		require.NotContains(t, out+errs, "hunter2")
	}
}

func TestTimeoutsComeFromFlagsThenFromTheEnvironment(t *testing.T) {
	environ := []string{"ETCD_HEARTBEAT_INTERVAL=250", "ETCD_ELECTION_TIMEOUT=many"}
	_, out, _ := doctor(environ, "-dir", t.TempDir(), "-syncs", "1")
	require.Contains(t, out, "heartbeat 250 ms, election 1000 ms")
	status, out, _ := doctor(environ, "-dir", t.TempDir(), "-syncs", "1", "-election", "1249ms")
	require.Contains(t, out, "heartbeat 250 ms, election 1249 ms")
	require.Equal(t, 1, status, "etcd would refuse to start")
}

func TestWrongCommandLines(t *testing.T) {
	for _, args := range [][]string{{"-syncs", "0"}, {"-time", "0s"}, {"-wings"}, {"please"}} {
		status, out, errs := doctor(nil, args...)
		require.Equal(t, 2, status, args)
		require.Empty(t, out)
		require.NotEmpty(t, errs)
	}
	status, _, _ := doctor(nil, "-help")
	require.Equal(t, 0, status)
}

func TestSyncsAreBounded(t *testing.T) {
	dir := t.TempDir()
	times, err := syncTimes(dir, 300, time.Minute) // more than the file has places
	require.NoError(t, err)
	require.Len(t, times, 300)
	times, err = syncTimes(dir, 1<<30, time.Nanosecond)
	require.NoError(t, err)
	require.LessOrEqual(t, len(times), 1)
	require.Empty(t, entries(t, dir))
}

func TestPercentiles(t *testing.T) {
	downTo1 := func(n int) (times []time.Duration) {
		for ; n > 0; n-- {
			times = append(times, time.Duration(n))
		}
		return times
	}
	require.Equal(t, Syncs{100, 50, 99, 100}, summary(downTo1(100)))
	require.Equal(t, Syncs{1000, 500, 990, 1000}, summary(downTo1(1000)))
	require.Equal(t, Syncs{1, 7, 7, 7}, summary([]time.Duration{7}))
	require.Equal(t, Syncs{2, 1, 2, 2}, summary([]time.Duration{2, 1}))
	require.Equal(t, Syncs{}, summary(nil))
}

func TestPorts(t *testing.T) {
	etcd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/version", r.URL.Path)
		_, _ = w.Write([]byte(`{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}`))
	}))
	p := port(etcd.Listener.Addr().(*net.TCPAddr).Port)
	require.Equal(t, "3.4.23", p.Answer)
	require.NotEmpty(t, p.Error)
	etcd.Close()
	require.Equal(t, Port{Number: p.Number}, port(p.Number), "free again")

	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	p = port(other.Listener.Addr().(*net.TCPAddr).Port)
	require.NotEmpty(t, p.Error)
	require.Empty(t, p.Answer)
}

func TestTextWrapsBetweenWords(t *testing.T) {
	require.Equal(t, []string{"ein →", "Pfeil", "hindurchgeschossen"}, wrap("ein → Pfeil hindurchgeschossen", 7))
}

func entries(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	return list
}
