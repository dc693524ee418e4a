package model_test

import (
	"fmt"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

// Every change of the key space has a revision. A key remembers the revisions that created
// and last changed it, and counts its puts.
func Example_revisions() {
	s := begin()
	s.put("a", "1")
	s.put("b", "1")
	s.put("a", "2")
	s.put("a", "2") // the same value again is a change like any other
	fmt.Print(s.Timeline())
	// Output:
	// at 2  put a = 1                          ok
	// at 3  put b = 1                          ok
	// at 4  put a = 2                          ok
	// at 5  put a = 2                          ok
	// 2.0  put    a = 1      create 2, mod 2, version 1
	// 3.0  put    b = 1      create 3, mod 3, version 1
	// 4.0  put    a = 2      create 2, mod 4, version 2
	// 5.0  put    a = 2      create 2, mod 5, version 3
}

// A delete ends the generation of a key. The next put begins another one: version 1 again,
// and a create revision of its own.
func Example_generations() {
	s := begin()
	s.put("a", "1")
	s.put("a", "2")
	s.del("a", "")
	s.del("a", "") // nothing there: no revision
	s.put("a", "3")
	fmt.Print(s.Timeline())
	// Output:
	// at 2  put a = 1                          ok
	// at 3  put a = 2                          ok
	// at 4  delete a                           1 deleted
	// at 4  delete a                           0 deleted
	// at 5  put a = 3                          ok
	// 2.0  put    a = 1      create 2, mod 2, version 1
	// 3.0  put    a = 2      create 2, mod 3, version 2
	// 4.0  delete a
	// 5.0  put    a = 3      create 5, mod 5, version 1
}

// One request is one revision, however many keys it changes. The sub revision tells their
// order.
func Example_subRevisions() {
	s := begin()
	s.do("txn", &pb.TxnRequest{Success: ops(opPut("b", "1"), opPut("a", "1"), opPut("c", "1"))})
	s.del("a", "c")
	fmt.Print(s.Timeline())
	// Output:
	// at 2  txn                                then {ok; ok; ok}
	// at 3  delete a..c                        2 deleted
	// 2.0  put    b = 1      create 2, mod 2, version 1
	// 2.1  put    a = 1      create 2, mod 2, version 1
	// 2.2  put    c = 1      create 2, mod 2, version 1
	// 3.0  delete a
	// 3.1  delete b
}

// A put can keep the value or the lease that the key has, and can tell what was there.
func ExampleStore_Put() {
	s := begin()
	s.grant(7, 60)
	s.putWith("a = 1, lease 7", &pb.PutRequest{Key: []byte("a"), Value: []byte("1"), Lease: 7})
	s.putWith("a, ignore_value, prev_kv", &pb.PutRequest{Key: []byte("a"), IgnoreValue: true, PrevKv: true})
	s.putWith("a = 2, lease 7", &pb.PutRequest{Key: []byte("a"), Value: []byte("2"), Lease: 7})
	s.putWith("a = 3, ignore_lease", &pb.PutRequest{Key: []byte("a"), Value: []byte("3"), IgnoreLease: true})
	s.putWith("b, ignore_value", &pb.PutRequest{Key: []byte("b"), IgnoreValue: true})
	s.putWith("b = 1, ignore_lease", &pb.PutRequest{Key: []byte("b"), Value: []byte("1"), IgnoreLease: true})
	s.putWith("a = 1, ignore_value", &pb.PutRequest{Key: []byte("a"), Value: []byte("1"), IgnoreValue: true})
	s.putWith("a, lease 7, ignore_lease", &pb.PutRequest{Key: []byte("a"), Lease: 7, IgnoreLease: true})
	s.putWith("a, lease 8", &pb.PutRequest{Key: []byte("a"), Lease: 8})
	s.putWith("no key", &pb.PutRequest{})
	fmt.Print(s.Timeline())
	// Output:
	// at 1  grant lease 7 for 60 s             lease 7 for 60 s
	// at 2  put a = 1, lease 7                 ok
	// at 3  put a, ignore_value, prev_kv       was 1
	// at 4  put a = 2, lease 7                 ok
	// at 5  put a = 3, ignore_lease            ok
	// at 5  put b, ignore_value                refused: etcdserver: key not found
	// at 5  put b = 1, ignore_lease            refused: etcdserver: key not found
	// at 5  put a = 1, ignore_value            refused: etcdserver: value is provided
	// at 5  put a, lease 7, ignore_lease       refused: etcdserver: lease is provided
	// at 5  put a, lease 8                     refused: etcdserver: requested lease not found
	// at 5  put no key                         refused: etcdserver: key is not provided
	// 2.0  put    a = 1      create 2, mod 2, version 1, lease 7
	// 3.0  put    a = 1      create 2, mod 3, version 2
	// 4.0  put    a = 2      create 2, mod 4, version 3, lease 7
	// 5.0  put    a = 3      create 2, mod 5, version 4, lease 7
}

// key and range_end name keys: one, those of [key, range_end), or all from the key on.
func ExampleStore_Range_interval() {
	s := begin()
	for _, key := range []string{"a", "b", "b1", "c"} {
		s.put(key, "v")
	}
	for _, end := range []string{"", "b1", "c", "\x00", "b", "a"} {
		s.get(keys("b", end), &pb.RangeRequest{Key: []byte("b"), RangeEnd: []byte(end)})
	}
	s.get("everything", all())
	s.get("no key", &pb.RangeRequest{RangeEnd: []byte{0}})
	// Output:
	// at 2  put a = v                          ok
	// at 3  put b = v                          ok
	// at 4  put b1 = v                         ok
	// at 5  put c = v                          ok
	// at 5  get b                              [b=v] of 1
	// at 5  get b..b1                          [b=v] of 1
	// at 5  get b..c                           [b=v b1=v] of 2
	// at 5  get b..                            [b=v b1=v c=v] of 3
	// at 5  get b..b                           [] of 0
	// at 5  get b..a                           [] of 0
	// at 5  get everything                     [a=v b=v b1=v c=v] of 4
	// at 5  get no key                         refused: etcdserver: key is not provided
}

// A read at a revision says what was there then; the past does not change.
func ExampleStore_Range_revision() {
	s := begin()
	s.put("a", "1")
	s.put("b", "1")
	s.del("a", "")
	for rev := int64(-1); rev <= 5; rev++ {
		r := all()
		r.Revision = rev
		s.get(fmt.Sprintf("everything at %d", rev), r)
	}
	// Output:
	// at 2  put a = 1                          ok
	// at 3  put b = 1                          ok
	// at 4  delete a                           1 deleted
	// at 4  get everything at -1               [b=1] of 1
	// at 4  get everything at 0                [b=1] of 1
	// at 4  get everything at 1                [] of 0
	// at 4  get everything at 2                [a=1] of 1
	// at 4  get everything at 3                [a=1 b=1] of 2
	// at 4  get everything at 4                [b=1] of 1
	// at 4  get everything at 5                refused: etcdserver: mvcc: required revision is a future revision
}

// The limit cuts what is left after the filters, in the order that is asked for; the count
// is that of the interval.
func ExampleStore_Range_options() {
	s := begin()
	s.put("a", "3") // 2
	s.put("b", "1") // 3
	s.put("c", "2") // 4
	s.put("b", "1") // 5: version 2
	get := func(what string, set func(*pb.RangeRequest)) {
		r := all()
		set(r)
		s.get(what, r)
	}
	get("limit 2", func(r *pb.RangeRequest) { r.Limit = 2 })
	get("limit 3", func(r *pb.RangeRequest) { r.Limit = 3 })
	get("limit 2, from the last key", func(r *pb.RangeRequest) { r.Limit, r.SortOrder = 2, pb.RangeRequest_DESCEND })
	get("by value, downwards", func(r *pb.RangeRequest) {
		r.SortTarget, r.SortOrder = pb.RangeRequest_VALUE, pb.RangeRequest_DESCEND
	})
	get("by version", func(r *pb.RangeRequest) { r.SortTarget = pb.RangeRequest_VERSION })
	get("by create revision", func(r *pb.RangeRequest) { r.SortTarget = pb.RangeRequest_CREATE })
	get("by mod revision, limit 2, no order", func(r *pb.RangeRequest) { r.SortTarget, r.Limit = pb.RangeRequest_MOD, 2 })
	get("by mod revision, limit 2, upwards", func(r *pb.RangeRequest) {
		r.SortTarget, r.SortOrder, r.Limit = pb.RangeRequest_MOD, pb.RangeRequest_ASCEND, 2
	})
	get("modified 3 to 4", func(r *pb.RangeRequest) { r.MinModRevision, r.MaxModRevision = 3, 4 })
	get("created 3 or later, limit 1", func(r *pb.RangeRequest) { r.MinCreateRevision, r.Limit = 3, 1 })
	get("created up to 3", func(r *pb.RangeRequest) { r.MaxCreateRevision = 3 })
	get("keys only", func(r *pb.RangeRequest) { r.KeysOnly = true })
	get("count only", func(r *pb.RangeRequest) { r.CountOnly = true })
	get("by something else", func(r *pb.RangeRequest) { r.SortTarget = 9 })
	get("in another order", func(r *pb.RangeRequest) { r.SortOrder = 9 })
	// Output:
	// at 2  put a = 3                          ok
	// at 3  put b = 1                          ok
	// at 4  put c = 2                          ok
	// at 5  put b = 1                          ok
	// at 5  get limit 2                        [a=3 b=1] of 3, more
	// at 5  get limit 3                        [a=3 b=1 c=2] of 3
	// at 5  get limit 2, from the last key     [c=2 b=1] of 3, more
	// at 5  get by value, downwards            [a=3 c=2 b=1] of 3
	// at 5  get by version                     [a=3 c=2 b=1] of 3
	// at 5  get by create revision             [a=3 b=1 c=2] of 3
	// at 5  get by mod revision, limit 2, no order [a=3 c=2] of 3, more
	// at 5  get by mod revision, limit 2, upwards [a=3 c=2] of 3, more
	// at 5  get modified 3 to 4                [c=2] of 3
	// at 5  get created 3 or later, limit 1    [b=1] of 3, more
	// at 5  get created up to 3                [a=3 b=1] of 3
	// at 5  get keys only                      [a= b= c=] of 3
	// at 5  get count only                     [] of 3
	// at 5  get by something else              refused: etcdserver: invalid sort option
	// at 5  get in another order               refused: etcdserver: invalid sort option
}

// A delete tells how many keys it took, and which, if asked.
func ExampleStore_DeleteRange() {
	s := begin()
	for _, key := range []string{"a", "b", "c"} {
		s.put(key, "v")
	}
	s.do("delete a..c, prev_kv", &pb.DeleteRangeRequest{Key: []byte("a"), RangeEnd: []byte("c"), PrevKv: true})
	s.del("x", "\x00")
	s.del("", "c")
	// Output:
	// at 2  put a = v                          ok
	// at 3  put b = v                          ok
	// at 4  put c = v                          ok
	// at 5  delete a..c, prev_kv               2 deleted, was a=v, was b=v
	// at 5  delete x..                         0 deleted
	// at 5  delete ..c                         refused: etcdserver: key is not provided
}

// A compaction forgets the past: reads and watches before it are refused, what lies at its
// revision or later stays as it was.
func ExampleStore_Compact() {
	s := begin()
	s.put("a", "1")
	s.put("a", "2")
	s.del("a", "")
	s.put("b", "1")
	early := s.watch("all from 3", &pb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: 3})
	exact := s.watch("all from 4", &pb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: 4, PrevKv: true})
	s.compact(4)
	for rev := int64(3); rev <= 5; rev++ {
		r := all()
		r.Revision = rev
		s.get(fmt.Sprintf("everything at %d", rev), r)
	}
	s.see("all from 3", early)
	s.see("all from 4, what was before 4 is gone", exact)
	s.compact(4)
	s.compact(6)
	// Output:
	// at 2  put a = 1                          ok
	// at 3  put a = 2                          ok
	// at 4  delete a                           1 deleted
	// at 5  put b = 1                          ok
	// at 5  compact 4                          ok
	// at 5  get everything at 3                refused: etcdserver: mvcc: required revision has been compacted
	// at 5  get everything at 4                [] of 0
	// at 5  get everything at 5                [b=1] of 1
	//        all from 3: ended, etcdserver: mvcc: required revision has been compacted, compact revision 4
	//        all from 4, what was before 4 is gone: [4 delete a, 5 put b = 1]
	// at 5  compact 4                          refused: etcdserver: mvcc: required revision has been compacted
	// at 5  compact 6                          refused: etcdserver: mvcc: required revision is a future revision
}
