package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// refuses starts binary with args in an empty directory and requires that it
// gives up: exit status 1, and as its last words one line that says want.
func refuses(t *testing.T, binary string, args []string, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env = t.TempDir(), cleanEnv()
	dieWithParent(cmd)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	require.NoErrorf(t, ctx.Err(), "still runs after %s\n%s", readyTimeout, &stderr)
	var exit *exec.ExitError
	require.Truef(t, errors.As(err, &exit), "want a failure, got %v\n%s", err, &stderr)
	require.Equalf(t, 1, exit.ExitCode(), "exit status\n%s", &stderr)
	require.Empty(t, stdout.String(), "errors belong on standard error")
	lines := strings.Split(strings.TrimSuffix(stderr.String(), "\n"), "\n")
	last := lines[len(lines)-1]
	for _, text := range want {
		require.Containsf(t, last, text, "the last line should say why\n%s", &stderr)
	}
	for _, line := range lines[:len(lines)-1] {
		require.Containsf(t, line, "level=", "one line for the error, the others are log lines\n%s", &stderr)
	}
	left, err := os.ReadDir(cmd.Dir)
	require.NoError(t, err)
	require.Empty(t, left, "nothing should be left behind in the working directory")
}

// serverArgs are a complete command line on free ports.
func serverArgs(dir string, more ...string) []string {
	client, peer := "http://"+FreeAddr(), "http://"+FreeAddr()
	return append([]string{"--data-dir", dir, "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer}, more...)
}

// fingerprint is the name and content of every file below dir.
func fingerprint(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = fmt.Sprintf("%d bytes, sha256 %x", len(content), sha256.Sum256(content))
		return err
	}))
	return files
}

// filled is the data directory of a server that was stopped cleanly, and its
// portrait.
func filled(t *testing.T, binary string) (dir, content string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	s := open(t, binary, dir, exchangeOptions)
	work(t, s, 1)
	content = contentOf(t, s)
	stop(t, s)
	s.Close()
	return dir, content
}

// contentOf is what the store holds, without help of Debian's programs.
func contentOf(t *testing.T, s *Server) string {
	t.Helper()
	kvs, revision := readAll(t, s)
	var b strings.Builder
	fmt.Fprintf(&b, "revision %d\n", revision)
	for _, kv := range kvs {
		b.WriteString(strings.Join(fieldsOf(kv.ProtoReflect()), " ") + "\n")
	}
	return b.String()
}

func TestWrongCommandLinesAreRefusedInOneLine(t *testing.T) {
	binary := ours(t)
	rows := []struct {
		name string
		args []string
		want string
	}{
		{"unknown flag", []string{"--no-such-flag"}, "--no-such-flag"},
		{"unknown flag with one dash", []string{"-no-such-flag=1"}, "no-such-flag"},
		{"stray argument", []string{"stray"}, "'stray' is not a valid flag"},
		{"not a number", []string{"--snapshot-count", "many"}, "--snapshot-count"},
		{"client URL without scheme", []string{"--listen-client-urls", "127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:1"}, "--listen-client-urls"},
		{"client URL without port", []string{"--listen-client-urls", "http://127.0.0.1", "--advertise-client-urls", "http://127.0.0.1:1"}, "http://127.0.0.1"},
		{"client URL with a path", []string{"--listen-client-urls", "http://127.0.0.1:2379/x", "--advertise-client-urls", "http://127.0.0.1:1"}, "http://127.0.0.1:2379/x"},
		{"listening on a name", []string{"--listen-client-urls", "http://example.com:2379", "--advertise-client-urls", "http://127.0.0.1:1"}, "expected IP in URL for binding"},
		{"foreign scheme", []string{"--listen-peer-urls", "ftp://127.0.0.1:2380"}, "ftp://127.0.0.1:2380"},
		{"nothing to advertise", []string{"--listen-client-urls", "http://127.0.0.1:2379"}, "--advertise-client-urls is required"},
		{"cluster without this member", []string{"--initial-cluster", "other=http://127.0.0.1:2380"}, `"default"`},
		{"cluster with other URLs", []string{"--initial-cluster", "default=http://127.0.0.1:1"}, "--initial-cluster"},
		{"election too hasty", []string{"--heartbeat-interval", "100", "--election-timeout", "200"}, "--election-timeout"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			refuses(t, binary, row.args, row.want)
		})
	}
}

func TestUnusableDataDirectoriesAreRefused(t *testing.T) {
	binary := ours(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o600))
	refuses(t, binary, serverArgs(file), file)
	refuses(t, binary, serverArgs(filepath.Join(file, "below")), file)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "mine", string(content))
	if runtime.GOOS == "linux" {
		refuses(t, binary, serverArgs("/proc/insideetcd"), "/proc/insideetcd") // not even root can write there
	}
}

// TestDataDirectoryInUse: a second server on the same directory, whichever
// program runs the first, goes away without touching it.
func TestDataDirectoryInUse(t *testing.T) {
	own := ours(t)
	t.Run("by ours", func(t *testing.T) { secondServerGivesWay(t, own, own) })
	t.Run("by Debian's etcd", func(t *testing.T) { secondServerGivesWay(t, reference(t), own) })
}

func secondServerGivesWay(t *testing.T, first, second string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, first, dir, exchangeOptions)
	work(t, s, 1)
	before := contentOf(t, s)
	refuses(t, second, serverArgs(dir), dir)
	require.Equal(t, before, contentOf(t, s))
	put(t, s, "still", "writing")
	after := contentOf(t, s)
	s.Kill()
	require.NoError(t, s.Start(), "the first server's files are whole")
	require.Equal(t, after, contentOf(t, s))
}

// TestPortInUse: a taken port stops the start, and a data directory that was
// there before is as good as before.
func TestPortInUse(t *testing.T) {
	binary := ours(t)
	dir, content := filled(t, binary)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	taken := "http://" + listener.Addr().String()
	refuses(t, binary, serverArgs(dir, "--listen-client-urls", taken), listener.Addr().String(), "address already in use")
	refuses(t, binary, serverArgs(dir, "--listen-peer-urls", taken), listener.Addr().String(), "address already in use")
	fresh := filepath.Join(t.TempDir(), "data")
	refuses(t, binary, serverArgs(fresh, "--listen-client-urls", taken), listener.Addr().String())
	require.NoError(t, listener.Close())

	require.Equal(t, content, contentOf(t, open(t, binary, dir, exchangeOptions)))
	open(t, binary, fresh, Options{}) // the failed start left nothing in the way
}
