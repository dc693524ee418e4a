package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc/stub"
)

// A scenario says what one operation is, and what must lie in the store before the first.
type scenario struct {
	name, does string
	// keys is how many keys must be there before; nil = none.
	keys func(o *options) int
	// operate does operation number n (from 0, warm-up included) as client c.
	operate func(ctx context.Context, c *client, n int) error

	// weight says that one operation is as much work as so many puts; 0 = 1.
	weight int
	// clients bounds how many of them operate at once; 0 = not.
	clients int
	// valueSize is the number of bytes of a value unless the user names one; 0 = 256.
	valueSize int
	// isWatched: options.watchers watch all keys, and what is counted are their deliveries.
	isWatched bool
}

// adapted returns the options of a load of this scenario. The amount of work is about the
// same in all scenarios: where an operation is heavy, there are fewer.
func (s scenario) adapted(o options) *options {
	if o.valueSize == ownValueSize {
		o.valueSize = cmp.Or(s.valueSize, 256)
	}
	weight := max(1, s.weight)
	o.total = max(1, o.total/weight)
	o.warmup = (o.warmup + weight - 1) / weight
	if s.clients > 0 {
		o.clients = min(o.clients, s.clients)
	}
	return &o
}

// counted is how many of what is counted one operation does.
func (s scenario) counted(o *options) int {
	if s.isWatched {
		return o.watchers
	}
	return 1
}

var scenarios = []scenario{
	{name: "put", does: "put values under random keys", operate: put},
	{name: "get", does: "read random keys, linearizable", keys: keySpace, operate: get},
	{name: "get-serializable", does: "read random keys from the member's own state", keys: keySpace, operate: getSerializable},
	{name: "delete", does: "delete keys that exist, each once", keys: everyOperation, operate: deleteOne},
	{name: "txn-cas", does: "compare-and-swap: put if the key is as last seen, else read it", operate: compareAndSwap},
	{name: "mixed", does: "80 of 100 get, the others put", keys: keySpace, operate: mixed},
	{name: "list", does: "read all keys in one answer", keys: keySpace, operate: list, weight: 200, clients: 4, valueSize: 1024},
	{name: "list-pages", does: "read all keys in pages of 500, at one revision", keys: keySpace, operate: listPages, weight: 200, clients: 4, valueSize: 1024},
	{name: "list-keys", does: "read all keys without their values in one answer", keys: keySpace, operate: listKeys, weight: 100, clients: 4, valueSize: 1024},
	{name: "list-count", does: "count all keys", keys: keySpace, operate: listCount, weight: 20, clients: 4, valueSize: 1024},
	{name: "watch", does: "put, and wait until every watcher of the prefix knows; deliveries are counted", operate: putAndAwait, weight: 100, clients: 4, isWatched: true},
}

func keySpace(o *options) int       { return o.keySpaceSize }
func everyOperation(o *options) int { return o.warmup + o.total }

// client is one of those that load the server. Only its own goroutine uses it.
type client struct {
	kv     stub.KVClient
	o      *options
	number int // from 0
	random *rand.Rand
	value  []byte

	seen     map[int]int64 // txn-cas: key → mod revision, of the keys that are this client's own
	watching *watching     // watch: by all watchers of the load
}

func newClient(kv stub.KVClient, o *options, number int) *client {
	c := &client{kv: kv, o: o, number: number, seen: map[int]int64{}}
	c.random = rand.New(rand.NewPCG(o.seed, uint64(number)))
	c.value = make([]byte, o.valueSize)
	for i := range c.value {
		c.value[i] = byte(c.random.Uint32()) // noise, so that nothing can compress it
	}
	return c
}

// key is the name of key number i: 16 bytes, like all others.
func key(i int) []byte { return fmt.Appendf(nil, "benchmk/%08d", i) }

func (c *client) randomKey() []byte { return key(c.random.IntN(c.o.keySpaceSize)) }

func put(ctx context.Context, c *client, _ int) error {
	_, err := c.kv.Put(ctx, &pb.PutRequest{Key: c.randomKey(), Value: c.value})
	return err
}

func get(ctx context.Context, c *client, _ int) error {
	return c.get(ctx, &pb.RangeRequest{Key: c.randomKey()})
}

func getSerializable(ctx context.Context, c *client, _ int) error {
	return c.get(ctx, &pb.RangeRequest{Key: c.randomKey(), Serializable: true})
}

func (c *client) get(ctx context.Context, request *pb.RangeRequest) error {
	answer, err := c.kv.Range(ctx, request)
	if err == nil && len(answer.Kvs) != 1 {
		return fmt.Errorf("key %s is not there", request.Key)
	}
	return err
}

func deleteOne(ctx context.Context, c *client, n int) error {
	answer, err := c.kv.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: key(n)})
	if err == nil && answer.Deleted != 1 {
		return fmt.Errorf("key %s was not there", key(n))
	}
	return err
}

// compareAndSwap takes a random one of the keys that are this client's own (number,
// number+clients, …), so that only the first attempt at a key of an older run fails.
func compareAndSwap(ctx context.Context, c *client, _ int) error {
	own := max(1, c.o.keySpaceSize/c.o.clients)
	i := c.number + c.random.IntN(own)*c.o.clients
	answer, err := c.kv.Txn(ctx, &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: key(i), Target: pb.Compare_MOD, Result: pb.Compare_EQUAL,
			TargetUnion: &pb.Compare_ModRevision{ModRevision: c.seen[i]}}},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: key(i), Value: c.value}}}},
		Failure: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: key(i)}}}},
	})
	if err != nil {
		return err
	}
	if answer.Succeeded {
		c.seen[i] = answer.Header.Revision
		return nil
	}
	c.seen[i] = 0
	for _, found := range answer.Responses[0].GetResponseRange().GetKvs() {
		c.seen[i] = found.ModRevision
	}
	return nil
}

func mixed(ctx context.Context, c *client, n int) error {
	if c.random.IntN(100) < 80 {
		return get(ctx, c, n)
	}
	return put(ctx, c, n)
}
