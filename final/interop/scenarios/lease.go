package scenarios

import (
	"bytes"
	"context"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func leases(s *stage) {
	lease, err := s.client.Grant(s.ctx, 60)
	s.must(err)
	s.say("granted, TTL %d", lease.TTL)
	s.put("a", "1", clientv3.WithLease(lease.ID))
	s.put("b", "1", clientv3.WithLease(lease.ID))
	s.put("c", "1")
	ttl, err := s.client.TimeToLive(s.ctx, lease.ID, clientv3.WithAttachedKeys())
	s.must(err)
	s.say("granted %d, left within it %t, keys %q", ttl.GrantedTTL, ttl.TTL > 50 && ttl.TTL <= 60, sorted(ttl.Keys))
	list, err := s.client.Leases(s.ctx)
	s.must(err)
	found := false
	for _, l := range list.Leases {
		found = found || l.ID == lease.ID
	}
	s.say("listed %t", found)
	once, err := s.client.KeepAliveOnce(s.ctx, lease.ID)
	s.must(err)
	s.say("renewed once, TTL %d, the same lease %t", once.TTL, once.ID == lease.ID)

	s.put("b", "2") // leaves the lease
	w := s.client.Watch(s.ctx, s.key(""), clientv3.WithPrefix(), clientv3.WithPrevKV(), clientv3.WithCreatedNotify())
	s.created("all", w)
	revoked, err := s.client.Revoke(s.ctx, lease.ID)
	s.must(err)
	s.say("revoked at %s", s.rev(revoked.Header.Revision))
	s.events("all", w, 1)
	s.get("what is left", "", clientv3.WithPrefix())
	ttl, err = s.client.TimeToLive(s.ctx, lease.ID)
	s.must(err)
	s.say("afterwards: TTL %d, granted %d", ttl.TTL, ttl.GrantedTTL)
	_, err = s.client.KeepAliveOnce(s.ctx, lease.ID)
	s.say("renew: %s", tried(err))
	alive, err := s.client.KeepAlive(s.ctx, lease.ID)
	s.must(err)
	_, open := next(s, alive)
	s.say("keep alive: open %t", open)
}

// leaseExpiry keeps a lease of one second alive for two rounds, and then lets it go.
func leaseExpiry(s *stage) {
	lease, err := s.client.Grant(s.ctx, 1)
	s.must(err)
	s.say("granted, TTL %d", lease.TTL)
	for _, name := range []string{"b", "a", "c"} {
		s.put(name, "1", clientv3.WithLease(lease.ID))
	}
	w := s.client.Watch(s.ctx, s.key(""), clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	s.created("all", w)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	alive, err := s.client.KeepAlive(ctx, lease.ID)
	s.must(err)
	for range 5 { // a renewal each third of the TTL: longer than it would live alone
		r, _ := next(s, alive)
		s.say("renewed, TTL %d", r.TTL)
	}
	s.get("while it lives", "", clientv3.WithPrefix(), clientv3.WithCountOnly())
	cancel()
	s.events("all", w, 3)
	ttl, err := s.client.TimeToLive(s.ctx, lease.ID)
	s.must(err)
	s.say("afterwards: TTL %d", ttl.TTL)
	s.put("a", "2", clientv3.WithLease(lease.ID))
}

func leaseRefused(s *stage) {
	lease, err := s.client.Grant(s.ctx, 60)
	s.must(err)
	_, err = s.client.Grant(s.ctx, 9_000_000_001)
	s.say("a TTL too long: %s", tried(err))
	short, err := s.client.Grant(s.ctx, -5)
	s.must(err)
	s.say("a TTL too short becomes %d", short.TTL)
	_, err = s.client.Revoke(s.ctx, 12345)
	s.say("revoke one that is not there: %s", tried(err))
	_, err = s.client.KeepAliveOnce(s.ctx, 12345)
	s.say("renew one that is not there: %s", tried(err))
	ttl, err := s.client.TimeToLive(s.ctx, 12345, clientv3.WithAttachedKeys())
	s.must(err)
	s.say("look at one that is not there: TTL %d, granted %d, %d keys", ttl.TTL, ttl.GrantedTTL, len(ttl.Keys))
	_, err = s.client.Revoke(s.ctx, lease.ID)
	s.say("revoke: %s", tried(err))
	_, err = s.client.Revoke(s.ctx, lease.ID)
	s.say("revoke again: %s", tried(err))
}

// sorted: the reference lists the keys of a lease in an order of its own, every time another.
func sorted(keys [][]byte) [][]byte {
	slices.SortFunc(keys, bytes.Compare)
	return keys
}
