package compare

import (
	"fmt"
	"math/rand/v2"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/model"
)

// Step is one step of a history: the seed of what is done in it.
type Step uint64

// History returns the steps of a seed.
func History(seed uint64, n int) []Step {
	random := rand.New(rand.NewPCG(seed, 1))
	steps := make([]Step, n)
	for i := range steps {
		steps[i] = Step(random.Uint64())
	}
	return steps
}

// Things that a step can do beside a request.
type (
	watch  struct{ request *pb.WatchCreateRequest }
	look   struct{} // at all watches
	cancel struct{} // the oldest watch
	// expiry grants a lease, puts keys with it and waits for its end.
	expiry struct {
		id   int64
		keys [][]byte
	}
)

// keyspace is small, so that requests meet. One key is the first after another one.
var keyspace = []string{"a", "b", "b\x00", "c", "d"}

// draw is one step's source of chance, with the model in view.
type draw struct {
	*rand.Rand
	s *model.Store
	o Options
}

func (step Step) draw(s *model.Store, o Options) any {
	d := draw{rand.New(rand.NewPCG(uint64(step), 2)), s, o}
	kinds := []struct {
		weight int
		draw   func() any
	}{
		{25, func() any { return d.put() }},
		{20, func() any { return d.read() }},
		{10, func() any { return d.deletion() }},
		{25, func() any { return d.txn(2) }},
		{3, func() any { return &pb.CompactionRequest{Revision: d.revision(), Physical: d.one(2)} }},
		{1, func() any { return &pb.CompactionRequest{Revision: d.s.Rev(), Physical: d.one(2)} }},
		{6, func() any { return watch{d.watch()} }},
		{4, func() any { return look{} }},
		{1, func() any { return cancel{} }},
		{4, func() any { return &pb.LeaseGrantRequest{ID: 11 + d.lease(), TTL: 1_000_000 + d.Int64N(1000)} }},
		{d.unlessStoreOnly(5), d.leaseRequest},
		{d.unlessStoreOnly(2), d.mistake},
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	if o.Expiry && d.IntN(500) == 0 {
		return expiry{100 + d.Int64N(1<<40), [][]byte{d.key(), d.key()}}
	}
	n := d.IntN(total)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return k.draw()
		}
	}
	panic("the weights do not add up")
}

func (d draw) unlessStoreOnly(weight int) int {
	if d.o.StoreOnly {
		return 0
	}
	return weight
}

// one is true once in n times.
func (d draw) one(n int) bool { return d.IntN(n) == 0 }

// oneBeyond is one for what only a whole server knows.
func (d draw) oneBeyond(n int) bool { return !d.o.StoreOnly && d.one(n) }

func (d draw) key() []byte { return []byte(keyspace[d.IntN(len(keyspace))]) }

func (d draw) value() []byte { return []byte(fmt.Sprint(d.IntN(6)))[:d.IntN(2)] }

// lease is an ID of few, 0 for none among them.
func (d draw) lease() int64 { return d.Int64N(4) * 11 }

// someLease is one that exists, if there are any.
func (d draw) someLease() int64 {
	leases := d.s.LeaseLeases(&pb.LeaseLeasesRequest{}).Leases
	if len(leases) == 0 || d.one(3) {
		return 0
	}
	return leases[d.IntN(len(leases))].ID
}

// end is a range end to a key, most often none.
func (d draw) end() []byte {
	switch d.IntN(6) {
	case 0:
		return []byte{0}
	case 1, 2:
		return d.key()
	case 3:
		return []byte("z")
	}
	return nil
}

// revision is near now, or near the compact revision; some were never, some will be.
func (d draw) revision() int64 {
	if d.one(2) {
		return d.s.Rev() + 1 - d.Int64N(8)
	}
	return max(d.s.Compacted(), 0) - 2 + d.Int64N(6)
}

func (d draw) put() *pb.PutRequest {
	r := &pb.PutRequest{Key: d.key(), Value: d.value(), PrevKv: d.oneBeyond(3)}
	if d.one(4) {
		r.Lease = d.someLease()
	}
	if d.oneBeyond(10) {
		r.Lease = d.lease()
	}
	if d.oneBeyond(8) {
		r.IgnoreValue, r.Value = true, nil
	}
	if d.oneBeyond(8) {
		r.IgnoreLease, r.Lease = true, 0
	}
	return r
}

func (d draw) read() *pb.RangeRequest {
	r := &pb.RangeRequest{Key: d.key(), RangeEnd: d.end()}
	if d.one(5) {
		r.Key, r.RangeEnd = []byte{0}, []byte{0}
	}
	if d.one(3) {
		r.Revision = d.revision()
	}
	if d.one(3) {
		r.Limit = d.Int64N(4)
	}
	r.CountOnly = d.one(10)
	if d.oneBeyond(3) {
		r.SortOrder = pb.RangeRequest_SortOrder(d.IntN(3))
		r.SortTarget = pb.RangeRequest_SortTarget(d.IntN(5))
	}
	if d.oneBeyond(4) {
		for _, bound := range []*int64{&r.MinModRevision, &r.MaxModRevision, &r.MinCreateRevision, &r.MaxCreateRevision} {
			if d.one(3) {
				*bound = d.revision()
			}
		}
	}
	r.KeysOnly, r.Serializable = d.oneBeyond(8), d.oneBeyond(4)
	return r
}

