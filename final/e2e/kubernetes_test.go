package e2e

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch08-client/v3rpc"
	"insideetcd/ch08-client/v3rpc/stub"
)

var (
	kubernetesKeys  = flag.Int("kubernetes.keys", 5000, "objects that the Kubernetes run creates")
	kubernetesSeed  = flag.Uint64("kubernetes.seed", 1, "draws their names and values")
	kubernetesLimit = flag.Duration("kubernetes.limit", 3*time.Minute, "give up the Kubernetes run after this time")
)

// registryPrefix is where Kubernetes keeps its objects.
var registryPrefix, registryEnd = []byte("/registry/"), []byte("/registry0")

// TestKubernetes does with the server what the API servers of a cluster do: create
// objects, replace and delete some of them under compare-and-swap, list in pages at one
// revision while that goes on, watch live and from old revisions, compact. The writers know
// every change that was acknowledged; with that
//
//	N1  every revision belongs to exactly one acknowledged change
//	N2  a list, whenever it began and whatever was changed meanwhile, is exactly what the
//	    keys held at its revision
//	N3  every watch keeps the seven guarantees
//	N4  after a compaction older revisions are refused to lists, continued lists and
//	    watches; the compacted revision and later ones are served
//
// -kubernetes.keys 100000 is the long form.
func TestKubernetes(t *testing.T) {
	t.Logf("replay: go test ./final/e2e -v -run TestKubernetes$ -kubernetes.keys %d -kubernetes.seed %d", *kubernetesKeys, *kubernetesSeed)
	run := newKubernetes(t)
	live := run.watch(&pb.WatchCreateRequest{Key: registryPrefix, RangeEnd: registryEnd, PrevKv: true})
	run.load()
	listed := run.churnAndList()
	history := run.settled()
	run.checkLists(history, listed)
	last := history[len(history)-1].Kv.ModRevision
	run.checkWatch("live since before the first", live, history, 0, last)
	run.watchOld(history, last)
	run.compact(history, last)
}

// kubernetes is one run against one server process.
type kubernetes struct {
	t        *testing.T
	ctx      context.Context
	began    time.Time
	server   *Server
	kvs      []stub.KVClient // one a connection
	watcher  stub.WatchClient
	registry *registry
	loaded   int64 // revision after the load
}

func newKubernetes(t *testing.T) *kubernetes {
	ctx, cancel := context.WithTimeoutCause(t.Context(), *kubernetesLimit, fmt.Errorf("not done after -kubernetes.limit %s", *kubernetesLimit))
	t.Cleanup(cancel)
	k := &kubernetes{t: t, ctx: ctx, began: time.Now()}
	k.server = start(t, ours(t), Options{Flags: []string{"--quota-backend-bytes", "8589934592"}})
	for range 4 {
		conn := dialPlain(t, k.server.ClientAddr)
		k.kvs = append(k.kvs, stub.NewKVClient(conn))
		k.watcher = stub.NewWatchClient(conn)
	}
	k.registry = newRegistry(*kubernetesSeed, *kubernetesKeys, k.kvs)
	return k
}

// dialPlain opens a connection of its own, with the project's codec.
func dialPlain(t *testing.T, addr string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(v3rpc.Codec{}), grpc.MaxCallRecvMsgSize(1<<30))}, options...)...)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (k *kubernetes) say(format string, args ...any) {
	k.t.Helper()
	k.t.Logf("%6.1fs  %s", time.Since(k.began).Seconds(), fmt.Sprintf(format, args...))
}

// reporting says every few seconds how far the writers are, until it is stopped.
func (k *kubernetes) reporting() (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				k.say("… %d changes, %d MiB", k.registry.ops.Load(), k.registry.bytes.Load()>>20)
			case <-end:
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}

