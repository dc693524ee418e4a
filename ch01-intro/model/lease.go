package model

import (
	"cmp"
	"slices"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

// MaxTTL is the longest TTL in seconds that can be granted.
const MaxTTL = 9_000_000_000

// lease is a time to live. Which keys belong to it is not written here: a key belongs to
// the lease that its newest version names. So a put attaches it to one lease, or to none,
// and thereby detaches it from the one before; a delete detaches it too.
type lease struct {
	ttl     int64         // seconds, as granted
	expires time.Duration // on the store's clock
}

// LeaseGrant makes a lease. A TTL below the shortest is raised to it, also 0 or a negative
// one. If the request names no ID, the server chooses any that is free; here the smallest.
func (s *Store) LeaseGrant(r *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error) {
	id, ttl := r.ID, max(r.TTL, s.MinTTL)
	switch {
	case ttl > MaxTTL:
		return nil, ErrLeaseTTLTooLarge
	case id == 0:
		for id = 1; s.isLease(id); id++ {
		}
	case s.isLease(id):
		return nil, ErrLeaseExist
	}
	s.leases[id] = s.granted(ttl)
	return &pb.LeaseGrantResponse{Header: s.header(), ID: id, TTL: ttl}, nil
}

func (s *Store) isLease(id int64) bool {
	_, ok := s.leases[id]
	return ok
}

// granted is a lease of so many seconds from now on.
func (s *Store) granted(ttl int64) lease {
	return lease{ttl: ttl, expires: s.now + time.Duration(ttl)*time.Second}
}

// LeaseRevoke ends a lease and deletes its keys, all at one revision, in their order.
func (s *Store) LeaseRevoke(r *pb.LeaseRevokeRequest) (*pb.LeaseRevokeResponse, error) {
	if !s.isLease(r.ID) {
		return nil, ErrLeaseNotFound
	}
	rev := s.Rev() + 1
	for _, key := range s.keysOf(r.ID) {
		s.delete(key, rev)
	}
	delete(s.leases, r.ID)
	return &pb.LeaseRevokeResponse{Header: s.header()}, nil
}

// keysOf lists the keys of a lease in their order.
func (s *Store) keysOf(id int64) (keys [][]byte) {
	for _, kv := range s.find([]byte{0}, []byte{0}, s.Rev()) {
		if kv.Lease == id {
			keys = append(keys, kv.Key)
		}
	}
	return keys
}

// LeaseKeepAlive lets a lease begin anew; TTL 0 says that there is no such lease.
func (s *Store) LeaseKeepAlive(r *pb.LeaseKeepAliveRequest) *pb.LeaseKeepAliveResponse {
	resp := &pb.LeaseKeepAliveResponse{Header: s.header(), ID: r.ID}
	if l, ok := s.leases[r.ID]; ok {
		s.leases[r.ID] = s.granted(l.ttl)
		resp.TTL = l.ttl
	}
	return resp
}

// LeaseTimeToLive tells the whole seconds that a lease has left, as far as the store's clock
// knows, and with keys what it would take along; TTL -1 says that there is no such lease.
func (s *Store) LeaseTimeToLive(r *pb.LeaseTimeToLiveRequest) *pb.LeaseTimeToLiveResponse {
	l, ok := s.leases[r.ID]
	resp := &pb.LeaseTimeToLiveResponse{Header: s.header(), ID: r.ID, TTL: -1}
	if !ok {
		return resp
	}
	resp.TTL, resp.GrantedTTL = int64((l.expires-s.now)/time.Second), l.ttl
	if r.Keys {
		resp.Keys = s.keysOf(r.ID)
	}
	return resp
}

// LeaseLeases lists the leases, the one first that ends first.
func (s *Store) LeaseLeases(*pb.LeaseLeasesRequest) *pb.LeaseLeasesResponse {
	resp := &pb.LeaseLeasesResponse{Header: s.header()}
	for _, id := range s.inOrderOfExpiry() {
		resp.Leases = append(resp.Leases, &pb.LeaseStatus{ID: id})
	}
	return resp
}

func (s *Store) inOrderOfExpiry() (ids []int64) {
	for id := range s.leases {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b int64) int {
		return cmp.Or(cmp.Compare(s.leases[a].expires, s.leases[b].expires), cmp.Compare(a, b))
	})
	return ids
}

// Now is the store's clock: the time since the store was made.
func (s *Store) Now() time.Duration { return s.now }

// Advance hands the clock in, which never goes back. A lease whose time has come is revoked,
// each at a revision of its own, the one first that ends first. A server may be later than
// this, for its leader has to notice and to agree with the others; it is never earlier.
func (s *Store) Advance(now time.Duration) {
	s.now = max(s.now, now)
	for _, id := range s.inOrderOfExpiry() {
		if s.leases[id].expires <= s.now {
			s.LeaseRevoke(&pb.LeaseRevokeRequest{ID: id})
		}
	}
}
