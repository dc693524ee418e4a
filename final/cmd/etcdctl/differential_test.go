package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"insideetcd/ch08-client/clientv3"
)

const (
	debianCtl  = "/usr/bin/etcdctl"
	debianEtcd = "/usr/bin/etcd"
)

// TestEqualsDebiansEtcdctl tells both programs the same, each on a fresh etcd with the
// same addresses and so the same IDs, and compares output, errors and exit status.
func TestEqualsDebiansEtcdctl(t *testing.T) {
	needDebian(t)
	script, err := os.ReadFile("testdata/commands.txt")
	require.NoError(t, err)
	steps := parseSteps(t, string(script))
	client, peer := freeAddress(t), freeAddress(t)
	theirs := play(t, debianCtl, steps, client, peer)
	ours := play(t, buildOurs(t), steps, client, peer)
	differ := 0
	for i := range steps {
		if ours[i] != theirs[i] {
			differ++
			t.Errorf("line %d: etcdctl %s\n--- Debian's\n%s--- ours\n%s", steps[i].line, steps[i].text, theirs[i], ours[i])
		}
	}
	t.Logf("%d commands, %d differ", len(steps), differ)
}

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

// step is one command of the script.
type step struct {
	line      int
	text      string
	env       []string
	stdin     []string
	stopAfter int // lines of output; 0: wait for the end
}

func parseSteps(t *testing.T, script string) (steps []step) {
	t.Helper()
	for i, line := range strings.Split(script, "\n") {
		last := len(steps) - 1
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "<"):
			steps[last].stdin = append(steps[last].stdin, strings.TrimPrefix(line[1:], " "))
		case strings.HasPrefix(line, "= "):
			steps[last].env = append(steps[last].env, line[2:])
		case strings.HasPrefix(line, "> "):
			n, err := strconv.Atoi(line[2:])
			require.NoError(t, err, "line %d", i+1)
			steps[last].stopAfter = n
		default:
			steps = append(steps, step{line: i + 1, text: line})
		}
	}
	return steps
}

// player runs steps with one program on one server.
type player struct {
	binary, client, dir string
	leases              []int64
	rev                 int64 // before the last `put w1 a`
	api                 *clientv3.Client
}

