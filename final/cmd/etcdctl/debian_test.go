package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"insideetcd/ch08-client/clientv3"
)

// Here stands what the scenarios of final/e2e cannot say: which bytes a restored
// directory holds, and how a member with several URLs is shown.

const (
	debianCtl  = "/usr/bin/etcdctl"
	debianEtcd = "/usr/bin/etcd"
)

func needDebian(t *testing.T) {
	t.Helper()
	for _, p := range []string{debianCtl, debianEtcd} {
		if _, err := os.Stat(p); err != nil {
			t.Skipf("nothing to compare with: Debian's etcd is not installed (%v)", err)
		}
	}
}

func buildOurs(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "etcdctl")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// startEtcd starts Debian's etcd and waits until it serves.
func startEtcd(t *testing.T, dir, client, peer string, flags ...string) (stop func()) {
	t.Helper()
	logFile, err := os.Create(filepath.Join(dir, "etcd.log"))
	require.NoError(t, err)
	cmd := exec.Command(debianEtcd, append([]string{"--name", "m1", "--data-dir", filepath.Join(dir, "data"),
		"--listen-client-urls", "http://" + client, "--advertise-client-urls", "http://" + client,
		"--listen-peer-urls", "http://" + peer, "--initial-advertise-peer-urls", "http://" + peer,
		"--initial-cluster", "m1=http://" + peer}, flags...)...) // of two the last counts
	cmd.Stdout, cmd.Stderr = logFile, logFile
	require.NoError(t, cmd.Start())
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = logFile.Close()
	}
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{client}})
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, err := c.Get(ctx, "health"); err != nil {
		stop()
		t.Fatalf("Debian's etcd does not serve: %v", err)
	}
	return stop
}

// command runs a program without endpoints; standard output, error and status, masked.
func command(t *testing.T, binary, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = []string{"ETCDCTL_API=3"}
	cmd.Dir = dir
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run()
	return mask(out.String(), dir) + cmd.ProcessState.String()
}

// masks hide what differs from run to run: times, sizes of the database, addresses of
// code; and of help and of failing log lines all but that they are there.
var masks = []struct{ pattern, with string }{
	{`"ts":("[^"]*"|[0-9.]+),"caller":"[^"]*"`, `"ts":T,"caller":C`},
	{`"target":"[^"]*"`, `"target":T`},
	{`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+`, "TIME"},
	{`\d+(\.\d+)?(µs|ms)`, "DURATION"},
	{`\d+ kB`, "SIZE"},
	{`"dbSize(InUse)?":\d+`, `"dbSize$1":N`},
	{`"DBSize" : \d+`, `"DBSize" : N`},
	{`(?s)NAME:\n.*`, "HELP\n"},
	{`\{"level":"info"[^\n]*\n`, ""}, // 3.4 tells the steps of saving and restoring
}

func mask(out, dir string) string {
	if dir != "" {
		out = strings.ReplaceAll(out, dir, "DIR")
	}
	for _, m := range masks {
		out = regexp.MustCompile(m.pattern).ReplaceAllString(out, m.with)
	}
	return out
}
