package model_test

import (
	"fmt"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

// A watch is the history from a revision on, as far as it concerns the watched keys. It
// does not matter when one looks.
func ExampleStore_Watch() {
	s := begin()
	s.put("a", "1")
	s.put("b", "1")
	a := []byte("a")
	now := s.watch("a from now on", &pb.WatchCreateRequest{Key: a})
	past := s.watch("a.. from 2", &pb.WatchCreateRequest{Key: a, RangeEnd: []byte{0}, StartRevision: 2})
	future := s.watch("a from 6", &pb.WatchCreateRequest{Key: a, StartRevision: 6})
	past = s.see("a.. from 2", past)
	s.put("a", "2") // 4
	s.del("a", "")  // 5
	s.put("a", "3") // 6
	s.see("a from now on", now)
	s.see("a.. from 2", past)
	s.see("a from 6", future)
	s.see("all keys", s.watch("all", &pb.WatchCreateRequest{RangeEnd: []byte{0}, StartRevision: 1}))
	s.watch("a..a", &pb.WatchCreateRequest{Key: a, RangeEnd: a})
	s.watch("a from -1", &pb.WatchCreateRequest{Key: a, StartRevision: -1})
	// Output:
	// at 2  put a = 1                          ok
	// at 3  put b = 1                          ok
	//        a.. from 2: [2 put a = 1, 3 put b = 1]
	// at 4  put a = 2                          ok
	// at 5  delete a                           1 deleted
	// at 6  put a = 3                          ok
	//        a from now on: [4 put a = 2, 5 delete a, 6 put a = 3]
	//        a.. from 2: [4 put a = 2, 5 delete a, 6 put a = 3]
	//        a from 6: [6 put a = 3]
	//        all keys: [2 put a = 1, 3 put b = 1, 4 put a = 2, 5 delete a, 6 put a = 3]
	// at 6  watch a..a                         refused: mvcc: watcher range is empty
	// at 6  watch a from -1                    refused: etcdserver: mvcc: required revision has been compacted
}

// Filters leave out a kind of event; prev_kv adds what was there one revision before.
func ExampleStore_Events() {
	s := begin()
	see := func(what string, r *pb.WatchCreateRequest) {
		r.Key, r.RangeEnd, r.StartRevision = []byte{0}, []byte{0}, 1
		s.see(what, s.watch(what, r))
	}
	s.put("a", "1")
	s.put("a", "2")
	s.do("txn", &pb.TxnRequest{Success: ops(opDel("a", ""), opPut("b", "1"))})
	s.put("a", "3")
	see("all", &pb.WatchCreateRequest{PrevKv: true})
	see("no puts", &pb.WatchCreateRequest{Filters: []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NOPUT}})
	see("no deletes", &pb.WatchCreateRequest{Filters: []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NODELETE}})
	// Output:
	// at 2  put a = 1                          ok
	// at 3  put a = 2                          ok
	// at 4  txn                                then {1 deleted; ok}
	// at 5  put a = 3                          ok
	//        all: [2 put a = 1, 3 put a = 2 (was 1), 4 delete a (was 2), 4 put b = 1, 5 put a = 3]
	//        no puts: [4 delete a]
	//        no deletes: [2 put a = 1, 3 put a = 2, 4 put b = 1, 5 put a = 3]
}

