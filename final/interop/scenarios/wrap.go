package scenarios

import (
	"context"
	"errors"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/leasing"
	"go.etcd.io/etcd/client/v3/namespace"
	"go.etcd.io/etcd/client/v3/ordering"
)

func namespaced(s *stage) {
	kv := namespace.NewKV(s.client, s.key("in/"))
	watcher := namespace.NewWatcher(s.client, s.key("in/"))
	lessor := namespace.NewLease(s.client, s.key("in/"))
	w := watcher.Watch(s.ctx, "", clientv3.WithFromKey(), clientv3.WithCreatedNotify())
	s.created("namespace", w)
	s.put("before", "outside")
	_, err := kv.Put(s.ctx, "a", "1")
	s.say("put inside: %s", tried(err))
	s.put("jn", "outside, behind")
	lease, err := lessor.Grant(s.ctx, 60)
	s.must(err)
	_, err = kv.Put(s.ctx, "b", "2", clientv3.WithLease(lease.ID))
	s.must(err)
	r, err := kv.Get(s.ctx, "", clientv3.WithFromKey())
	s.must(err)
	s.said("all inside", r)
	s.events("inside", w, 2)
	ttl, err := lessor.TimeToLive(s.ctx, lease.ID, clientv3.WithAttachedKeys())
	s.must(err)
	s.say("keys of the lease: %q", ttl.Keys)
	t, err := kv.Txn(s.ctx).If(clientv3.Compare(clientv3.Value("a"), "=", "1")).Then(clientv3.OpPut("a", "3"), clientv3.OpGet("b")).Commit()
	s.must(err)
	s.say("txn inside: succeeded %t", t.Succeeded)
	s.answers("  ", t)
	_, err = lessor.Revoke(s.ctx, lease.ID)
	s.must(err)
	d, err := kv.Delete(s.ctx, "", clientv3.WithFromKey(), clientv3.WithPrevKV())
	s.must(err)
	s.say("deleted inside: %d", d.Deleted)
	s.get("outside", "", clientv3.WithPrefix())
}

func ordered(s *stage) {
	violations := 0
	kv := ordering.NewKV(s.client, func(clientv3.Op, clientv3.OpResponse, int64) error {
		violations++
		return errors.New("back in time")
	})
	for _, v := range []string{"1", "2", "3"} {
		s.put("a", v)
		r, err := kv.Get(s.ctx, s.key("a"))
		s.must(err)
		s.said("linearizable", r)
		r, err = kv.Get(s.ctx, s.key("a"), clientv3.WithSerializable())
		s.must(err)
		s.said("serializable", r)
	}
	t, err := kv.Txn(s.ctx).Then(clientv3.OpGet(s.key("a"), clientv3.WithSerializable())).Commit()
	s.must(err)
	s.answers("txn ", t)
	s.say("%d times back in time", violations)
}

// leased: a cache holds a key by a lease key beside it; whoever writes the key takes that
// away first. Revisions depend on who was when, so only values are told.
func leased(s *stage) {
	one, closeOne, err := leasing.NewKV(s.client, s.key("leases/"))
	s.must(err)
	defer closeOne()
	two, closeTwo, err := leasing.NewKV(s.another(), s.key("leases/"))
	s.must(err)
	defer closeTwo()
	values := func(label string, kv clientv3.KV) {
		r, err := kv.Get(s.ctx, s.key("data/a"))
		s.must(err)
		value := "nothing"
		if len(r.Kvs) > 0 {
			value = string(r.Kvs[0].Value)
		}
		s.say("%s reads %s", label, value)
	}
	put := func(label string, kv clientv3.KV, value string) {
		ctx, cancel := context.WithCancel(s.ctx)
		defer cancel()
		_, err := kv.Put(ctx, s.key("data/a"), value)
		s.say("%s writes %s: %s", label, value, tried(err))
	}
	put("one", one, "1")
	values("one", one)
	s.get("the lease on a", "leases/", clientv3.WithPrefix(), clientv3.WithCountOnly())
	values("one, from its cache,", one)
	put("two", two, "2")
	values("one", one)
	put("one", one, "3")
	values("two", two)
	t, err := two.Txn(s.ctx).If(clientv3.Compare(clientv3.Value(s.key("data/a")), "=", "3")).
		Then(clientv3.OpPut(s.key("data/a"), "4")).Commit()
	s.must(err)
	s.say("two swaps: succeeded %t", t.Succeeded)
	values("one", one)
	_, err = one.Delete(s.ctx, s.key("data/a"))
	s.say("one deletes: %s", tried(err))
	values("two", two)
}
