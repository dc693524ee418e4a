package model_test

import (
	"fmt"
	"slices"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

// Compare and swap: the classic use of a transaction.
func ExampleStore_Txn() {
	s := begin()
	s.put("a", "1")
	swap := func(from, to string) {
		s.do("a: "+from+" to "+to, &pb.TxnRequest{
			Compare: []*pb.Compare{{Key: []byte("a"), Target: pb.Compare_VALUE, TargetUnion: &pb.Compare_Value{Value: []byte(from)}}},
			Success: ops(opPut("a", to)),
			Failure: ops(opGet(one("a"))),
		})
	}
	swap("1", "2")
	swap("1", "3")
	// Output:
	// at 2  put a = 1                          ok
	// at 3  a: 1 to 2                          then {ok}
	// at 3  a: 1 to 3                          else {[a=2] of 1}
}

// The compares see the state before the transaction, also those of a transaction inside it;
// the reads see what the transaction has written so far. Asked for a revision, they see
// that revision, in which nothing of this transaction has happened.
func ExampleStore_Txn_whatIsSeen() {
	s := begin()
	s.put("a", "old")
	atTwo := one("a")
	atTwo.Revision = 2
	s.do("txn", &pb.TxnRequest{Success: ops(
		opGet(one("a")),
		opPut("a", "new"),
		opGet(one("a")),
		opGet(atTwo),
		opPut("b", "1"),
		opTxn(&pb.TxnRequest{
			Compare: exists("b"), // not before
			Success: ops(opPut("c", "b was there")),
			Failure: ops(opPut("c", "b was not there")),
		}),
	)})
	s.get("everything", all())
	// Output:
	// at 2  put a = old                        ok
	// at 3  txn                                then {[a=old] of 1; ok; [a=new] of 1; [a=old] of 1; ok; else {ok}}
	// at 3  get everything                     [a=new b=1 c=b was not there] of 3
}

// A compare can look at five things, in four ways. Where there is no key, revisions,
// version and lease are 0, and no comparison of values holds.
func ExampleStore_Txn_compares() {
	s := begin()
	s.grant(7, 60)
	s.putWith("a = m, lease 7", &pb.PutRequest{Key: []byte("a"), Value: []byte("m"), Lease: 7})
	s.putWith("a = m, lease 7", &pb.PutRequest{Key: []byte("a"), Value: []byte("m"), Lease: 7})
	try := func(what string, c *pb.Compare) {
		s.do(what, &pb.TxnRequest{Compare: []*pb.Compare{c}})
	}
	a, none := []byte("a"), []byte("none")
	try("version = 2", &pb.Compare{Key: a, Target: pb.Compare_VERSION, TargetUnion: &pb.Compare_Version{Version: 2}})
	try("create revision != 2", &pb.Compare{Key: a, Result: pb.Compare_NOT_EQUAL, Target: pb.Compare_CREATE, TargetUnion: &pb.Compare_CreateRevision{CreateRevision: 2}})
	try("mod revision > 2", &pb.Compare{Key: a, Result: pb.Compare_GREATER, Target: pb.Compare_MOD, TargetUnion: &pb.Compare_ModRevision{ModRevision: 2}})
	try("value < n", &pb.Compare{Key: a, Result: pb.Compare_LESS, Target: pb.Compare_VALUE, TargetUnion: &pb.Compare_Value{Value: []byte("n")}})
	try("lease = 7", &pb.Compare{Key: a, Target: pb.Compare_LEASE, TargetUnion: &pb.Compare_Lease{Lease: 7}})
	try("none: create revision = 0", &pb.Compare{Key: none, Target: pb.Compare_CREATE})
	try("none: value = ''", &pb.Compare{Key: none, Target: pb.Compare_VALUE})
	try("none: value != x", &pb.Compare{Key: none, Result: pb.Compare_NOT_EQUAL, Target: pb.Compare_VALUE, TargetUnion: &pb.Compare_Value{Value: []byte("x")}})
	s.put("b", "m")
	try("all: value = m", &pb.Compare{Key: a, RangeEnd: []byte{0}, Target: pb.Compare_VALUE, TargetUnion: &pb.Compare_Value{Value: []byte("m")}})
	try("all: version = 2", &pb.Compare{Key: a, RangeEnd: []byte{0}, Target: pb.Compare_VERSION, TargetUnion: &pb.Compare_Version{Version: 2}})
	try("in no known way", &pb.Compare{Key: a, Result: 9})
	// Output:
	// at 1  grant lease 7 for 60 s             lease 7 for 60 s
	// at 2  put a = m, lease 7                 ok
	// at 3  put a = m, lease 7                 ok
	// at 3  version = 2                        then {}
	// at 3  create revision != 2               else {}
	// at 3  mod revision > 2                   then {}
	// at 3  value < n                          then {}
	// at 3  lease = 7                          then {}
	// at 3  none: create revision = 0          then {}
	// at 3  none: value = ''                   else {}
	// at 3  none: value != x                   else {}
	// at 4  put b = m                          ok
	// at 4  all: value = m                     then {}
	// at 4  all: version = 2                   else {}
	// at 4  in no known way                    then {}
}

// A transaction happens as a whole or not at all. Only what would run is checked against
// the store.
func ExampleStore_Txn_allOrNothing() {
	s := begin()
	s.put("a", "1")
	s.put("a", "2")
	s.put("a", "3")
	s.compact(3)
	at := func(rev int64) *pb.RequestOp {
		r := one("a")
		r.Revision = rev
		return opGet(r)
	}
	s.do("put b, get a at 9", &pb.TxnRequest{Success: ops(opPut("b", "1"), at(9))})
	s.do("put b, get a at 2", &pb.TxnRequest{Success: ops(opPut("b", "1"), at(2))})
	s.do("put b, get a at -1", &pb.TxnRequest{Success: ops(opPut("b", "1"), at(-1))})
	s.do("put b, keep the value of c", &pb.TxnRequest{Success: ops(opPut("b", "1"), opPutWith(&pb.PutRequest{Key: []byte("c"), IgnoreValue: true}))})
	s.do("get a at 2, put b for lease 5", &pb.TxnRequest{Success: ops(at(2), opPutWith(&pb.PutRequest{Key: []byte("b"), Lease: 5}))})
	s.do("else get a at 2", &pb.TxnRequest{Success: ops(opPut("b", "1")), Failure: ops(at(2))})
	fmt.Print(s.Timeline())
	// Output:
	// at 2  put a = 1                          ok
	// at 3  put a = 2                          ok
	// at 4  put a = 3                          ok
	// at 4  compact 3                          ok
	// at 4  put b, get a at 9                  refused: etcdserver: mvcc: required revision is a future revision
	// at 4  put b, get a at 2                  refused: etcdserver: mvcc: required revision has been compacted
	// at 4  put b, get a at -1                 refused: etcdserver: mvcc: required revision has been compacted
	// at 4  put b, keep the value of c         refused: etcdserver: key not found
	// at 4  get a at 2, put b for lease 5      refused: etcdserver: requested lease not found
	// at 5  else get a at 2                    then {ok}
	// 2.0  put    a = 1      create 2, mod 2, version 1
	// 3.0  put    a = 2      create 2, mod 3, version 2
	// 4.0  put    a = 3      create 2, mod 4, version 3
	// 5.0  put    b = 1      create 5, mod 5, version 1
}

// A key has one version at a revision, so a transaction writes it at most once, whichever
// way it goes. Two branches are two ways.
func ExampleStore_Txn_writtenOnce() {
	s := begin()
	s.put("a", "1")
	try := func(what string, list ...*pb.RequestOp) { s.do(what, &pb.TxnRequest{Success: list}) }
	inner := func(then, orElse []*pb.RequestOp) *pb.RequestOp {
		return opTxn(&pb.TxnRequest{Compare: exists("a"), Success: then, Failure: orElse})
	}
	try("put a, put a", opPut("a", "2"), opPut("a", "3"))
	try("delete a.., put b", opDel("a", "\x00"), opPut("b", "3"))
	try("put b, delete a..c", opPut("b", "3"), opDel("a", "c"))
	try("delete a, delete a", opDel("a", ""), opDel("a", ""))
	try("put a, txn {put a}", opPut("a", "2"), inner(ops(opPut("a", "2")), nil))
	try("txn {else put a}, txn {delete a}", inner(nil, ops(opPut("a", "2"))), inner(ops(opDel("a", "")), nil))
	try("txn {txn {put a, put a}}", inner(ops(inner(ops(opPut("a", "2"), opPut("a", "3")), nil)), nil))
	try("txn {put a, else delete a}", inner(ops(opPut("a", "2")), ops(opDel("a", ""))))
	fmt.Print(s.Timeline())
	// Output:
	// at 2  put a = 1                          ok
	// at 2  put a, put a                       refused: etcdserver: duplicate key given in txn request
	// at 2  delete a.., put b                  refused: etcdserver: duplicate key given in txn request
	// at 2  put b, delete a..c                 refused: etcdserver: duplicate key given in txn request
	// at 3  delete a, delete a                 then {1 deleted; 0 deleted}
	// at 3  put a, txn {put a}                 refused: etcdserver: duplicate key given in txn request
	// at 3  txn {else put a}, txn {delete a}   refused: etcdserver: duplicate key given in txn request
	// at 3  txn {txn {put a, put a}}           refused: etcdserver: duplicate key given in txn request
	// at 3  txn {put a, else delete a}         then {else {0 deleted}}
	// 2.0  put    a = 1      create 2, mod 2, version 1
	// 3.0  delete a
}

// What is wrong with a request is told before anything is looked up. A transaction inside
// another gets what is left of the number of operations.
func ExampleStore_Txn_refused() {
	s := begin()
	many := func(n int) (list []*pb.RequestOp) { return slices.Repeat(ops(opGet(one("a"))), n) }
	s.do("129 operations", &pb.TxnRequest{Failure: many(129)})
	s.do("1, and 128 inside", &pb.TxnRequest{Success: ops(opTxn(&pb.TxnRequest{Success: many(128)}))})
	s.do("1, and 127 inside", &pb.TxnRequest{Success: ops(opTxn(&pb.TxnRequest{Compare: exists("a"), Success: many(127)}))})
	s.do("compare without a key", &pb.TxnRequest{Compare: []*pb.Compare{{}}})
	s.do("put without a key", &pb.TxnRequest{Success: ops(opPut("", "v"))})
	s.do("else get without a key", &pb.TxnRequest{Failure: ops(opGet(one("")))})
	s.do("delete without a key", &pb.TxnRequest{Success: ops(opDel("", ""))})
	s.do("an operation that is none", &pb.TxnRequest{Success: ops(&pb.RequestOp{})})
	// Output:
	// at 1  129 operations                     refused: etcdserver: too many operations in txn request
	// at 1  1, and 128 inside                  refused: etcdserver: too many operations in txn request
	// at 1  1, and 127 inside                  then {else {}}
	// at 1  compare without a key              refused: etcdserver: key is not provided
	// at 1  put without a key                  refused: etcdserver: key is not provided
	// at 1  else get without a key             refused: etcdserver: key is not provided
	// at 1  delete without a key               refused: etcdserver: key is not provided
	// at 1  an operation that is none          refused: etcdserver: key not found
}
