package scenarios

import (
	"fmt"

	"go.etcd.io/etcd/client/v3/kubernetes"
)

// kube does what a Kubernetes API server does with its objects.
func kube(s *stage) {
	client, err := kubernetes.New(s.config())
	s.must(err)
	defer client.Close()
	pod := func(i int) string { return s.key(fmt.Sprintf("registry/pods/default/%d", i)) }
	for i := range 5 {
		r, err := client.OptimisticPut(s.ctx, pod(i), []byte(fmt.Sprint("pod ", i)), 0, kubernetes.PutOptions{})
		s.must(err)
		s.say("create: succeeded %t at %s", r.Succeeded, s.rev(r.Revision))
	}
	put, err := client.OptimisticPut(s.ctx, pod(0), []byte("again"), 0, kubernetes.PutOptions{GetOnFailure: true})
	s.must(err)
	s.say("create again: succeeded %t at %s, there is %s", put.Succeeded, s.rev(put.Revision), s.kv(put.KV))
	put, err = client.OptimisticPut(s.ctx, pod(0), []byte("changed"), put.KV.ModRevision, kubernetes.PutOptions{})
	s.must(err)
	s.say("update: succeeded %t at %s", put.Succeeded, s.rev(put.Revision))

	list, err := client.List(s.ctx, s.key("registry/pods/"), kubernetes.ListOptions{Limit: 2})
	s.must(err)
	revision := list.Revision
	for page := 1; ; page++ {
		s.say("page %d: %d of %d, as of %s", page, len(list.Kvs), list.Count, s.rev(list.Revision))
		for _, kv := range list.Kvs {
			s.say("  %s", s.kv(kv))
		}
		if int64(len(list.Kvs)) == list.Count {
			break
		}
		last := string(list.Kvs[len(list.Kvs)-1].Key) + "\x00" // the key right behind it
		list, err = client.List(s.ctx, s.key("registry/pods/"), kubernetes.ListOptions{Limit: 2, Continue: last, Revision: revision})
		s.must(err)
	}
	n, err := client.Count(s.ctx, s.key("registry/"), kubernetes.CountOptions{})
	s.must(err)
	s.say("count %d", n)
	got, err := client.Kubernetes.Get(s.ctx, pod(0), kubernetes.GetOptions{Revision: s.at(1)})
	s.must(err)
	s.say("as it was: %s", s.kv(got.KV))
	deleted, err := client.OptimisticDelete(s.ctx, pod(0), s.at(1), kubernetes.DeleteOptions{GetOnFailure: true})
	s.must(err)
	s.say("delete what has changed: succeeded %t, there is %s", deleted.Succeeded, s.kv(deleted.KV))
	deleted, err = client.OptimisticDelete(s.ctx, pod(0), deleted.KV.ModRevision, kubernetes.DeleteOptions{})
	s.must(err)
	s.say("delete: succeeded %t at %s", deleted.Succeeded, s.rev(deleted.Revision))
}