func play(t *testing.T, binary string, steps []step, client, peer string) (outputs []string) {
	t.Helper()
	p := &player{binary: binary, client: client, dir: t.TempDir()}
	stop := startEtcd(t, p.dir, client, peer)
	defer stop()
	var err error
	p.api, err = clientv3.New(clientv3.Config{Endpoints: []string{client}})
	require.NoError(t, err)
	defer p.api.Close()
	for _, s := range steps {
		p.look(t, s)
		outputs = append(outputs, p.run(t, s))
	}
	return outputs
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

// look notes what the variables of the script stand for.
func (p *player) look(t *testing.T, s step) {
	t.Helper()
	if s.text != "put w1 a" {
		return
	}
	r, err := p.api.Get(context.Background(), "none")
	require.NoError(t, err)
	p.rev = r.Header.Revision + 1
}

func (p *player) expand(text string) string {
	pairs := []string{"$DIR", p.dir, "$REV", fmt.Sprint(p.rev)}
	for i, id := range p.leases {
		pairs = append(pairs, fmt.Sprintf("$LEASE%d", i+1), fmt.Sprintf("%x", id))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// run returns standard output, standard error and exit status of a step, masked.
func (p *player) run(t *testing.T, s step) string {
	t.Helper()
	cmd := exec.Command(p.binary, append([]string{"--endpoints", p.client}, splitWords(p.expand(s.text))...)...)
	if slicesContainsPrefix(s.env, "ETCDCTL_ENDPOINTS=") { // the conflict is what is tested
		cmd.Args = append([]string{p.binary}, append(splitWords(p.expand(s.text)), "--endpoints", p.client)...)
	}
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "ETCDCTL_API=3"}, s.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stderr = &stderr
	status := p.execute(t, s, cmd, &stdout)
	if cmd.ProcessState.ExitCode() == 0 && strings.HasPrefix(s.text, "lease grant") {
		p.noteLease(t)
	}
	return fmt.Sprintf("%s(stderr)\n%s(%s)\n", p.mask(stdout.String(), s.text), p.mask(stderr.String(), s.text), status)
}

func slicesContainsPrefix(list []string, prefix string) bool {
	for _, s := range list {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

// execute runs to the end, or until there was enough output: then the input is closed if
// there was some, else the program is killed.
func (p *player) execute(t *testing.T, s step, cmd *exec.Cmd, stdout io.Writer) (status string) {
	t.Helper()
	input := ""
	for _, line := range s.stdin {
		input += p.expand(line) + "\n"
	}
	if s.stopAfter == 0 {
		cmd.Stdin = strings.NewReader(input)
		cmd.Stdout = stdout
		timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		_ = cmd.Run()
		return cmd.ProcessState.String()
	}
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	for line := range strings.Lines(input) {
		_, _ = io.WriteString(stdin, line)
	}
	reader := bufio.NewReader(pipe)
	lines := 0
	for ; lines < s.stopAfter; lines++ {
		line, err := reader.ReadString('\n')
		_, _ = io.WriteString(stdout, line)
		if err != nil {
			break
		}
	}
	if lines == s.stopAfter && input == "" {
		_ = cmd.Process.Kill()
		status = "stopped"
	}
	_ = stdin.Close()
	rest, _ := io.ReadAll(reader)
	_, _ = stdout.Write(rest)
	_ = cmd.Wait()
	if status == "" {
		status = cmd.ProcessState.String()
	}
	return status
}

// noteLease finds the lease that was not there before.
func (p *player) noteLease(t *testing.T) {
	t.Helper()
	r, err := p.api.Leases(context.Background())
	require.NoError(t, err)
	known := map[int64]bool{}
	for _, id := range p.leases {
		known[id] = true
	}
	for _, l := range r.Leases {
		if !known[int64(l.ID)] {
			p.leases = append(p.leases, int64(l.ID))
		}
	}
}

// masks hide what differs from run to run: times, sizes of the database, addresses of
// code; and of help and of failing log lines all but that they are there.
var masks = []struct{ pattern, with string }{
	{`"ts":("[^"]*"|[0-9.]+),"caller":"[^"]*"`, `"ts":T,"caller":C`},
	{`"target":"[^"]*"`, `"target":T`},
	{`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+`, "TIME"},
	{`\d+(\.\d+)?(µs|ms)`, "DURATION"},
	{`remaining\(\d+s\)`, "remaining(N)"},
	{`"ttl":\d{2,}`, `"ttl":N`},
	{`"TTL" : \d{2,}`, `"TTL" : N`},
	{`\d+ kB`, "SIZE"},
	{`"dbSize(InUse)?":\d+`, `"dbSize$1":N`},
	{`"DBSize" : \d+`, `"DBSize" : N`},
	{`(?s)NAME:\n.*`, "HELP\n"},
	{`(?m)^etcdctl version: 3\.4\.\d+$`, "etcdctl version: 3.4.N"},
	{`\{"level":"info"[^\n]*\n`, ""}, // 3.4 tells the steps of saving and restoring
}

var frames = regexp.MustCompile(`(?m)^[+|].*$`)

func (p *player) mask(out, command string) string {
	for i, id := range p.leases {
		name := fmt.Sprintf("LEASE%d", i+1)
		out = strings.NewReplacer(fmt.Sprintf("%016x", id), name, fmt.Sprint(id), name).Replace(out)
	}
	out = strings.ReplaceAll(out, p.dir, "DIR")
	if strings.Contains(command, "health") && strings.Contains(command, "table") {
		out = frames.ReplaceAllStringFunc(out, func(line string) string { // as wide as the durations
			return strings.Join(strings.Fields(strings.NewReplacer("-", "", "+", " + ").Replace(line)), " ")
		})
	}
	for _, m := range masks {
		out = regexp.MustCompile(m.pattern).ReplaceAllString(out, m.with)
	}
	return out
}
