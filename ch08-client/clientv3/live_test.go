package clientv3

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"insideetcd/ch08-client/v3rpc/rpctypes"
)

const debianEtcd = "/usr/bin/etcd"

// startEtcd starts Debian's etcd on an address of its own.
func startEtcd(t *testing.T) (address string) {
	t.Helper()
	if _, err := os.Stat(debianEtcd); err != nil {
		t.Skipf("no server to speak with: Debian's etcd is not installed (%v)", err)
	}
	address, peer, dir := nobody(t), nobody(t), t.TempDir()
	log, err := os.Create(filepath.Join(dir, "etcd.log"))
	require.NoError(t, err)
	cmd := exec.Command(debianEtcd, "--name", "m1", "--data-dir", filepath.Join(dir, "data"),
		"--listen-client-urls", "http://"+address, "--advertise-client-urls", "http://"+address,
		"--listen-peer-urls", "http://"+peer, "--initial-advertise-peer-urls", "http://"+peer,
		"--initial-cluster", "m1=http://"+peer)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = log.Close() })
	c := open(t, Config{Endpoints: []string{address}})
	_, err = c.Get(soon(t), "ready")
	require.NoError(t, err)
	return address
}

// proxy passes connections on, until they are cut.
type proxy struct {
	l    net.Listener
	to   string
	mu   sync.Mutex
	open map[net.Conn]bool
	wg   sync.WaitGroup
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{l: l, to: to, open: map[net.Conn]bool{}}
	p.wg.Go(p.accept)
	t.Cleanup(func() { _ = l.Close(); p.cut(); p.wg.Wait() })
	return p
}

func (p *proxy) address() string { return p.l.Addr().String() }

func (p *proxy) accept() {
	for {
		from, err := p.l.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = from.Close()
			continue
		}
		p.mu.Lock()
		p.open[from], p.open[to] = true, true
		p.mu.Unlock()
		p.wg.Go(func() { _, _ = io.Copy(from, to); _ = from.Close(); _ = to.Close() })
		p.wg.Go(func() { _, _ = io.Copy(to, from); _ = from.Close(); _ = to.Close() })
	}
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
		delete(p.open, c)
	}
}

// TestWatchesSurviveCutConnections writes while connections are cut again and again.
// Every watch reports every event of its keys once, in order (the guarantees ordered,
// unique, reliable, atomic, resumable), and the leases live on.
func TestWatchesSurviveCutConnections(t *testing.T) {
	server := startEtcd(t)
	one, two := newProxy(t, server), newProxy(t, server)
	writer := open(t, Config{Endpoints: []string{server}})
	client := open(t, Config{Endpoints: []string{one.address(), two.address()}})
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()

	lease, err := client.Grant(ctx, 3)
	require.NoError(t, err)
	alive, err := client.KeepAlive(ctx, lease.ID)
	require.NoError(t, err)
	<-alive

	names, watches := manyWatches(ctx, client)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var written []string // "revision key", in order
	for i := range 400 {
		a, b := rnd.IntN(keys), rnd.IntN(keys)
		ops := []Op{OpPut(fmt.Sprintf("w/%d", a), fmt.Sprint(i))}
		if a != b { // two events of one revision
			ops = append(ops, OpPut(fmt.Sprintf("w/%d", b), fmt.Sprint(i)))
		}
		r, err := writer.Txn(ctx).Then(ops...).Commit()
		require.NoError(t, err)
		for _, op := range ops {
			written = append(written, fmt.Sprintf("%d %s", r.Header.Revision, op.KeyBytes()))
		}
		switch rnd.IntN(25) {
		case 0:
			one.cut()
		case 1:
			two.cut()
		}
	}
	end, err := writer.Txn(ctx).Then(OpPut("w/0", "end"), OpPut("w/1", "end"), OpPut("w/2", "end"), OpPut("w/3", "end"), OpPut("w/4", "end")).Commit()
	require.NoError(t, err)
	for i := range keys {
		written = append(written, fmt.Sprintf("%d w/%d", end.Header.Revision, i))
	}
	for i, w := range watches {
		requireReported(t, names[i], w, written, end.Header.Revision)
	}
	ttl, err := client.TimeToLive(ctx, lease.ID)
	require.NoError(t, err)
	require.Positive(t, ttl.TTL, "the lease was renewed all the time")
}

