package scenarios

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

func (s *stage) session(c *clientv3.Client) *concurrency.Session {
	session, err := concurrency.NewSession(c, concurrency.WithTTL(4))
	s.must(err)
	return session
}

// waitFor returns when the prefix has n keys: that many candidates stand in line.
func (s *stage) waitFor(n int64, prefix string) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	r, err := s.client.Get(ctx, s.key(prefix), clientv3.WithPrefix(), clientv3.WithCountOnly())
	s.must(err)
	w := s.client.Watch(ctx, s.key(prefix), clientv3.WithPrefix(), clientv3.WithRev(r.Header.Revision+1))
	for r.Count != n {
		_, _ = next(s, w)
		r, err = s.client.Get(ctx, s.key(prefix), clientv3.WithPrefix(), clientv3.WithCountOnly())
		s.must(err)
	}
}

// later runs a call that may wait, and delivers how it went.
func later(call func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	return done
}

func lock(s *stage) {
	first, second := s.session(s.client), s.session(s.another())
	a, b := concurrency.NewMutex(first, s.key("lock")), concurrency.NewMutex(second, s.key("lock"))
	s.say("a locks: %s", tried(a.Lock(s.ctx)))
	s.say("b tries: %s", tried(b.TryLock(s.ctx)))
	waiting := later(func() error { return b.Lock(s.ctx) })
	s.waitFor(2, "lock/")
	s.commit("a writes", s.guarded(a))
	s.say("a unlocks: %s", tried(a.Unlock(s.ctx)))
	got, _ := next(s, waiting)
	s.say("b has it: %s", tried(got))
	s.commit("a, the former owner, does not write", s.guarded(a))
	s.commit("b writes", s.guarded(b))
	fencing(s, b)

	// b's session ends without an unlock: the lease takes the lock away.
	again := concurrency.NewMutex(first, s.key("lock"))
	waiting = later(func() error { return again.Lock(s.ctx) })
	s.waitFor(2, "lock/")
	_, err := s.client.Revoke(s.ctx, second.Lease())
	s.must(err)
	got, _ = next(s, waiting)
	s.say("a has it after b's lease is gone: %s", tried(got))
	_, open := next(s, second.Done())
	s.say("b's session open %t", open)
	s.commit("b, whose session is over, does not write", s.guarded(b))
	s.say("a unlocks: %s", tried(again.Unlock(s.ctx)))
	s.say("a's session closes: %s", tried(first.Close()))
	s.get("what is left of the lock", "lock/", clientv3.WithPrefix(), clientv3.WithCountOnly())
}

// guarded writes if the key of m is still there: its owner has neither unlocked nor lost
// its session.
func (s *stage) guarded(m *concurrency.Mutex) clientv3.Txn {
	return s.client.Txn(s.ctx).If(m.IsOwner()).Then(clientv3.OpPut(s.key("data"), "written by the owner"))
}

// fencing: the create revision of the owner's key is a number that grows from owner to
// owner. A store that remembers the highest refuses those that come too late.
func fencing(s *stage, owner *concurrency.Mutex) {
	r, err := s.client.Get(s.ctx, owner.Key())
	s.must(err)
	token := r.Kvs[0].CreateRevision
	write := func(token int64) clientv3.Txn {
		fence := s.key("fence")
		return s.client.Txn(s.ctx).If(clientv3.Compare(clientv3.CreateRevision(owner.Key()), "=", token)).
			Then(clientv3.OpPut(fence, "held"))
	}
	s.commit("with the token of the owner", write(token))
	s.commit("with an older token", write(token-1))
	s.say("the token is the revision at which the owner came: %t", token <= owner.Header().Revision)
}

func election(s *stage) {
	one, two := concurrency.NewElection(s.session(s.client), s.key("election")), concurrency.NewElection(s.session(s.another()), s.key("election"))
	_, err := one.Leader(s.ctx)
	s.say("before: %s", tried(err))
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	observed := concurrency.NewElection(s.session(s.another()), s.key("election")).Observe(ctx)
	observe := func() {
		r, ok := next(s, observed)
		s.say("observed %q, open %t", answer(r).Kvs[0].Value, ok)
	}
	s.say("one runs: %s", tried(one.Campaign(s.ctx, "one")))
	observe()
	elected := later(func() error { return two.Campaign(s.ctx, "two") })
	s.waitFor(2, "election/")
	s.say("one goes on: %s", tried(one.Proclaim(s.ctx, "still one")))
	observe()
	leader, err := two.Leader(s.ctx)
	s.must(err)
	s.say("the leader: %q at version %d", leader.Kvs[0].Value, leader.Kvs[0].Version)
	s.say("one resigns: %s", tried(one.Resign(s.ctx)))
	got, _ := next(s, elected)
	s.say("two is elected: %s", tried(got))
	observe()
	s.say("one, who did, proclaims: %s", tried(one.Proclaim(s.ctx, "lost")))
	resumed := concurrency.ResumeElection(s.session(s.client), s.key("election"), two.Key(), two.Rev())
	s.say("two, begun anew, goes on: %s", tried(resumed.Proclaim(s.ctx, "two again")))
	observe()
	s.say("and resigns: %s", tried(resumed.Resign(s.ctx)))
	_, err = one.Leader(s.ctx)
	s.say("after: %s", tried(err))
	cancel()
	for ok := true; ok; {
		_, ok = next(s, observed)
	}
	s.say("nobody observes any more")
}

// answer: up to client 3.6 some channels carry answers, from 3.7 on pointers to them.
func answer(v any) *clientv3.GetResponse {
	if r, ok := v.(clientv3.GetResponse); ok {
		return &r
	}
	return v.(*clientv3.GetResponse)
}