func (k *kubernetes) watch(requests ...*pb.WatchCreateRequest) *recorder {
	k.t.Helper()
	r, err := openWatches(k.ctx, k.watcher, requests...)
	require.NoError(k.t, err)
	go r.receiveAll()
	require.NoError(k.t, r.await(k.ctx, "the watches' creation", func() bool { return r.created == len(requests) }))
	return r
}

func (k *kubernetes) load() {
	k.t.Helper()
	defer k.reporting()()
	begin := time.Now()
	require.NoError(k.t, k.registry.load(k.ctx))
	seconds, n := time.Since(begin).Seconds(), len(k.registry.objects)
	k.loaded = int64(n + 1)
	k.say("%d keys loaded, %d MiB of values, %.0f/s", n, k.registry.bytes.Load()>>20, float64(n)/seconds)
}

// listing is what one list in pages has brought; values are digests.
type listing struct {
	rev   int64
	pages int
	kvs   []*mvccpb.KeyValue
}

// churnAndList lists again and again, once at least, while the writers go on.
func (k *kubernetes) churnAndList() (lists []listing) {
	k.t.Helper()
	defer k.reporting()()
	churned := make(chan error, 1)
	go func() { churned <- k.registry.churn(k.ctx) }()
	for {
		l, err := listInPages(k.ctx, k.kvs[len(lists)%len(k.kvs)], registryPrefix, 0)
		require.NoError(k.t, err)
		lists = append(lists, l)
		select {
		case err := <-churned:
			require.NoError(k.t, err)
			k.say("%d changes acknowledged; %d lists meanwhile, at the revisions %d to %d",
				k.registry.ops.Load(), len(lists), lists[0].rev, l.rev)
			return lists
		default:
		}
	}
}

// listInPages lists the registry as client-go does: pages of 500, each beginning behind
// the last key of the one before, all at the revision of the first (or at rev, if it is
// not 0).
func listInPages(ctx context.Context, kv stub.KVClient, from []byte, rev int64) (l listing, err error) {
	request := &pb.RangeRequest{Key: from, RangeEnd: registryEnd, Limit: 500, Revision: rev}
	for {
		page, err := kv.Range(ctx, request)
		if err != nil {
			return l, fmt.Errorf("page %d at revision %d: %w", l.pages+1, request.Revision, err)
		}
		if l.pages++; l.pages == 1 && rev == 0 {
			request.Revision = page.Header.Revision
		}
		for _, kv := range page.Kvs {
			kv.Value = digest(kv.Value)
		}
		if page.More == (page.Count == int64(len(page.Kvs))) || len(page.Kvs) == 0 {
			return l, fmt.Errorf("page %d has %d of %d keys; more: %v", l.pages, len(page.Kvs), page.Count, page.More)
		}
		l.rev, l.kvs = request.Revision, append(l.kvs, page.Kvs...)
		if !page.More {
			return l, nil
		}
		last := page.Kvs[len(page.Kvs)-1].Key
		request.Key = append(append([]byte(nil), last...), 0)
	}
}

// settled returns the history, after N1 was checked.
func (k *kubernetes) settled() []*mvccpb.Event {
	k.t.Helper()
	history := k.registry.history()
	for i, e := range history {
		require.Equalf(k.t, int64(i+2), e.Kv.ModRevision, "N1: %s, change %d, has another revision", e.Kv.Key, i+1)
	}
	return history
}

// checkLists checks N2.
func (k *kubernetes) checkLists(history []*mvccpb.Event, lists []listing) {
	k.t.Helper()
	old, err := listInPages(k.ctx, k.kvs[0], registryPrefix, k.loaded)
	require.NoError(k.t, err)
	require.Len(k.t, old.kvs, len(k.registry.objects))
	for _, l := range append(lists, old) {
		requireSame(k.t, stateAt(history, l.rev), l)
	}
	k.say("%d lists complete; the last: %d keys in %d pages at revision %d", len(lists)+1, len(old.kvs), old.pages, old.rev)
}

