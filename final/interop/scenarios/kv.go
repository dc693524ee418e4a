package scenarios

import (
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func putGet(s *stage) {
	for _, name := range []string{"b", "a", "c/2", "c/1", "c/3"} {
		s.put(name, "value of "+name)
	}
	s.put("a", "changed")
	s.get("one key", "a")
	s.get("a key that is not there", "none")
	s.get("a range", "a", clientv3.WithRange(s.key("c/2")))
	s.get("a prefix", "c/", clientv3.WithPrefix())
	s.get("two of a prefix", "c/", clientv3.WithPrefix(), clientv3.WithLimit(2))
	s.get("how many", "", clientv3.WithPrefix(), clientv3.WithCountOnly())
	s.get("keys alone", "", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	s.get("newest first", "", clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByModRevision, clientv3.SortDescend))
	s.get("by value", "", clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByValue, clientv3.SortAscend))
	s.get("by version, limited after sorting", "", clientv3.WithPrefix(), clientv3.WithLimit(1), clientv3.WithSort(clientv3.SortByVersion, clientv3.SortDescend))
	s.get("the first created", "", clientv3.WithFirstCreate()...)
	s.get("the last revised", "", clientv3.WithLastRev()...)
	s.get("modified since +5", "", clientv3.WithPrefix(), clientv3.WithMinModRev(s.at(5)))
	s.get("created until +2", "", clientv3.WithPrefix(), clientv3.WithMaxCreateRev(s.at(2)))
	s.get("as it was at +3", "", clientv3.WithPrefix(), clientv3.WithRev(s.at(3)))
	s.get("serializable", "a", clientv3.WithSerializable())
}

func putDelete(s *stage) {
	s.put("a", "1")
	s.put("a", "2", clientv3.WithPrevKV())
	lease, err := s.client.Grant(s.ctx, 60)
	s.must(err)
	s.put("a", "3", clientv3.WithLease(lease.ID))
	s.put("a", "", clientv3.WithIgnoreValue(), clientv3.WithLease(lease.ID))
	s.put("a", "4", clientv3.WithIgnoreLease())
	s.get("with a lease", "a")
	s.put("b", "")
	s.put("c", "\x00\xff binary")
	s.get("all", "", clientv3.WithPrefix())
	s.delete("one", "a", clientv3.WithPrevKV())
	s.delete("one that is gone", "a", clientv3.WithPrevKV())
	s.delete("the rest", "", clientv3.WithPrefix(), clientv3.WithPrevKV())
	s.put("a", "new life")
	s.get("with a new life", "a")
	_, err = s.client.Revoke(s.ctx, lease.ID)
	s.say("revoke the former lease: %s", tried(err))
	s.get("without the former lease", "a")
}

func refused(s *stage) {
	_, err := s.client.Put(s.ctx, "", "x")
	s.say("put without a key: %s", tried(err))
	s.put("a", "x", clientv3.WithIgnoreValue())
	s.put("a", "", clientv3.WithIgnoreValue())
	s.put("a", "x", clientv3.WithLease(12345))
	s.put("a", "x")
	_, err = s.client.Get(s.ctx, s.key("a"), clientv3.WithRev(s.at(100)))
	s.say("get of the future: %s", tried(err))
	_, err = s.client.Compact(s.ctx, s.at(100))
	s.say("compaction of the future: %s", tried(err))
	var ops []clientv3.Op
	for i := range 129 {
		ops = append(ops, clientv3.OpPut(s.key(fmt.Sprint("k", i)), "x"))
	}
	_, err = s.client.Txn(s.ctx).Then(ops...).Commit()
	s.say("a transaction of 129 operations: %s", tried(err))
	_, err = s.client.Txn(s.ctx).Then(clientv3.OpPut(s.key("a"), "1"), clientv3.OpPut(s.key("a"), "2")).Commit()
	s.say("a key put twice: %s", tried(err))
	_, err = s.client.Txn(s.ctx).Then(clientv3.OpPut(s.key("a"), "1"), clientv3.OpDelete(s.key(""), clientv3.WithPrefix())).Commit()
	s.say("a key put and deleted: %s", tried(err))
	_, err = s.client.Put(s.ctx, s.key("a"), strings.Repeat("x", 1572864))
	s.say("a request as large as the limit and its frame: %s", tried(err))
	s.get("after all that", "", clientv3.WithPrefix())
}

func compaction(s *stage) {
	s.put("a", "1")
	s.put("a", "2")
	s.put("b", "1")
	s.delete("b", "b")
	s.put("a", "3")
	_, err := s.client.Compact(s.ctx, s.at(3), clientv3.WithCompactPhysical())
	s.say("compact at +3: %s", tried(err))
	s.get("before it", "a", clientv3.WithRev(s.at(2)))
	s.get("at it", "", clientv3.WithPrefix(), clientv3.WithRev(s.at(3)))
	s.get("after it", "", clientv3.WithPrefix(), clientv3.WithRev(s.at(4)))
	s.get("now", "", clientv3.WithPrefix())
	_, err = s.client.Compact(s.ctx, s.at(3))
	s.say("compact at +3 again: %s", tried(err))
	_, err = s.client.Compact(s.ctx, s.at(5))
	s.say("compact at +5: %s", tried(err))
	s.get("before it", "a", clientv3.WithRev(s.at(4)))
	s.get("now", "", clientv3.WithPrefix())
}

// large keeps to what a client may send by default, 2 MiB, and asks for more.
func large(s *stage) {
	value := strings.Repeat("0123456789abcdef", 60_000) // 960,000 bytes
	for _, name := range []string{"1", "2", "3", "4", "5", "6"} {
		_, err := s.client.Put(s.ctx, s.key(name), value)
		s.say("put %s of %d bytes: %s", name, len(value), tried(err))
	}
	r, err := s.client.Get(s.ctx, s.key(""), clientv3.WithPrefix())
	s.must(err)
	total, same := 0, true
	for _, kv := range r.Kvs {
		total += len(kv.Value)
		same = same && string(kv.Value) == value
	}
	s.say("got %d values, %d bytes, as they were put: %t", len(r.Kvs), total, same)
	w := s.client.Watch(s.ctx, s.key(""), clientv3.WithPrefix(), clientv3.WithRev(s.at(1)), clientv3.WithFragment())
	for n := 0; n < 6; {
		r, ok := next(s, w)
		s.must(r.Err())
		for _, e := range r.Events {
			n++
			s.say("watched %s, %d bytes, %s, open %t", e.Kv.Key, len(e.Kv.Value), s.rev(e.Kv.ModRevision), ok)
		}
	}
	s.delete("all", "", clientv3.WithPrefix())
}