const keys = 5 // w/0 … w/4

// manyWatches opens watches of single keys and of all, with what may come along.
func manyWatches(ctx context.Context, client *Client) (names []string, watches []WatchChan) {
	for i := range 20 {
		name := fmt.Sprintf("w/%d", i%keys)
		opts := []OpOption{WithPrevKV()}
		if i%4 == 0 {
			name, opts = "w/", append(opts, WithPrefix(), WithFragment())
		}
		if i%3 == 0 {
			opts = append(opts, WithProgressNotify())
		}
		names = append(names, name)
		watches = append(watches, client.Watch(ctx, name, opts...))
	}
	return names, watches
}

// requireReported reads a watch up to the revision last.
func requireReported(t *testing.T, name string, w WatchChan, written []string, last int64) {
	t.Helper()
	var want, got []string
	for _, line := range written {
		if strings.HasPrefix(line[strings.Index(line, " ")+1:], name) {
			want = append(want, line)
		}
	}
	previous := map[string]string{}
	reported := int64(0)
	for r := range w {
		require.NoError(t, r.Err())
		for i, e := range r.Events {
			key := string(e.Kv.Key)
			got = append(got, fmt.Sprintf("%d %s", e.Kv.ModRevision, key))
			require.True(t, i > 0 || e.Kv.ModRevision > reported, "events of a revision come together")
			reported = e.Kv.ModRevision
			if before, ok := previous[key]; ok {
				require.Equal(t, before, string(e.PrevKv.GetValue()), "the value before")
			}
			previous[key] = string(e.Kv.Value)
		}
		if reported >= last {
			break
		}
	}
	require.Equal(t, want, got, "watch on %s", name)
}

func TestWatchesThatEnd(t *testing.T) {
	c := open(t, Config{Endpoints: []string{startEtcd(t)}})
	ctx := soon(t)
	for i := range 5 {
		_, err := c.Put(ctx, "k", fmt.Sprint(i))
		require.NoError(t, err)
	}
	_, err := c.Compact(ctx, 4)
	require.NoError(t, err)

	last := func(w WatchChan) (r WatchResponse) {
		for r = range w {
		}
		return r
	}
	r := last(c.Watch(ctx, "k", WithRev(2)))
	require.Equal(t, rpctypes.ErrCompacted, r.Err())
	require.EqualValues(t, 4, r.CompactRevision)
	r = last(c.Watch(ctx, "b", WithRange("a")))
	require.EqualError(t, r.Err(), "mvcc: watcher range is empty")

	ended, cancel := context.WithCancel(ctx)
	w := c.Watch(ended, "k", WithCreatedNotify(), WithRev(4))
	first := <-w
	require.True(t, first.Created)
	second := <-w
	require.Len(t, second.Events, 3, "from the compacted revision on")
	cancel()
	for range w {
	}
	filtered := c.Watch(ctx, "k", WithFilterPut())
	other := c.Watch(ctx, "other")
	_, err = c.Delete(ctx, "k")
	require.NoError(t, err)
	report := <-filtered
	require.Equal(t, EventTypeDelete, report.Events[0].Type)
	require.NoError(t, c.RequestProgress(ctx))
	report = <-other
	require.True(t, report.IsProgressNotify())
	require.NoError(t, c.RequestProgress(WithRequireLeader(ctx)), "no watch on that stream")
}

func TestStreamsEndWithTheirLastWatch(t *testing.T) {
	c := open(t, Config{Endpoints: []string{startEtcd(t)}})
	count := func() int {
		w := c.Watcher.(*watcher)
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.streams)
	}
	ctx, cancel := context.WithCancel(soon(t))
	a, b := c.Watch(ctx, "a"), c.Watch(ctx, "b")
	other := c.Watch(WithRequireLeader(ctx), "c")
	require.Equal(t, 2, count(), "one stream for each kind of context")
	cancel()
	for _, w := range []WatchChan{a, b, other} {
		for range w {
		}
	}
	require.Eventually(t, func() bool { return count() == 0 }, 10*time.Second, time.Millisecond)
}

