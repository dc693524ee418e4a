package model

import (
	"bytes"
	"cmp"
	"slices"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
)

// Range reads an interval of keys at one revision: now if the request has 0 or less.
// Whatever revision it asks for, the header carries the store's own, and Count the number
// of keys in the interval, before anything is filtered or cut off.
//
// The steps, in this order: find, filter, sort, cut to the limit, leave out values.
func (s *Store) Range(r *pb.RangeRequest) (*pb.RangeResponse, error) {
	if err := checkRange(r); err != nil {
		return nil, err
	}
	if r.Revision > 0 {
		if err := s.checkRevision(r.Revision); err != nil {
			return nil, err
		}
	}
	return s.read(r), nil
}

// checkRevision refuses a revision that has not been yet, or has been forgotten.
func (s *Store) checkRevision(rev int64) error {
	switch {
	case rev > s.Rev():
		return ErrFutureRev
	case rev < s.compacted:
		return ErrCompacted
	}
	return nil
}

// read executes a range that was checked.
func (s *Store) read(r *pb.RangeRequest) *pb.RangeResponse {
	rev := r.Revision
	if rev <= 0 {
		rev = s.Rev()
	}
	found := s.find(r.Key, r.RangeEnd, rev)
	resp := &pb.RangeResponse{Header: s.header(), Count: int64(len(found))}
	if r.CountOnly {
		return resp
	}
	found = sorted(filtered(head(found, r), r), r)
	if resp.More = r.Limit > 0 && int64(len(found)) > r.Limit; resp.More {
		found = found[:r.Limit]
	}
	for _, kv := range found {
		kv = kv.CloneVT() // invariant 1: nobody gets hold of the history itself
		if r.KeysOnly {
			kv.Value = nil
		}
		resp.Kvs = append(resp.Kvs, kv)
	}
	return resp
}

func (s *Store) header() *pb.ResponseHeader { return &pb.ResponseHeader{Revision: s.Rev()} }

// head is a habit of etcd that a client can see: without filters and without an order, it
// reads no more keys than the limit, and one to know whether there are more. If such a
// request names a sort target all the same, only these keys are sorted.
func head(kvs []*mvccpb.KeyValue, r *pb.RangeRequest) []*mvccpb.KeyValue {
	isFiltered := r.MinModRevision != 0 || r.MaxModRevision != 0 || r.MinCreateRevision != 0 || r.MaxCreateRevision != 0
	if r.Limit <= 0 || isFiltered || r.SortOrder != pb.RangeRequest_NONE {
		return kvs
	}
	return kvs[:min(int64(len(kvs)), r.Limit+1)]
}

// filtered keeps what lies within the four bounds. A bound of 0 is none.
func filtered(kvs []*mvccpb.KeyValue, r *pb.RangeRequest) []*mvccpb.KeyValue {
	within := func(rev, low, high int64) bool {
		return rev >= low && (high == 0 || rev <= high)
	}
	return slices.DeleteFunc(kvs, func(kv *mvccpb.KeyValue) bool {
		return !within(kv.ModRevision, r.MinModRevision, r.MaxModRevision) ||
			!within(kv.CreateRevision, r.MinCreateRevision, r.MaxCreateRevision)
	})
}

// sorted orders kvs, which come in the order of their keys. Among equals that order stays.
// A target other than the key sorts upwards also if no order is named.
func sorted(kvs []*mvccpb.KeyValue, r *pb.RangeRequest) []*mvccpb.KeyValue {
	compare := func(a, b *mvccpb.KeyValue) int {
		switch r.SortTarget {
		case pb.RangeRequest_VERSION:
			return cmp.Compare(a.Version, b.Version)
		case pb.RangeRequest_CREATE:
			return cmp.Compare(a.CreateRevision, b.CreateRevision)
		case pb.RangeRequest_MOD:
			return cmp.Compare(a.ModRevision, b.ModRevision)
		case pb.RangeRequest_VALUE:
			return bytes.Compare(a.Value, b.Value)
		}
		return bytes.Compare(a.Key, b.Key)
	}
	slices.SortStableFunc(kvs, func(a, b *mvccpb.KeyValue) int {
		if r.SortOrder == pb.RangeRequest_DESCEND {
			return compare(b, a)
		}
		return compare(a, b)
	})
	return kvs
}
