package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc"
	"insideetcd/ch08-client/v3rpc/stub"
)

// result is what a load cost.
type result struct {
	operations    int // or deliveries, where there are watchers
	elapsed       time.Duration
	p50, p90, p99 time.Duration // how long a client waited for an answer
	cpu           time.Duration // of all servers together; 0 = unknown
}

func (r result) perSecond() float64 { return float64(r.operations) / r.elapsed.Seconds() }

// cpuPerOp is in microseconds; 0 = unknown.
func (r result) cpuPerOp() float64 {
	return float64(r.cpu) / float64(time.Microsecond) / float64(r.operations)
}

// load is a scenario, an amount of it, and connections to have it on.
type load struct {
	scenario scenario
	options  *options
	conns    []*grpc.ClientConn
	servers  []int                       // process IDs whose CPU time is counted
	progress func(what string, done int) // about once a second; nil = nobody asks

	clients []*client // made by the first run; what they know of the store serves the next
}

// dial opens the connections, round robin over the endpoints (host:port, or http://…).
func dial(endpoints []string, conns int) ([]*grpc.ClientConn, func(), error) {
	var open []*grpc.ClientConn
	closeAll := func() {
		for _, conn := range open {
			conn.Close()
		}
	}
	for i := range conns {
		addr, err := hostPort(endpoints[i%len(endpoints)])
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		conn, err := grpc.NewClient("passthrough:///"+addr,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(v3rpc.Codec{}), grpc.MaxCallRecvMsgSize(1<<30)))
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("endpoint %s: %w", addr, err)
		}
		open = append(open, conn)
	}
	return open, closeAll, nil
}

func hostPort(endpoint string) (string, error) {
	if !strings.Contains(endpoint, "://") {
		endpoint = "http://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("endpoint: %w", err)
	}
	if u.Scheme != "http" || u.Port() == "" || strings.Trim(u.Path, "/") != "" {
		return "", fmt.Errorf("endpoint %q: want host:port, or http://host:port", endpoint)
	}
	return u.Host, nil
}

// run prepares the store, warms up, and measures.
func (l *load) run(ctx context.Context) (result, error) {
	// Not a deadline: it would travel with every request and make the server watch it.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	bound := time.AfterFunc(l.options.timeout, func() {
		cancel(fmt.Errorf("not done after --timeout %s", l.options.timeout))
	})
	defer bound.Stop()
	if l.scenario.keys != nil {
		if err := l.fill(ctx, l.scenario.keys(l.options)); err != nil {
			return result{}, fmt.Errorf("prepare %s: %w", l.scenario.name, err)
		}
	}
	for i := len(l.clients); i < l.options.clients; i++ {
		l.clients = append(l.clients, newClient(l.kv(i), l.options, i))
	}
	if l.scenario.isWatched {
		w, err := watch(ctx, cancel, l.conns, l.options.watchers)
		if err != nil {
			return result{}, err
		}
		defer w.end()
		for _, c := range l.clients {
			c.watching = w
		}
	}
	if _, err := l.operate(ctx, l.clients, "warm-up", 0, l.options.warmup); err != nil {
		return result{}, fmt.Errorf("warm up for %s: %w", l.scenario.name, err)
	}
	return l.measure(ctx)
}

// kv is what client number i uses.
func (l *load) kv(i int) stub.KVClient { return stub.NewKVClient(l.conns[i%len(l.conns)]) }

func (l *load) measure(ctx context.Context) (result, error) {
	before, err := cpuTime(l.servers)
	if err != nil {
		return result{}, err
	}
	begin := time.Now()
	waits, err := l.operate(ctx, l.clients, l.scenario.name, l.options.warmup, l.options.total)
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", l.scenario.name, err)
	}
	r := result{operations: len(waits) * l.scenario.counted(l.options), elapsed: time.Since(begin)}
	after, err := cpuTime(l.servers)
	if err != nil {
		return result{}, err
	}
	r.cpu = after - before
	slices.Sort(waits)
	r.p50, r.p90, r.p99 = quantile(waits, 50), quantile(waits, 90), quantile(waits, 99)
	return r, nil
}

// quantile is the smallest wait that at least that many percent of the sorted waits do
// not exceed.
func quantile(sorted []time.Duration, percent int) time.Duration {
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}

// operate does count operations numbered from first, each client one at a time, and
// returns how long each took. The first error ends all.
func (l *load) operate(ctx context.Context, clients []*client, what string, first, count int) ([]time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	waits := make([]time.Duration, count)
	var next, done atomic.Int64
	stopTelling := l.tell(what, &done)
	defer stopTelling()

	var running sync.WaitGroup
	for _, c := range clients {
		running.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				begin := time.Now()
				if err := l.scenario.operate(ctx, c, first+i); err != nil {
					cancel(err)
					return
				}
				waits[i] = time.Since(begin)
				done.Add(1)
			}
		})
	}
	running.Wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("after %d of %d operations: %w", done.Load(), count, context.Cause(ctx))
	}
	return waits, nil
}

// tell reports progress once a second until the returned function is called.
func (l *load) tell(what string, done *atomic.Int64) (stop func()) {
	if l.progress == nil {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-end:
				return
			case <-ticker.C:
				l.progress(what, int(done.Load()))
			}
		}
	}()
	return func() { close(end); <-ended }
}

// fillBatch is how many keys one preparing transaction puts: etcd allows 128.
const fillBatch = 100

// fill puts the keys 0 to n-1, many in a transaction: this part is not measured.
func (l *load) fill(ctx context.Context, n int) error {
	fillers := make([]*client, min(l.options.clients, 8))
	for i := range fillers {
		fillers[i] = newClient(l.kv(i), l.options, i)
	}
	filling := *l
	filling.scenario.operate = func(ctx context.Context, c *client, batch int) error {
		txn := &pb.TxnRequest{}
		for i := batch * fillBatch; i < min(n, (batch+1)*fillBatch); i++ {
			txn.Success = append(txn.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{
				RequestPut: &pb.PutRequest{Key: key(i), Value: c.value}}})
		}
		_, err := c.kv.Txn(ctx, txn)
		return err
	}
	// In a random order, as keys come in life; a sorted one would suit the B-tree too well.
	order := rand.New(rand.NewPCG(l.options.seed, 0)).Perm((n + fillBatch - 1) / fillBatch)
	inOrder := filling.scenario.operate
	filling.scenario.operate = func(ctx context.Context, c *client, i int) error { return inOrder(ctx, c, order[i]) }
	_, err := filling.operate(ctx, fillers, "preparing, batches of 100", 0, len(order))
	return err
}
