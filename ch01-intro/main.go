// Chapter 1 in one run: the data model, by asking the specification of it. A store is a list
// of changes, and everything else is a way of reading the list. Then one log feeds two
// databases, with all the numbers that are so easily mixed up on one timeline.
//
//	go run ./ch01-intro
package main

import (
	"bytes"
	"errors"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/model"
)

func main() {
	store := model.New()
	generations(store)
	transaction(store)
	watch(store)
	compaction(store)
	leases(model.New())
	timeline()

	say("Try next",
		"go run ./ch01-intro/cmd/doctor                   is this machine ready?",
		"less ch01-intro/model/example_test.go            every rule of the model, with its timeline",
		"go run ./ch06-storage                            the same model, on disk",
		"go run ./final/cmd/etcd                          a server to ask with etcdctl")
}

func generations(store *model.Store) {
	say("1. A store is a list of changes. Each has the next revision, and every revision can be read:")
	do(store, put("name", "Ada"), put("name", "Grace"), del("name"), put("name", "Edsger"), put("lang", "Go"))
	grid(store, []string{"put", "put", "delete", "put", "put"}, "name", "lang")
	say("",
		"The revision belongs to the store: it moves when any key changes. The three numbers below a",
		"key are its own. A delete ended the first generation of name, so at 5 all three began anew.")
	at5, at6 := get(store, "name", 5), get(store, "name", 6)
	check(at5.Version == 1 && at5.CreateRevision == 5, "a put after a delete begins a generation")
	check(store.Rev() == 6 && at6.ModRevision == 5, "a put of another key moves the revision, not this key's mod_revision")
}

func transaction(store *model.Store) {
	say("2. Two clients have read lang at mod_revision 6. Both now send: if it is still 6, then put two keys.")
	for _, client := range []struct{ name, lang string }{{"first", "Rust"}, {"second", "Zig"}} {
		resp, err := store.Txn(&pb.TxnRequest{
			Compare: []*pb.Compare{modIs("lang", 6)},
			Success: []*pb.RequestOp{putOp("lang", client.lang), putOp("by", client.name)},
			Failure: []*pb.RequestOp{getOp("lang")},
		})
		must(err)
		tell("%-6s  succeeded %-5v  revision now %d", client.name, resp.Succeeded, store.Rev())
		check(resp.Succeeded == (client.name == "first"), "only one of two can win")
	}
	tell("%s", lastChanges(store, 2))
	say("", "Both puts have revision 7: a transaction is one revision, with sub revisions 0 and 1. The second",
		"client changed nothing, so it used up no revision; it learnt what stands there instead.")
	check(store.Rev() == 7 && value(store, "lang") == "Rust", "a transaction happens as a whole, or not at all")
}

func watch(store *model.Store) {
	say("3. A watch is the same list, read from some place on. This one begins at 3, long after 3 was:")
	w, err := store.Watch(&pb.WatchCreateRequest{Key: []byte("name"), StartRevision: 3, PrevKv: true})
	must(err)
	events, w, err := store.Events(w)
	must(err)
	for _, e := range events {
		tell("revision %d  %-6s  %-6v  before it: %v", e.Kv.ModRevision, e.Type, orDot(string(e.Kv.Value)), orDot(string(e.PrevKv.GetValue())))
	}
	check(len(events) == 3 && w.Next == 8, "a watch misses nothing, and goes on behind what it has seen")
}

func compaction(store *model.Store) {
	say("4. A list that only grows fills the disk. Compaction at 5 forgets how things were before 5:")
	do(store, &pb.CompactionRequest{Revision: 5})
	_, err := store.Range(&pb.RangeRequest{Key: []byte("name"), Revision: 4})
	tell("read at 4    %v", err)
	check(errors.Is(err, model.ErrCompacted), "a read below the compact revision is refused")
	w, err := store.Watch(&pb.WatchCreateRequest{Key: []byte("name"), StartRevision: 3})
	must(err)
	_, _, err = store.Events(w)
	tell("watch from 3 %v", err)
	check(errors.Is(err, model.ErrCompacted), "a watch is told that it would miss something")
	tell("read now     name = %s, revision still %d", value(store, "name"), store.Rev())
	check(value(store, "name") == "Edsger" && store.Rev() == 7, "a compaction changes no answer about the present")
}

func leases(store *model.Store) {
	say("5. A lease is a promise to delete: here two keys that share ten seconds, renewed once.")
	do(store, &pb.LeaseGrantRequest{ID: 7, TTL: 10}, putLeased("host/a", 7), putLeased("host/b", 7))
	for _, second := range []time.Duration{6, 15, 16} {
		store.Advance(second * time.Second)
		if second == 6 {
			do(store, &pb.LeaseKeepAliveRequest{ID: 7})
		}
		left := store.LeaseTimeToLive(&pb.LeaseTimeToLiveRequest{ID: 7, Keys: true})
		tell("second %2d  TTL %2d  revision %d  keys: %s", second, left.TTL, store.Rev(), orDot(string(bytes.Join(left.Keys, []byte(" ")))))
	}
	check(store.Rev() == 4 && value(store, "host/a")+value(store, "host/b") == "", "an end of a lease deletes its keys at one revision")
	say("", "Nobody deleted them one by one: who dies just stops to renew, and its addresses go with it.")
}