func (d draw) deletion() *pb.DeleteRangeRequest {
	return &pb.DeleteRangeRequest{Key: d.key(), RangeEnd: d.end(), PrevKv: d.oneBeyond(3)}
}

// txn is a transaction with others inside it down to a depth.
func (d draw) txn(depth int) *pb.TxnRequest {
	r := &pb.TxnRequest{Success: d.ops(depth)}
	if d.o.StoreOnly {
		return r
	}
	r.Failure = d.ops(depth)
	for range d.IntN(3) {
		r.Compare = append(r.Compare, d.compare())
	}
	return r
}

func (d draw) ops(depth int) (ops []*pb.RequestOp) {
	for range d.IntN(4) {
		op := &pb.RequestOp{}
		switch n := d.IntN(8); {
		case n < 3:
			op.Request = &pb.RequestOp_RequestPut{RequestPut: d.put()}
		case n < 6:
			op.Request = &pb.RequestOp_RequestRange{RequestRange: d.read()}
		case n == 6 || depth == 0 || d.o.StoreOnly:
			op.Request = &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: d.deletion()}
		default:
			op.Request = &pb.RequestOp_RequestTxn{RequestTxn: d.txn(depth - 1)}
		}
		ops = append(ops, op)
	}
	return ops
}

// compare often holds: it takes what it asks for from a key that is there.
func (d draw) compare() *pb.Compare {
	c := &pb.Compare{
		Key: d.key(), Target: pb.Compare_CompareTarget(d.IntN(5)), Result: pb.Compare_CompareResult(d.IntN(4)),
	}
	if d.one(4) {
		c.RangeEnd = d.end()
	}
	version, create, mod, value, lease := int64(1), d.s.Rev(), d.s.Rev(), d.value(), d.lease()
	if got, err := d.s.Range(&pb.RangeRequest{Key: c.Key}); err == nil && len(got.Kvs) > 0 && !d.one(4) {
		kv := got.Kvs[0]
		version, create, mod, value, lease = kv.Version, kv.CreateRevision, kv.ModRevision, kv.Value, kv.Lease
	}
	switch c.Target {
	case pb.Compare_VERSION:
		c.TargetUnion = &pb.Compare_Version{Version: version}
	case pb.Compare_CREATE:
		c.TargetUnion = &pb.Compare_CreateRevision{CreateRevision: create}
	case pb.Compare_MOD:
		c.TargetUnion = &pb.Compare_ModRevision{ModRevision: mod}
	case pb.Compare_VALUE:
		c.TargetUnion = &pb.Compare_Value{Value: value}
	case pb.Compare_LEASE:
		c.TargetUnion = &pb.Compare_Lease{Lease: lease}
	}
	return c
}

func (d draw) watch() *pb.WatchCreateRequest {
	r := &pb.WatchCreateRequest{Key: d.key(), RangeEnd: d.end(), PrevKv: d.one(2)}
	if d.one(3) {
		r.Key, r.RangeEnd = []byte{0}, []byte{0}
	}
	if !d.one(3) {
		r.StartRevision = max(0, d.revision())
	}
	if d.one(4) {
		r.StartRevision = d.Int64N(d.s.Rev() + 4)
	}
	if d.one(4) { // the very first that can be had
		r.StartRevision = max(0, d.s.Compacted())
	}
	if d.one(5) {
		r.Filters = []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_FilterType(d.IntN(2))}
	}
	return r
}

func (d draw) leaseRequest() any {
	id := d.someLease()
	if d.one(3) {
		id = d.lease()
	}
	switch d.IntN(4) {
	case 0:
		return &pb.LeaseRevokeRequest{ID: id}
	case 1:
		return &pb.LeaseKeepAliveRequest{ID: id}
	case 2:
		return &pb.LeaseTimeToLiveRequest{ID: id, Keys: d.one(2)}
	}
	return &pb.LeaseLeasesRequest{}
}

// mistake is a request that no store should take, whatever is in it.
func (d draw) mistake() any {
	bad := &pb.RequestOp{}
	switch d.IntN(9) {
	case 0:
		return &pb.RangeRequest{RangeEnd: d.end()}
	case 1:
		return &pb.DeleteRangeRequest{RangeEnd: d.end()}
	case 2:
		return &pb.PutRequest{Value: d.value()}
	case 3:
		return &pb.PutRequest{Key: d.key(), Value: []byte("v"), IgnoreValue: true}
	case 4:
		return &pb.PutRequest{Key: d.key(), Lease: 11, IgnoreLease: true}
	case 5:
		return &pb.LeaseGrantRequest{ID: 11 + d.lease(), TTL: model.MaxTTL + d.Int64N(2)}
	case 6:
		bad.Request = &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: d.key(), Lease: 1 + d.Int64N(9)}}
		return &pb.TxnRequest{Success: append(d.ops(1), bad)}
	case 7:
		return &pb.TxnRequest{Compare: []*pb.Compare{{}}, Success: d.ops(1)}
	}
	return &pb.TxnRequest{Compare: []*pb.Compare{d.compare()}, Success: append(d.ops(1), bad)}
}
