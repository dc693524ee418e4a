package scenarios

import (
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/mirror"
)

// mirrored copies from/ to to/ as a mirror maker does: the keys as of one revision, in
// batches of a thousand, and then every change after it.
func mirrored(s *stage) {
	const keys = 2100
	for i := 0; i < keys; i += 100 {
		var ops []clientv3.Op
		for j := i; j < i+100; j++ {
			ops = append(ops, clientv3.OpPut(s.key(fmt.Sprintf("from/%04d", j)), fmt.Sprint("value ", j)))
		}
		_, err := s.client.Txn(s.ctx).Then(ops...).Commit()
		s.must(err)
	}
	syncer := mirror.NewSyncer(s.client, s.key("from/"), 0)
	copied, batches := 0, 0
	base, failed := syncer.SyncBase(s.ctx)
	for r := range base {
		batches++
		for _, kv := range answer(r).Kvs {
			s.copy(clientv3.OpPut(s.mirrorOf(kv.Key), string(kv.Value)))
			copied++
		}
	}
	err, _ := next(s, failed) // closed without an error
	s.say("copied %d keys in %d batches: %s", copied, batches, tried(err))

	updates := syncer.SyncUpdates(s.ctx)
	s.must(s.writeBehind())
	for n := 0; n < 5; {
		r, _ := next(s, updates)
		s.must(r.Err())
		for _, e := range r.Events {
			n++
			if e.Type == clientv3.EventTypeDelete {
				s.copy(clientv3.OpDelete(s.mirrorOf(e.Kv.Key)))
			} else {
				s.copy(clientv3.OpPut(s.mirrorOf(e.Kv.Key), string(e.Kv.Value)))
			}
			s.say("followed %s %s=%q", e.Type, e.Kv.Key, e.Kv.Value)
		}
	}
	from, to := s.contents("from/"), s.contents("to/")
	s.say("%d keys here, %d there, equal %t", len(from), len(to), strings.Join(from, "\n") == strings.Join(to, "\n"))
}

// writeBehind changes what was copied already.
func (s *stage) writeBehind() error {
	if _, err := s.client.Put(s.ctx, s.key("from/0000"), "changed"); err != nil {
		return err
	}
	if _, err := s.client.Delete(s.ctx, s.key("from/0001"), clientv3.WithRange(s.key("from/0004"))); err != nil {
		return err
	}
	_, err := s.client.Put(s.ctx, s.key("from/new"), "new")
	return err
}

func (s *stage) mirrorOf(key []byte) string {
	return s.key("to/") + strings.TrimPrefix(string(key), s.key("from/"))
}

func (s *stage) copy(op clientv3.Op) {
	_, err := s.client.Do(s.ctx, op)
	s.must(err)
}

func (s *stage) contents(prefix string) (lines []string) {
	r, err := s.client.Get(s.ctx, s.key(prefix), clientv3.WithPrefix())
	s.must(err)
	for _, kv := range r.Kvs {
		lines = append(lines, strings.TrimPrefix(string(kv.Key), s.key(prefix))+"="+string(kv.Value))
	}
	return lines
}