func requireSame(t *testing.T, want []*mvccpb.KeyValue, l listing) {
	t.Helper()
	require.Lenf(t, l.kvs, len(want), "N2: keys at revision %d", l.rev)
	for i := range want {
		require.Truef(t, want[i].EqualVT(l.kvs[i]), "N2: key %d at revision %d\nwant %v\ngot  %v", i, l.rev, want[i], l.kvs[i])
	}
}

// checkWatch checks N3 for all watches of a stream, once it has settled.
func (k *kubernetes) checkWatch(name string, r *recorder, history []*mvccpb.Event, compacted, through int64) {
	k.t.Helper()
	require.NoError(k.t, r.settle(k.ctx, through), name)
	require.Positive(k.t, r.events, name)
	violations, err := r.violations(history, compacted, through)
	require.NoError(k.t, err)
	require.Empty(k.t, violations, name)
	k.say("watch %s: %d events in %d responses to %d watches, no violation", name, r.events, len(r.responses), len(r.watches))
}

// watchOld watches from old revisions: everything from the first change on, each kind by
// itself on one stream, and from the middle on.
func (k *kubernetes) watchOld(history []*mvccpb.Event, last int64) {
	k.t.Helper()
	all := k.watch(&pb.WatchCreateRequest{Key: registryPrefix, RangeEnd: registryEnd, StartRevision: 2, PrevKv: true})
	k.checkWatch("from revision 2", all, history, 0, last)
	require.Equal(k.t, len(history), all.events)
	var perKind []*pb.WatchCreateRequest
	for _, kind := range kinds {
		perKind = append(perKind, &pb.WatchCreateRequest{StartRevision: 2,
			Key: []byte("/registry/" + kind.name + "/"), RangeEnd: []byte("/registry/" + kind.name + "0")})
	}
	each := k.watch(perKind...)
	k.checkWatch("of each kind, from revision 2", each, history, 0, last)
	require.Equal(k.t, len(history), each.events)
	k.checkWatch("from the middle", k.watch(&pb.WatchCreateRequest{Key: registryPrefix, RangeEnd: registryEnd, StartRevision: last / 2}), history, 0, last)
}

// compact checks N4 around a compaction at the revision after the load.
func (k *kubernetes) compact(history []*mvccpb.Event, last int64) {
	k.t.Helper()
	at := k.loaded + (last-k.loaded)/2
	began := time.Now()
	_, err := k.kvs[0].Compact(k.ctx, &pb.CompactionRequest{Revision: at, Physical: true})
	require.NoError(k.t, err)
	k.say("compacted at revision %d in %.2fs", at, time.Since(began).Seconds())

	for what, from := range map[string][]byte{"list": registryPrefix, "continued list": []byte("/registry/pods/")} {
		_, err = listInPages(k.ctx, k.kvs[0], from, at-1)
		require.Equal(k.t, codes.OutOfRange, status.Code(err), "N4: "+what)
		require.ErrorContains(k.t, err, "etcdserver: mvcc: required revision has been compacted", "N4: "+what)
	}
	old := k.watch(&pb.WatchCreateRequest{Key: registryPrefix, RangeEnd: registryEnd, StartRevision: at - 1})
	require.NoError(k.t, old.await(k.ctx, "the end of the watch", func() bool { return old.ended[1] == 1 }))
	require.Equal(k.t, at, old.responses[len(old.responses)-1].CompactRevision)
	require.Zero(k.t, old.events, "N4: a compacted watch has no events")

	k.checkWatch("from the compacted revision", k.watch(&pb.WatchCreateRequest{
		Key: registryPrefix, RangeEnd: registryEnd, StartRevision: at, PrevKv: true}), history, at, last)
	for _, rev := range []int64{at, last} {
		l, err := listInPages(k.ctx, k.kvs[0], registryPrefix, rev)
		require.NoError(k.t, err)
		requireSame(k.t, stateAt(history, rev), l)
		k.say("list at revision %d: %d keys in %d pages, complete", rev, len(l.kvs), l.pages)
	}
}
