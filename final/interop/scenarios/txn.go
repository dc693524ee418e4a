package scenarios

import clientv3 "go.etcd.io/etcd/client/v3"

// commit says which branch ran, and what its operations answered.
func (s *stage) commit(label string, t clientv3.Txn) {
	r, err := t.Commit()
	if err != nil {
		s.say("%s: %s", label, tried(err))
		return
	}
	s.say("%s: succeeded %t at %s", label, r.Succeeded, s.rev(r.Header.Revision))
	s.answers("  ", (*clientv3.TxnResponse)(r))
}

func (s *stage) answers(indent string, r *clientv3.TxnResponse) {
	for _, op := range r.Responses {
		switch {
		case op.GetResponseRange() != nil:
			got := op.GetResponseRange()
			s.say("%srange: count %d more %t at %s", indent, got.Count, got.More, s.rev(got.Header.GetRevision()))
			for _, kv := range got.Kvs {
				s.say("%s  %s", indent, s.kv(kv))
			}
		case op.GetResponsePut() != nil:
			s.say("%sput at %s, before: %s", indent, s.rev(op.GetResponsePut().Header.GetRevision()), s.kv(op.GetResponsePut().PrevKv))
		case op.GetResponseDeleteRange() != nil:
			deleted := op.GetResponseDeleteRange()
			s.say("%sdelete: %d at %s", indent, deleted.Deleted, s.rev(deleted.Header.GetRevision()))
			for _, kv := range deleted.PrevKvs {
				s.say("%s  %s", indent, s.kv(kv))
			}
		case op.GetResponseTxn() != nil:
			inner := (*clientv3.TxnResponse)(op.GetResponseTxn())
			s.say("%stxn: succeeded %t", indent, inner.Succeeded)
			s.answers(indent+"  ", inner)
		}
	}
}

func txn(s *stage) {
	a, b, c := s.key("a"), s.key("b"), s.key("c")
	create := func() clientv3.Txn {
		return s.client.Txn(s.ctx).If(clientv3.Compare(clientv3.CreateRevision(a), "=", 0)).
			Then(clientv3.OpPut(a, "1")).Else(clientv3.OpGet(a))
	}
	s.commit("create a", create())
	s.commit("create a again", create())
	s.commit("swap by value", s.client.Txn(s.ctx).If(clientv3.Compare(clientv3.Value(a), "=", "1")).
		Then(clientv3.OpPut(a, "2", clientv3.WithPrevKV()), clientv3.OpPut(b, "1"), clientv3.OpGet(a)))
	s.commit("an old revision does not swap", s.client.Txn(s.ctx).If(clientv3.Compare(clientv3.ModRevision(a), "=", s.at(1))).
		Then(clientv3.OpPut(a, "lost")).Else(clientv3.OpGet(a), clientv3.OpGet(b)))
	s.commit("all comparisons must hold", s.client.Txn(s.ctx).If(
		clientv3.Compare(clientv3.Version(a), ">", 1),
		clientv3.Compare(clientv3.Value(b), "!=", "2"),
		clientv3.Compare(clientv3.CreateRevision(b), "<", s.at(2))).
		Then(clientv3.OpPut(c, "lost")).Else(clientv3.OpGet(c)))
	s.commit("a range where every key is young", s.client.Txn(s.ctx).If(
		clientv3.Compare(clientv3.ModRevision(s.key("")), ">", s.base).WithPrefix()).
		Then(clientv3.OpGet(s.key(""), clientv3.WithPrefix(), clientv3.WithCountOnly())))
	s.commit("no comparison, no operation", s.client.Txn(s.ctx))
	s.commit("reads alone move no revision", s.client.Txn(s.ctx).Then(clientv3.OpGet(a), clientv3.OpGet(b)))
	s.commit("delete and put what is apart", s.client.Txn(s.ctx).Then(
		clientv3.OpDelete(a, clientv3.WithPrevKV()), clientv3.OpDelete(s.key("none")), clientv3.OpPut(c, "1")))
	lease, err := s.client.Grant(s.ctx, 60)
	s.must(err)
	s.commit("a lease is compared", s.client.Txn(s.ctx).If(clientv3.Compare(clientv3.LeaseValue(c), "=", 0)).
		Then(clientv3.OpPut(c, "2", clientv3.WithLease(lease.ID))))
	s.commit("and again", s.client.Txn(s.ctx).If(clientv3.Compare(clientv3.LeaseValue(c), "=", lease.ID)).
		Then(clientv3.OpGet(c)))
	s.commit("a compare of a key that is not there", s.client.Txn(s.ctx).If(clientv3.Compare(clientv3.Value(s.key("none")), "!=", "x")).
		Then(clientv3.OpPut(c, "lost")))
	s.commit("an unknown lease undoes all", s.client.Txn(s.ctx).Then(clientv3.OpPut(a, "lost"), clientv3.OpPut(b, "lost", clientv3.WithLease(12345))))
	s.get("at the end", "", clientv3.WithPrefix())
	_, err = s.client.Revoke(s.ctx, lease.ID)
	s.must(err)
}

func txnNested(s *stage) {
	a, b, c := s.key("a"), s.key("b"), s.key("c")
	inner := clientv3.OpTxn(
		[]clientv3.Cmp{clientv3.Compare(clientv3.Value(a), "=", "outer")},
		[]clientv3.Op{clientv3.OpPut(b, "inner"), clientv3.OpGet(s.key(""), clientv3.WithPrefix())},
		[]clientv3.Op{clientv3.OpPut(c, "inner")})
	s.commit("the inner compare does not see the outer put", s.client.Txn(s.ctx).Then(clientv3.OpPut(a, "outer"), inner))
	s.put("a", "outer")
	s.commit("it sees what was there before", s.client.Txn(s.ctx).Then(inner))
	deep := clientv3.OpPut(s.key("deep"), "x")
	for range 20 {
		deep = clientv3.OpTxn(nil, []clientv3.Op{deep}, nil)
	}
	s.commit("twenty levels deep", s.client.Txn(s.ctx).Then(deep))
	for range 120 {
		deep = clientv3.OpTxn(nil, []clientv3.Op{deep}, nil)
	}
	s.commit("140 levels deep", s.client.Txn(s.ctx).Then(deep))
	s.commit("a key put inside and outside", s.client.Txn(s.ctx).Then(clientv3.OpPut(c, "1"),
		clientv3.OpTxn(nil, nil, []clientv3.Op{clientv3.OpPut(c, "2")})))
	s.commit("in the two branches", s.client.Txn(s.ctx).Then(
		clientv3.OpTxn(nil, []clientv3.Op{clientv3.OpPut(c, "then")}, []clientv3.Op{clientv3.OpPut(c, "else")})))
	s.get("at the end", "", clientv3.WithPrefix())
}
