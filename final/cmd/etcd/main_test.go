//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain makes this test binary the command too: with the variable set it runs main.
// So the tests see a real process, its output and its end, without building anything.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_AS_THE_COMMAND") == "1" {
		os.Unsetenv("RUN_AS_THE_COMMAND")
		main()
	}
	os.Exit(m.Run())
}

// command prepares the process in an empty directory.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, args...)
	cmd.Env = []string{"RUN_AS_THE_COMMAND=1", "PATH=" + os.Getenv("PATH")}
	cmd.Dir = t.TempDir()
	return cmd
}

// finish runs it to its end.
func finish(t *testing.T, cmd *exec.Cmd) (stdout, stderr string, status int) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// server is a running process.
type server struct {
	cmd    *exec.Cmd
	client string // HOST:PORT
	log    string // file
}

func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{client: freePort(t)}
	s.cmd = command(t, append([]string{
		"--listen-client-urls", "http://" + s.client, "--advertise-client-urls", "http://" + s.client,
		"--listen-peer-urls", "http://" + freePort(t),
	}, args...)...)
	s.log = filepath.Join(s.cmd.Dir, "log")
	f, err := os.Create(s.log)
	require.NoError(t, err)
	defer f.Close()
	s.cmd.Stderr = f
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	require.Eventually(t, func() bool { return strings.Contains(s.lines(t), "ready to serve client requests") },
		10*time.Second, 10*time.Millisecond, "the line that scripts wait for")
	return s
}

func (s *server) lines(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(s.log)
	require.NoError(t, err)
	return string(b)
}

// When the line is there, the server answers: scripts rely on it.
func TestReadyMeansReady(t *testing.T) {
	s := startServer(t)
	resp, err := http.Get("http://" + s.client + "/health")
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 200, resp.StatusCode)
	require.Contains(t, s.lines(t), "published")
	require.Eventually(t, func() bool { return strings.Contains(s.lines(t), "enabled capabilities for version") },
		5*time.Second, 10*time.Millisecond)
	require.DirExists(t, filepath.Join(s.cmd.Dir, "default.etcd", "member", "wal"))
}

func TestSignalsStopCleanlyWithTheirStatus(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		s := startServer(t)
		start := time.Now()
		require.NoError(t, s.cmd.Process.Signal(sig))
		_ = s.cmd.Wait()
		ws := s.cmd.ProcessState.Sys().(syscall.WaitStatus)
		require.True(t, ws.Signaled(), "it ends by the signal, as etcd does: %v", s.cmd.ProcessState)
		require.Equal(t, sig, ws.Signal())
		require.Less(t, time.Since(start), 3*time.Second)
		require.Contains(t, s.lines(t), "msg=stopped")
	}
}

