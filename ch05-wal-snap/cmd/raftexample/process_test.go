package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"insideetcd/ch02-raft/sim"
	"insideetcd/ch03-etcdraft/raftexample"
)

var (
	kills = flag.Int("kills", 3, "how often a member is killed")
	seed  = flag.Uint64("seed", 1, "of who is killed, and of the requests")
)

const beMember = "RAFTEXAMPLE_TEST_MEMBER" // in the environment: be a member, not a test

func TestMain(m *testing.M) {
	if os.Getenv(beMember) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// cluster is three processes.
type cluster struct {
	t         *testing.T
	dir       string
	addresses map[int]string // host:port
	processes map[int]*exec.Cmd
	client    http.Client

	mu       sync.Mutex
	history  []sim.Op
	event    int64
	answered chan struct{} // one for each answer
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{
		t: t, dir: t.TempDir(), addresses: map[int]string{}, processes: map[int]*exec.Cmd{},
		client: http.Client{Timeout: 3 * time.Second}, answered: make(chan struct{}, 1<<16),
	}
	for id := 1; id <= 3; id++ {
		c.addresses[id] = freeAddress(t)
	}
	for id := 1; id <= 3; id++ {
		c.start(id)
	}
	t.Cleanup(func() {
		for id := range c.processes {
			c.kill(id)
		}
	})
	return c
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (c *cluster) start(id int) {
	members := ""
	for i := 1; i <= 3; i++ {
		members += fmt.Sprintf(",%d=http://%s", i, c.addresses[i])
	}
	output, err := os.OpenFile(filepath.Join(c.dir, fmt.Sprint(id, ".out")), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(c.t, err)
	defer output.Close()
	cmd := exec.Command(os.Args[0], "-id", fmt.Sprint(id), "-cluster", members[1:], "-dir", filepath.Join(c.dir, fmt.Sprint(id)),
		"-snap-count", "50", "-tick", "20ms", "-timeout", "2s")
	cmd.Env = append(os.Environ(), beMember+"=1")
	cmd.Stdout, cmd.Stderr = output, output
	require.NoError(c.t, cmd.Start())
	c.processes[id] = cmd
}

// kill is SIGKILL: the process has no chance to finish anything.
func (c *cluster) kill(id int) {
	require.NoError(c.t, c.processes[id].Process.Kill())
	c.processes[id].Wait()
	delete(c.processes, id)
}

// serves waits until a member answers reads, so it has caught up.
func (c *cluster) serves(id int) {
	require.Eventually(c.t, func() bool {
		code, _ := c.send(id, http.MethodGet, "/kv/a", "")
		return code == http.StatusOK || code == http.StatusNotFound
	}, time.Minute, 10*time.Millisecond, "member %d does not serve; it says:\n%s", id, lazy(func() string { return c.output(id) }))
}

type lazy func() string

func (l lazy) String() string { return l() }

func (c *cluster) output(id int) string {
	b, _ := os.ReadFile(filepath.Join(c.dir, fmt.Sprint(id, ".out")))
	return string(b[max(0, len(b)-4000):])
}

// send returns the status, 0 if there is none.
func (c *cluster) send(id int, method, path, body string) (int, string) {
	req, err := http.NewRequest(method, "http://"+c.addresses[id]+path, strings.NewReader(body))
	require.NoError(c.t, err)
	req.GetBody = nil // a request that may have arrived must not be sent again
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(b)
}

// ask sends a request and notes it in the history.
func (c *cluster) ask(id int, op sim.Op) string {
	method, path := http.MethodPut, "/kv/"+op.Key
	switch op.Kind {
	case "get":
		method = http.MethodGet
	case "cas":
		path += "?prev=" + url.QueryEscape(op.Old)
	}
	c.mu.Lock()
	c.event++
	op.ID, op.Node, op.Call, op.Outcome = uint64(len(c.history)+1), uint64(id), c.event, sim.Unknown
	i := len(c.history)
	c.history = append(c.history, op)
	c.mu.Unlock()

	code, text := c.send(id, method, path, op.New)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.event++
	switch code {
	case http.StatusNotFound:
		text = ""
		fallthrough
	case http.StatusOK, http.StatusPreconditionFailed:
		c.history[i].Seen, c.history[i].Outcome, c.history[i].Return = text, sim.Answered, c.event
		c.answered <- struct{}{}
	case http.StatusServiceUnavailable:
		c.history[i].Outcome = sim.Refused
	}
	return text
}

// run is one client. It stays at a member while that answers.
func (c *cluster) run(ctx context.Context, name int) {
	rng := rand.New(rand.NewPCG(*seed, uint64(name)))
	seen := map[string]string{}
	for round := 0; ctx.Err() == nil; round++ {
		key := []string{"a", "b", "c"}[rng.IntN(3)]
		op := sim.Op{Kind: []string{"get", "put", "cas"}[rng.IntN(3)], Key: key, Old: seen[key]}
		if op.Kind != "get" {
			op.New = fmt.Sprint(name, ".", round)
		}
		seen[key] = c.ask(1+rng.IntN(3), op)
	}
}

// TestKilledMembersForgetNothing: three processes and four clients, and again and again a member
// is killed and started again. Every answer fits one order of all requests.
func TestKilledMembersForgetNothing(t *testing.T) {
	c := newCluster(t)
	for id := 1; id <= 3; id++ {
		c.serves(id)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for name := range 4 {
		clients.Go(func() { c.run(ctx, name) })
	}
	rng := rand.New(rand.NewPCG(*seed, 99))
	for range *kills {
		c.waitForAnswers(50)
		id := 1 + rng.IntN(3)
		c.kill(id)
		c.waitForAnswers(20)
		c.start(id)
		c.serves(id)
	}
	c.waitForAnswers(50)
	cancel()
	clients.Wait()
	c.judge()
}

func (c *cluster) waitForAnswers(n int) {
	late := time.After(time.Minute)
	for range n {
		select {
		case <-c.answered:
		case <-late:
			require.Fail(c.t, "two of three members are up and clients get no answers", "1: %s\n2: %s\n3: %s", c.output(1), c.output(2), c.output(3))
		}
	}
}

func (c *cluster) judge() {
	answered := 0
	for _, op := range c.history {
		if op.Outcome == sim.Answered {
			answered++
		}
	}
	require.NoError(c.t, sim.Linearizable(c.history), "linearizable history: -seed %d -kills %d", *seed, *kills)
	var status raftexample.Status
	_, text := c.send(1, http.MethodGet, "/status", "")
	require.NoError(c.t, json.Unmarshal([]byte(text), &status))
	require.Positive(c.t, status.Snapshot, "snapshots were part of it")
	c.t.Logf("%d kills, %d requests, %d answered, applied up to %d, snapshot at %d, term %d",
		*kills, len(c.history), answered, status.Applied, status.Snapshot, status.Term)
}

// A power cut of all members at once.
func TestAllMembersKilledAtOnceForgetNothing(t *testing.T) {
	c := newCluster(t)
	c.serves(1)
	c.ask(2, sim.Op{Kind: "put", Key: "a", New: "1"})
	c.ask(3, sim.Op{Kind: "put", Key: "b", New: "2"})
	for id := 1; id <= 3; id++ {
		c.kill(id)
	}
	for id := 1; id <= 3; id++ {
		c.start(id)
	}
	c.serves(1)
	for id := 1; id <= 3; id++ {
		c.ask(id, sim.Op{Kind: "get", Key: "a"})
		c.ask(id, sim.Op{Kind: "get", Key: "b"})
	}
	require.NoError(t, sim.Linearizable(c.history))
}

func TestErrorsSayWhatToDo(t *testing.T) {
	dir, busy := t.TempDir(), filepath.Join(t.TempDir(), "busy")
	holder, err := openLog(nil, busy, 1)
	require.NoError(t, err)
	_, err = holder.Load()
	require.NoError(t, err)
	defer holder.Close()
	address := freeAddress(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	free := "1=http://" + address
	for args, want := range map[string]string{
		"-id 4":                         "-cluster has no member 4",
		"-cluster 1=127.0.0.1:1":        "is not of the form ID=http://HOST:PORT",
		"-cluster " + free + ",2=":      "is not of the form",
		"-cluster " + free + "," + free: "each ID belongs to one member",
		"serve":                         "is no flag",
		"-cluster 1=http://" + taken.Addr().String() + " -dir " + dir:         "choose another address with -listen",
		"-cluster " + free + " -dir " + busy:                                  "another process uses",
		"-cluster " + free + " -dir " + filepath.Join("process_test.go", "x"): "choose another with -dir",
		"-id 2 -cluster 2=http://" + address + " -dir " + oneMembersLog(t):    "name the right directory with -dir",
	} {
		err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard)
		require.ErrorContains(t, err, want, args)
	}
	require.ErrorIs(t, run(t.Context(), []string{"-help"}, io.Discard, io.Discard), flag.ErrHelp)
}

// oneMembersLog is a directory that member 1 has used.
func oneMembersLog(t *testing.T) string {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	ready := &cancelOnWrite{cancel: cancel}
	err := run(ctx, []string{"-cluster", "1=http://" + freeAddress(t), "-dir", dir}, ready, io.Discard)
	require.NoError(t, err)
	require.Contains(t, ready.String(), "member 1 of 1 listens on")
	return dir
}

type cancelOnWrite struct {
	bytes.Buffer
	cancel func()
}

func (w *cancelOnWrite) Write(b []byte) (int, error) {
	defer w.cancel()
	return w.Buffer.Write(b)
}
