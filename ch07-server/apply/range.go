package apply

import (
	"bytes"
	"cmp"
	"slices"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/interval"
	"insideetcd/ch06-storage/mvcc"
)

// Range answers a range request from view: read, filter, sort, cut to the
// limit, leave out values. Only steps that were asked for look into the stored
// bytes. Count is that of the interval, whatever was filtered or cut off.
func Range(view mvcc.ReadView, r *pb.RangeRequest) (*RangeResponse, error) {
	rr, err := view.Range(interval.New(r.Key, r.RangeEnd), mvcc.RangeOptions{
		Limit: readLimit(r), Rev: r.Revision, Count: r.CountOnly,
		KeysOnly: r.KeysOnly && r.SortTarget != pb.RangeRequest_VALUE, FrameTag: tagRangeKvs,
	})
	if err != nil {
		return nil, err
	}
	kvs := filter(rr.KVs, r)
	sortKvs(kvs, r)
	kvs, more := cut(kvs, r.Limit)
	if r.KeysOnly && r.SortTarget == pb.RangeRequest_VALUE {
		for i := range kvs {
			kvs[i] = kvs[i].WithoutValue()
		}
	}
	return &RangeResponse{
		Header: &pb.ResponseHeader{Revision: rr.Rev},
		Kvs:    kvs, More: more, Count: rr.Count,
		framed: rr.Framed,
	}, nil
}

// readLimit says how many key-values to read: one more than asked for, to know
// whether there are more; all of them when filters or an order come first. A
// target without an order does not count as one: etcd 3.4 then sorts the first
// keys, and so does this.
func readLimit(r *pb.RangeRequest) int64 {
	if r.Limit <= 0 || r.SortOrder != pb.RangeRequest_NONE || filters(r) {
		return 0
	}
	return r.Limit + 1
}

func filters(r *pb.RangeRequest) bool {
	return r.MinModRevision != 0 || r.MaxModRevision != 0 || r.MinCreateRevision != 0 || r.MaxCreateRevision != 0
}

func filter(kvs []mvccpb.RawKeyValue, r *pb.RangeRequest) []mvccpb.RawKeyValue {
	if !filters(r) {
		return kvs
	}
	return slices.DeleteFunc(kvs, func(kv mvccpb.RawKeyValue) bool {
		mod, create := kv.ModRevision(), kv.CreateRevision()
		return mod < r.MinModRevision || create < r.MinCreateRevision ||
			r.MaxModRevision != 0 && mod > r.MaxModRevision ||
			r.MaxCreateRevision != 0 && create > r.MaxCreateRevision
	})
}

// sortKvs orders kvs, which come in ascending order of their keys. A target
// other than the key without an order means ascending, as in etcd.
func sortKvs(kvs []mvccpb.RawKeyValue, r *pb.RangeRequest) {
	if r.SortTarget == pb.RangeRequest_KEY {
		if r.SortOrder == pb.RangeRequest_DESCEND {
			slices.Reverse(kvs)
		}
		return
	}
	compare := comparison(r.SortTarget)
	if r.SortOrder == pb.RangeRequest_DESCEND {
		ascending := compare
		compare = func(x, y mvccpb.RawKeyValue) int { return ascending(y, x) }
	}
	slices.SortStableFunc(kvs, compare)
}

func comparison(target pb.RangeRequest_SortTarget) func(x, y mvccpb.RawKeyValue) int {
	by := func(field func(mvccpb.RawKeyValue) int64) func(x, y mvccpb.RawKeyValue) int {
		return func(x, y mvccpb.RawKeyValue) int { return cmp.Compare(field(x), field(y)) }
	}
	switch target {
	case pb.RangeRequest_VERSION:
		return by(mvccpb.RawKeyValue.Version)
	case pb.RangeRequest_CREATE:
		return by(mvccpb.RawKeyValue.CreateRevision)
	case pb.RangeRequest_MOD:
		return by(mvccpb.RawKeyValue.ModRevision)
	case pb.RangeRequest_VALUE:
		return func(x, y mvccpb.RawKeyValue) int { return bytes.Compare(x.Value(), y.Value()) }
	}
	// An unknown target is refused before a request gets here; one that
	// arrives inside another member's entry keeps the order of the keys.
	return func(x, y mvccpb.RawKeyValue) int { return 0 }
}

func cut(kvs []mvccpb.RawKeyValue, limit int64) ([]mvccpb.RawKeyValue, bool) {
	if limit <= 0 || int64(len(kvs)) <= limit {
		return kvs, false
	}
	return kvs[:limit], true
}