// Each mistake: one line on standard error, exit status 1, nothing written.
func TestMistakesAreOneLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	busy := "http://" + taken.Addr().String()
	free := []string{"--listen-client-urls", "http://127.0.0.1:0", "--advertise-client-urls", "http://x:1", "--listen-peer-urls", "http://127.0.0.1:0"}

	for _, c := range []struct {
		name string
		args []string
		env  string
		want string
	}{
		{"unknown flag", []string{"--bogus"}, "", "unknown flag: --bogus"},
		{"unknown flag, one dash", []string{"-bogus"}, "", "unknown flag: --bogus"},
		{"stray argument", []string{"stray"}, "", "'stray' is not a valid flag"},
		{"a sub-program that is not there", []string{"grpc-proxy", "start"}, "", "'etcd grpc-proxy' is not built yet"},
		{"no value", []string{"--data-dir"}, "", "flag needs an argument: --data-dir"},
		{"not a number", []string{"--snapshot-count=x"}, "", `invalid argument "x" for "--snapshot-count" flag`},
		{"not a URL", []string{"--listen-client-urls", "bogus"}, "", "URL scheme must be http, https, unix, or unixs: bogus"},
		{"no port", []string{"--listen-peer-urls", "http://127.0.0.1"}, "", `URL address does not have the form "host:port": http://127.0.0.1`},
		{"a name to listen on", []string{"--listen-peer-urls", "http://foo:2380"}, "", "expected IP in URL for binding (http://foo:2380)"},
		{"TLS", []string{"--listen-peer-urls", "https://127.0.0.1:0"}, "", "needs TLS, which this build does not serve yet"},
		{"listening without advertising", []string{"--listen-client-urls", "http://127.0.0.1:0"}, "", "--advertise-client-urls is required when --listen-client-urls is set explicitly"},
		{"election and heartbeat", []string{"--election-timeout=200"}, "", "--election-timeout[200ms] should be at least as 5 times as --heartbeat-interval[100ms]"},
		{"flag and variable", []string{"--name=a"}, "ETCD_NAME=b", `conflicting environment variable "ETCD_NAME" is shadowed by corresponding command-line flag`},
		{"bad variable", nil, "ETCD_SNAPSHOT_COUNT=x", "environment variable ETCD_SNAPSHOT_COUNT: invalid argument"},
		{"a flag that is not built", []string{"--discovery=http://x"}, "", "--discovery http://x is not built yet"},
		{"a switch that is not built", []string{"--enable-v2"}, "", "--enable-v2 true is not built yet"},
		{"log level", []string{"--log-level=loud"}, "", `--log-level "loud" is none of`},
		{"client port in use", append(free[4:], "--listen-client-urls", busy, "--advertise-client-urls", busy), "", "cannot listen on " + busy},
		{"peer port in use", append(free[:4:4], "--listen-peer-urls", busy), "", "cannot listen on " + busy},
		{"unwritable data directory", append(free, "--data-dir", filepath.Join(os.DevNull, "x")), "", "cannot use data directory " + filepath.Join(os.DevNull, "x")},
		{"two members", []string{"--initial-cluster=default=http://localhost:2380,b=http://localhost:3"}, "", "--initial-cluster names 2 members"},
		{"advertised elsewhere", append(free, "--initial-advertise-peer-urls=http://localhost:1"), "", "both must name the same URLs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := command(t, c.args...)
			if c.env != "" {
				cmd.Env = append(cmd.Env, c.env)
			}
			stdout, stderr, status := finish(t, cmd)
			require.Equal(t, 1, status, stderr)
			require.Empty(t, stdout)
			require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
			require.Contains(t, stderr, c.want)
			left, err := os.ReadDir(cmd.Dir)
			require.NoError(t, err)
			require.Empty(t, left, "nothing was written")
		})
	}
}

func TestADataDirectoryInUse(t *testing.T) {
	s := startServer(t)
	cmd := command(t, "--data-dir", filepath.Join(s.cmd.Dir, "default.etcd"),
		"--listen-client-urls", "http://127.0.0.1:0", "--advertise-client-urls", "http://x:1", "--listen-peer-urls", "http://127.0.0.1:0")
	_, stderr, status := finish(t, cmd)
	require.Equal(t, 1, status)
	require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
	require.Contains(t, stderr, "in use by another process")

	resp, err := http.Get("http://" + s.client + "/health")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode, "the first server goes on")
}

func TestVersionAndHelp(t *testing.T) {
	stdout, stderr, status := finish(t, command(t, "--version"))
	require.Zero(t, status)
	require.Empty(t, stderr)
	lines := strings.Split(stdout, "\n")
	require.Equal(t, "etcd Version: 3.4.45", lines[0])
	require.Regexp(t, "^Git SHA: ", lines[1])
	require.Equal(t, "Go Version: "+runtime.Version(), lines[2])
	require.Equal(t, fmt.Sprintf("Go OS/Arch: %s/%s", runtime.GOOS, runtime.GOARCH), lines[3])

	stdout, stderr, status = finish(t, command(t, "--help"))
	require.Zero(t, status)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "--listen-client-urls")
	require.NotContains(t, stdout, "--discovery", "what does not work is not offered")
}
