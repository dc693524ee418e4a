package e2e

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch08-client/v3rpc/stub"
)

// kinds of objects and how many of a thousand are of each, roughly as in a cluster that
// runs many small services.
var kinds = []struct {
	name    string
	inAThou int
}{
	{"pods", 450}, {"events", 200}, {"configmaps", 80}, {"secrets", 70}, {"replicasets", 60},
	{"endpointslices", 50}, {"services/specs", 40}, {"deployments", 30}, {"leases", 20},
}

// object is one key that its writer alone changes, as a controller does.
type object struct {
	key    string
	random *rand.Rand           // of its values
	now    *mvccpb.KeyValue     // nil: not there; the value is a digest
	kv     stub.KVClient        // of its writer
	record func(*mvccpb.Event)  // of what was acknowledged
	sent   func(bytes, ops int) // for the progress report
}

// objectName is the key of object i: always the same for the same seed.
func objectName(seed uint64, i int) (string, *rand.Rand) {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	kind, n := kinds[0].name, r.IntN(1000)
	for _, k := range kinds {
		if kind = k.name; n < k.inAThou {
			break
		}
		n -= k.inAThou
	}
	suffix := make([]byte, 10)
	for j := range suffix {
		suffix[j] = letters[r.IntN(len(letters))]
	}
	return fmt.Sprintf("/registry/%s/team-%02d/app-%d-%s-%d", kind, r.IntN(40), r.IntN(200), suffix, i), r
}

// newValue draws 0.2 to 4 KiB, small ones more often.
func (o *object) newValue() []byte {
	const least, most = 200, 4096
	value := make([]byte, int(least*math.Pow(float64(most)/least, o.random.Float64())))
	copy(value, "k8s\x00")
	for i := 4; i < len(value); i++ {
		value[i] = byte(o.random.Uint32())
	}
	return value
}

// digest stands for a value where many are kept.
func digest(value []byte) []byte {
	if value == nil {
		return nil
	}
	sum := sha256.Sum256(value)
	return sum[:]
}

// put creates or replaces the object, if it is as its writer believes.
func (o *object) put(ctx context.Context) error {
	value := o.newValue()
	rev, err := o.guarded(ctx, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{
		RequestPut: &pb.PutRequest{Key: []byte(o.key), Value: value}}})
	if err != nil {
		return err
	}
	before := o.now
	o.now = &mvccpb.KeyValue{Key: []byte(o.key), Value: digest(value), CreateRevision: rev, ModRevision: rev, Version: 1}
	if before != nil {
		o.now.CreateRevision, o.now.Version = before.CreateRevision, before.Version+1
	}
	o.record(&mvccpb.Event{Kv: o.now})
	o.sent(len(value), 1)
	return nil
}

func (o *object) delete(ctx context.Context) error {
	rev, err := o.guarded(ctx, &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{
		RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(o.key)}}})
	if err != nil {
		return err
	}
	o.now = nil
	o.record(&mvccpb.Event{Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: []byte(o.key), ModRevision: rev}})
	o.sent(0, 1)
	return nil
}

func (o *object) guarded(ctx context.Context, op *pb.RequestOp) (rev int64, err error) {
	answer, err := o.kv.Txn(ctx, &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: []byte(o.key), Target: pb.Compare_MOD, Result: pb.Compare_EQUAL,
			TargetUnion: &pb.Compare_ModRevision{ModRevision: o.now.GetModRevision()}}},
		Success: []*pb.RequestOp{op},
	})
	if err != nil {
		return 0, fmt.Errorf("change %s: %w", o.key, err)
	}
	if !answer.Succeeded {
		return 0, fmt.Errorf("%s is not as its only writer left it, at revision %d", o.key, o.now.GetModRevision())
	}
	return answer.Header.Revision, nil
}

// registry is all objects, and what its writers know: every change that was acknowledged.
type registry struct {
	objects    []*object
	ops, bytes atomic.Int64

	mu     sync.Mutex
	events []*mvccpb.Event
}

func newRegistry(seed uint64, n int, kvs []stub.KVClient) *registry {
	g := &registry{}
	for i := range n {
		key, random := objectName(seed, i)
		g.objects = append(g.objects, &object{key: key, random: random, kv: kvs[i%len(kvs)], record: g.record,
			sent: func(bytes, ops int) { g.bytes.Add(int64(bytes)); g.ops.Add(int64(ops)) }})
	}
	return g
}

func (g *registry) record(e *mvccpb.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, e)
}

// each lets all writers do something with each of their objects.
func (g *registry) each(ctx context.Context, do func(ctx context.Context, i int, o *object) error) error {
	const writers = 32
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := w; i < len(g.objects) && ctx.Err() == nil; i += writers {
				if err := do(ctx, i, g.objects[i]); err != nil {
					fail(err)
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// load creates all objects.
func (g *registry) load(ctx context.Context) error {
	return g.each(ctx, func(ctx context.Context, _ int, o *object) error { return o.put(ctx) })
}

// churn replaces some objects, deletes others, and creates some of those again.
func (g *registry) churn(ctx context.Context) error {
	return g.each(ctx, func(ctx context.Context, i int, o *object) error {
		switch {
		case i%25 == 0:
			if err := o.delete(ctx); err != nil || i%50 == 0 {
				return err
			}
			return o.put(ctx)
		case i%10 == 1:
			return o.put(ctx)
		}
		return nil
	})
}

// history is all changes in the order of their revisions.
func (g *registry) history() []*mvccpb.Event {
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.SortFunc(g.events, func(a, b *mvccpb.Event) int { return cmp.Compare(a.Kv.ModRevision, b.Kv.ModRevision) })
	return slices.Clone(g.events)
}

// stateAt is what the keys hold at a revision, in their order.
func stateAt(history []*mvccpb.Event, rev int64) []*mvccpb.KeyValue {
	live := map[string]*mvccpb.KeyValue{}
	for _, e := range history {
		switch {
		case e.Kv.ModRevision > rev:
		case e.Type == mvccpb.Event_DELETE:
			delete(live, string(e.Kv.Key))
		default:
			live[string(e.Kv.Key)] = e.Kv
		}
	}
	state := make([]*mvccpb.KeyValue, 0, len(live))
	for _, kv := range live {
		state = append(state, kv)
	}
	slices.SortFunc(state, func(a, b *mvccpb.KeyValue) int { return bytes.Compare(a.Key, b.Key) })
	return state
}