func TestLeases(t *testing.T) {
	c := open(t, Config{Endpoints: []string{startEtcd(t)}})
	ctx := soon(t)
	gone, err := c.KeepAlive(ctx, 12345)
	require.NoError(t, err)
	for range gone {
		t.Fatal("there is no such lease")
	}
	_, err = c.KeepAliveOnce(ctx, 12345)
	require.Equal(t, rpctypes.ErrLeaseNotFound, err)

	l, err := c.Grant(ctx, 60)
	require.NoError(t, err)
	_, err = c.Put(ctx, "k", "v", WithLease(l.ID))
	require.NoError(t, err)
	stopped, stop := context.WithCancel(ctx)
	first, err := c.KeepAlive(stopped, l.ID)
	require.NoError(t, err)
	second, err := c.KeepAlive(ctx, l.ID)
	require.NoError(t, err)
	<-first
	stop()
	for range first {
	}
	info, err := c.TimeToLive(ctx, l.ID, WithAttachedKeys())
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("k")}, info.Keys)
	all, err := c.Leases(ctx)
	require.NoError(t, err)
	require.Equal(t, []LeaseStatus{{l.ID}}, all.Leases)
	_, err = c.Revoke(ctx, l.ID)
	require.NoError(t, err)
	_, err = c.KeepAliveOnce(ctx, l.ID)
	require.Equal(t, rpctypes.ErrLeaseNotFound, err)
	require.NoError(t, c.Lease.Close()) // the next renewal, in 20 s, would find the lease gone
	for range second {
	}
}

func TestMaintenance(t *testing.T) {
	server := startEtcd(t)
	c := open(t, Config{Endpoints: []string{server}})
	ctx := soon(t)
	_, err := c.Put(ctx, "k", strings.Repeat("v", 100_000))
	require.NoError(t, err)
	status, err := c.Status(ctx, server)
	require.NoError(t, err)
	hash, err := c.HashKV(ctx, server, 0)
	require.NoError(t, err)
	require.Equal(t, status.Header.ClusterId, hash.Header.ClusterId)
	_, err = c.Defragment(ctx, "http://"+server)
	require.NoError(t, err)
	alarms, err := c.AlarmDisarm(ctx, &AlarmMember{})
	require.NoError(t, err)
	require.Empty(t, alarms.Alarms)
	r, err := c.Snapshot(ctx)
	require.NoError(t, err)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, 32, len(b)%512, "a database and its hash")
	require.NoError(t, r.Close())
	_, err = c.MoveLeader(ctx, 1)
	require.Equal(t, rpctypes.ErrBadLeaderTransferee, err)
	require.NoError(t, c.Sync(ctx))
	require.Equal(t, []string{"http://" + server}, c.Endpoints())
	open(t, Config{Endpoints: []string{server}, Username: "root", Password: "x"}) // a cluster without users
}

// TestTokens signs in, and signs in again when a change of users made the token too old.
func TestTokens(t *testing.T) {
	const etcdctl = "/usr/bin/etcdctl"
	if _, err := os.Stat(etcdctl); err != nil {
		t.Skipf("nothing to make users with: Debian's etcdctl is not installed (%v)", err)
	}
	server := startEtcd(t)
	tell := func(args ...string) {
		t.Helper()
		cmd := exec.Command(etcdctl, append([]string{"--endpoints", server}, args...)...)
		cmd.Env = []string{"ETCDCTL_API=3"}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	tell("user", "add", "root:secret")
	tell("user", "grant-role", "root", "root")
	tell("auth", "enable")

	_, err := New(Config{Endpoints: []string{server}, Username: "root", Password: "wrong"})
	require.Equal(t, rpctypes.ErrAuthFailed, err)
	_, err = open(t, Config{Endpoints: []string{server}}).Put(soon(t), "k", "v")
	require.Equal(t, rpctypes.ErrUserEmpty, err)
	c := open(t, Config{Endpoints: []string{server}, Username: "root", Password: "secret"})
	ctx := soon(t)
	_, err = c.Put(ctx, "k", "v")
	require.NoError(t, err)
	watch := c.Watch(ctx, "k")
	tell("--user", "root:secret", "user", "add", "other:secret")
	c.token.set("not a token")
	_, err = c.Put(ctx, "k", "v")
	require.NoError(t, err, "a refused token is renewed")
	require.Len(t, (<-watch).Events, 1)
	_, err = c.Defragment(ctx, server)
	require.NoError(t, err, "calls of one endpoint carry the token")
}