// A key belongs to the lease that its newest version names. When the lease ends, the keys
// that still belong to it are deleted, in one revision.
func Example_leases() {
	s := begin()
	s.grant(7, 60)
	s.grant(8, 60)
	attach := func(key string, lease int64) {
		s.putWith(fmt.Sprintf("%s, lease %d", key, lease), &pb.PutRequest{Key: []byte(key), Lease: lease})
	}
	attach("b", 7)
	attach("a", 7)
	attach("c", 7)
	attach("d", 7)
	attach("c", 8)  // moves
	s.put("d", "1") // leaves
	s.do("keys of 7", &pb.LeaseTimeToLiveRequest{ID: 7, Keys: true})
	s.do("keys of 8", &pb.LeaseTimeToLiveRequest{ID: 8, Keys: true})
	s.do("revoke 7", &pb.LeaseRevokeRequest{ID: 7})
	s.do("revoke 7", &pb.LeaseRevokeRequest{ID: 7})
	s.get("everything", all())
	fmt.Print(s.Timeline())
	// Output:
	// at 1  grant lease 7 for 60 s             lease 7 for 60 s
	// at 1  grant lease 8 for 60 s             lease 8 for 60 s
	// at 2  put b, lease 7                     ok
	// at 3  put a, lease 7                     ok
	// at 4  put c, lease 7                     ok
	// at 5  put d, lease 7                     ok
	// at 6  put c, lease 8                     ok
	// at 7  put d = 1                          ok
	// at 7  keys of 7                          60 of 60 s left, keys [a b]
	// at 7  keys of 8                          60 of 60 s left, keys [c]
	// at 8  revoke 7                           ok
	// at 8  revoke 7                           refused: etcdserver: requested lease not found
	// at 8  get everything                     [c= d=1] of 2
	// 2.0  put    b =        create 2, mod 2, version 1, lease 7
	// 3.0  put    a =        create 3, mod 3, version 1, lease 7
	// 4.0  put    c =        create 4, mod 4, version 1, lease 7
	// 5.0  put    d =        create 5, mod 5, version 1, lease 7
	// 6.0  put    c =        create 4, mod 6, version 2, lease 8
	// 7.0  put    d = 1      create 5, mod 7, version 2
	// 8.0  delete a
	// 8.1  delete b
}

// Time comes from outside. A lease lives as long as somebody keeps it alive in time.
func ExampleStore_Advance() {
	s := begin()
	s.grant(7, 10)
	s.grant(8, 5)
	s.putWith("a, lease 7", &pb.PutRequest{Key: []byte("a"), Lease: 7})
	s.putWith("b, lease 8", &pb.PutRequest{Key: []byte("b"), Lease: 8})
	at := func(d time.Duration) {
		s.Advance(d)
		fmt.Printf("%s: leases %s\n", s.Now(), s.LeaseLeases(&pb.LeaseLeasesRequest{}).Leases)
	}
	at(4900 * time.Millisecond)
	s.do("keep 7 alive", &pb.LeaseKeepAliveRequest{ID: 7})
	at(5 * time.Second)
	at(14 * time.Second)
	s.do("time to live of 7", &pb.LeaseTimeToLiveRequest{ID: 7, Keys: true})
	at(3 * time.Second) // a clock that goes back is not believed
	at(15 * time.Second)
	s.do("keep 7 alive", &pb.LeaseKeepAliveRequest{ID: 7})
	s.do("time to live of 7", &pb.LeaseTimeToLiveRequest{ID: 7})
	fmt.Print(s.Timeline())
	// Output:
	// at 1  grant lease 7 for 10 s             lease 7 for 10 s
	// at 1  grant lease 8 for 5 s              lease 8 for 5 s
	// at 2  put a, lease 7                     ok
	// at 3  put b, lease 8                     ok
	// 4.9s: leases [ID:8 ID:7]
	// at 3  keep 7 alive                       10 s
	// 5s: leases [ID:7]
	// 14s: leases [ID:7]
	// at 4  time to live of 7                  0 of 10 s left, keys [a]
	// 14s: leases [ID:7]
	// 15s: leases []
	// at 5  keep 7 alive                       0 s
	// at 5  time to live of 7                  -1 of 0 s left, keys []
	// 2.0  put    a =        create 2, mod 2, version 1, lease 7
	// 3.0  put    b =        create 3, mod 3, version 1, lease 8
	// 4.0  delete b
	// 5.0  delete a
}

// A lease has an ID that nobody else has, and a TTL within bounds.
func ExampleStore_LeaseGrant() {
	s := begin()
	s.grant(0, 60)
	s.grant(0, 60)
	s.grant(2, 60)
	s.grant(-5, 0)
	s.grant(6, -1)
	s.grant(7, 9_000_000_000)
	s.grant(8, 9_000_000_001)
	s.do("leases", &pb.LeaseLeasesRequest{})
	// Output:
	// at 1  grant lease 0 for 60 s             lease 1 for 60 s
	// at 1  grant lease 0 for 60 s             lease 2 for 60 s
	// at 1  grant lease 2 for 60 s             refused: etcdserver: lease already exists
	// at 1  grant lease -5 for 0 s             lease -5 for 2 s
	// at 1  grant lease 6 for -1 s             lease 6 for 2 s
	// at 1  grant lease 7 for 9000000000 s     lease 7 for 9000000000 s
	// at 1  grant lease 8 for 9000000001 s     refused: etcdserver: too large lease TTL
	// at 1  leases                             [ID:-5 ID:6 ID:1 ID:2 ID:7]
}
