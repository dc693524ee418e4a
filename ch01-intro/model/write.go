package model

import (
	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
)

// Put writes one key, at a revision of its own. With ignore_value or ignore_lease it keeps
// what the key has, which must exist then; it is a new version all the same.
func (s *Store) Put(r *pb.PutRequest) (*pb.PutResponse, error) {
	if err := checkPut(r); err != nil {
		return nil, err
	}
	if err := s.checkLease(r); err != nil {
		return nil, err
	}
	if err := s.checkKeeps(r); err != nil {
		return nil, err
	}
	return s.put(r, s.Rev()+1), nil
}

// checkLease refuses a put that names a lease which does not exist.
func (s *Store) checkLease(r *pb.PutRequest) error {
	if r.Lease != 0 && !s.isLease(r.Lease) {
		return ErrLeaseNotFound
	}
	return nil
}

// checkKeeps refuses a put that wants to keep something of a key which does not exist.
func (s *Store) checkKeeps(r *pb.PutRequest) error {
	if (r.IgnoreValue || r.IgnoreLease) && s.get(r.Key, s.Rev()) == nil {
		return ErrKeyNotFound
	}
	return nil
}

// put executes a put at revision rev. The key's generation goes on if it lives, otherwise a
// new one begins: created now, and version 1, however often the key was written before.
func (s *Store) put(r *pb.PutRequest, rev int64) *pb.PutResponse {
	kv := &mvccpb.KeyValue{
		Key: r.Key, Value: r.Value, Lease: r.Lease,
		CreateRevision: rev, ModRevision: rev, Version: 1,
	}
	old := s.get(r.Key, s.Rev())
	if old != nil {
		kv.CreateRevision, kv.Version = old.CreateRevision, old.Version+1
	}
	if r.IgnoreValue {
		kv.Value = old.Value
	}
	if r.IgnoreLease {
		kv.Lease = old.Lease
	}
	s.add(&mvccpb.Event{Type: mvccpb.Event_PUT, Kv: kv.CloneVT()}) // the request stays the caller's
	resp := &pb.PutResponse{Header: s.header()}
	if r.PrevKv {
		resp.PrevKv = old.CloneVT()
	}
	return resp
}

// DeleteRange deletes the keys of an interval, all at one revision. Where there are none,
// nothing happens, and the revision stays.
func (s *Store) DeleteRange(r *pb.DeleteRangeRequest) (*pb.DeleteRangeResponse, error) {
	if err := checkDelete(r); err != nil {
		return nil, err
	}
	return s.deleteRange(r, s.Rev()+1), nil
}

func (s *Store) deleteRange(r *pb.DeleteRangeRequest, rev int64) *pb.DeleteRangeResponse {
	found := s.find(r.Key, r.RangeEnd, s.Rev())
	for _, kv := range found {
		s.delete(kv.Key, rev)
	}
	resp := &pb.DeleteRangeResponse{Header: s.header(), Deleted: int64(len(found))}
	if r.PrevKv {
		for _, kv := range found {
			resp.PrevKvs = append(resp.PrevKvs, kv.CloneVT())
		}
	}
	return resp
}

// delete ends the generation of a key. The change tells the key and the revision only.
func (s *Store) delete(key []byte, rev int64) {
	s.add(&mvccpb.Event{Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: key, ModRevision: rev}})
}
