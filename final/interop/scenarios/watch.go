package scenarios

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func watchHistory(s *stage) {
	s.put("a", "1")
	s.put("b", "1")
	s.put("a", "2")
	s.delete("b", "b")
	w := s.client.Watch(s.ctx, s.key(""), clientv3.WithPrefix(), clientv3.WithRev(s.at(1)), clientv3.WithPrevKV())
	s.events("all", w, 4)
	s.commit("two changes at once", s.client.Txn(s.ctx).Then(
		clientv3.OpPut(s.key("a"), "3"), clientv3.OpPut(s.key("c"), "1"), clientv3.OpDelete(s.key("none"))))
	s.events("all", w, 2)
	s.delete("all", "", clientv3.WithPrefix())
	s.events("all", w, 2)
	later := s.client.Watch(s.ctx, s.key("a"), clientv3.WithRev(s.at(3)))
	s.events("a from +3", later, 3)
}

func watchMany(s *stage) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	one := s.client.Watch(ctx, s.key("k1"), clientv3.WithCreatedNotify())
	s.created("k1", one)
	all := s.client.Watch(s.ctx, s.key("k"), clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	s.created("prefix", all)
	puts := s.client.Watch(s.ctx, s.key("k"), clientv3.WithPrefix(), clientv3.WithFilterDelete(), clientv3.WithCreatedNotify())
	s.created("puts", puts)
	deletes := s.client.Watch(s.ctx, s.key("k"), clientv3.WithPrefix(), clientv3.WithFilterPut(), clientv3.WithPrevKV(), clientv3.WithCreatedNotify())
	s.created("deletes", deletes)
	half := s.client.Watch(s.ctx, s.key("k2"), clientv3.WithRange(s.key("k4")), clientv3.WithCreatedNotify())
	s.created("k2 to k4", half)
	onwards := s.client.Watch(s.ctx, s.key("k3"), clientv3.WithPrefix(), clientv3.WithRev(s.at(6)), clientv3.WithCreatedNotify())
	s.created("k3 from +6", onwards)

	for _, name := range []string{"k1", "k2", "k3", "k4"} {
		s.put(name, "1")
	}
	s.delete("k2", "k2")
	s.put("k3", "2")
	s.events("k1", one, 1)
	s.events("prefix", all, 6)
	s.events("puts", puts, 5)
	s.events("deletes", deletes, 1)
	s.events("k2 to k4", half, 4)
	s.events("k3 from +6", onwards, 1)

	cancel()
	_, open := next(s, one)
	s.say("k1 canceled, open %t", open)
	s.put("k1", "2")
	s.events("prefix", all, 1)
	elsewhere := s.another().Watch(s.ctx, s.key("k1"), clientv3.WithRev(s.at(1)))
	s.events("k1 on another connection", elsewhere, 2)
	needsLeader := s.client.Watch(clientv3.WithRequireLeader(s.ctx), s.key("k1"), clientv3.WithRev(s.at(7)))
	s.events("k1 with a leader", needsLeader, 1)
}

func watchProgress(s *stage) {
	w := s.client.Watch(s.ctx, s.key("a"), clientv3.WithCreatedNotify())
	s.created("a", w)
	s.put("a", "1")
	s.put("elsewhere", "1")
	s.events("a", w, 1)
	s.must(s.client.RequestProgress(s.ctx))
	r, _ := next(s, w)
	s.say("asked: progress %t, up to %s, %d events", r.IsProgressNotify(), s.rev(r.Header.Revision), len(r.Events))

	quiet := s.client.Watch(s.ctx, s.key("quiet"), clientv3.WithProgressNotify())
	r, _ = next(s, quiet)
	s.say("unasked: progress %t, up to %s, %d events", r.IsProgressNotify(), s.rev(r.Header.Revision), len(r.Events))
	s.put("quiet", "1")
	for !(len(r.Events) > 0) {
		r, _ = next(s, quiet)
	}
	s.say("then the event: %s", s.kv(r.Events[0].Kv))
	r, _ = next(s, quiet)
	s.say("and progress again: %t, up to %s", r.IsProgressNotify(), s.rev(r.Header.Revision))
}

func watchCompacted(s *stage) {
	for _, v := range []string{"1", "2", "3", "4"} {
		s.put("a", v)
	}
	_, err := s.client.Compact(s.ctx, s.at(3))
	s.must(err)
	old := s.client.Watch(s.ctx, s.key("a"), clientv3.WithRev(s.at(2)))
	s.events("from +2", old, 1)
	_, open := next(s, old)
	s.say("from +2 open %t", open)
	s.events("from +3", s.client.Watch(s.ctx, s.key("a"), clientv3.WithRev(s.at(3))), 2)
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	_, open = next(s, s.client.Watch(ctx, s.key("a")))
	s.say("a watch that nobody waits for, open %t", open)
}

// watchRestart writes with clients of their own, so that only the watch and the lease have
// to find the server again.
func watchRestart(s *stage) {
	grant, err := s.client.Grant(s.ctx, 10)
	s.must(err)
	alive, err := s.client.KeepAlive(s.ctx, grant.ID)
	s.must(err)
	r, _ := next(s, alive)
	s.say("lease alive, TTL %d", r.TTL)
	s.put("a", "1", clientv3.WithLease(grant.ID))
	w := s.client.Watch(s.ctx, s.key(""), clientv3.WithPrefix(), clientv3.WithRev(s.at(1)), clientv3.WithPrevKV())
	idle := s.client.Watch(s.ctx, s.key("b"), clientv3.WithCreatedNotify())
	s.created("idle", idle)
	s.events("all", w, 1)
	for _, value := range []string{"2", "3"} {
		s.must(s.server.Restart())
		s.say("restarted")
		writer := s.another()
		_, err = writer.Put(s.ctx, s.key("a"), value, clientv3.WithIgnoreLease())
		s.say("put a: %s", tried(err))
		_, err = writer.Put(s.ctx, s.key("b"), value)
		s.say("put b: %s", tried(err))
		s.events("all", w, 2)
		s.events("idle", idle, 1)
	}
	ttl, err := s.another().TimeToLive(s.ctx, grant.ID, clientv3.WithAttachedKeys())
	s.must(err)
	s.say("lease lives %t, granted %d, keys %q", ttl.TTL > 0, ttl.GrantedTTL, ttl.Keys)
	_, err = s.another().Revoke(s.ctx, grant.ID)
	s.say("revoke: %s", tried(err))
	s.events("all", w, 1)
}
