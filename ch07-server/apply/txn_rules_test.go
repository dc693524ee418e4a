package apply

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/mvcc"
)

func opRev(key string, rev int64) *pb.RequestOp {
	return opGet(&pb.RangeRequest{Key: []byte(key), Revision: rev})
}

func TestTheComparesChooseTheBranch(t *testing.T) {
	for _, outer := range []bool{true, false} {
		for _, inner := range []bool{true, false} {
			t.Run(fmt.Sprintf("outer %v, inner %v", outer, inner), func(t *testing.T) {
				m := newMember(t)
				when := func(holds bool) []*pb.Compare {
					if holds {
						return []*pb.Compare{ifVersion("none", 0)}
					}
					return []*pb.Compare{ifVersion("none", 0), ifVersion("none", 1)} // all must hold
				}
				mark := func(value string) []*pb.RequestOp {
					return []*pb.RequestOp{
						opPut(kvPut("outer", value)),
						opTxn(&pb.TxnRequest{
							Compare: when(inner),
							Success: []*pb.RequestOp{opPut(kvPut("inner", value+"/true"))},
							Failure: []*pb.RequestOp{opPut(kvPut("inner", value+"/false"))},
						}),
					}
				}
				res := m.txn(&pb.TxnRequest{Compare: when(outer), Success: mark("true"), Failure: mark("false")})
				require.NoError(t, res.Err)
				resp := res.Resp.(*TxnResponse)
				require.Equal(t, outer, resp.Succeeded)
				require.Equal(t, inner, resp.Responses[1].Txn.Succeeded)
				require.Equal(t, fmt.Sprint(outer), m.value("outer"))
				require.Equal(t, fmt.Sprintf("%v/%v", outer, inner), m.value("inner"))
			})
		}
	}
}

// One key whose five properties are all different, each compared in all four
// ways with one less, with the same and with one more.
func TestEveryTargetAndResultOfACompare(t *testing.T) {
	m := newMember(t)
	m.put("x", "v") // revision 2
	m.put("x", "v") // revision 3
	m.storeWithLease("k", "m", 8)
	m.put("x", "v")
	m.storeWithLease("k", "m", 8)
	kv := m.stored("k")
	require.EqualValues(t, [4]int64{4, 6, 2, 8},
		[4]int64{kv.CreateRevision(), kv.ModRevision(), kv.Version(), kv.Lease()}, "created, modified, version, lease")

	type operand func(delta int64) *pb.Compare
	number := func(target pb.Compare_CompareTarget, now int64, set func(*pb.Compare, int64)) operand {
		return func(delta int64) *pb.Compare {
			c := &pb.Compare{Target: target}
			set(c, now+delta)
			return c
		}
	}
	targets := []operand{
		number(pb.Compare_VERSION, 2, func(c *pb.Compare, v int64) { c.TargetUnion = &pb.Compare_Version{Version: v} }),
		number(pb.Compare_CREATE, 4, func(c *pb.Compare, v int64) { c.TargetUnion = &pb.Compare_CreateRevision{CreateRevision: v} }),
		number(pb.Compare_MOD, 6, func(c *pb.Compare, v int64) { c.TargetUnion = &pb.Compare_ModRevision{ModRevision: v} }),
		number(pb.Compare_LEASE, 8, func(c *pb.Compare, v int64) { c.TargetUnion = &pb.Compare_Lease{Lease: v} }),
		number(pb.Compare_VALUE, 'm', func(c *pb.Compare, v int64) { c.TargetUnion = &pb.Compare_Value{Value: []byte{byte(v)}} }),
	}
	holds := map[pb.Compare_CompareResult]map[int64]bool{ // by the operand's distance from what is stored
		pb.Compare_EQUAL:     {-1: false, 0: true, 1: false},
		pb.Compare_NOT_EQUAL: {-1: true, 0: false, 1: true},
		pb.Compare_GREATER:   {-1: true, 0: false, 1: false},
		pb.Compare_LESS:      {-1: false, 0: false, 1: true},
	}
	for _, target := range targets {
		for result, want := range holds {
			for delta, want := range want {
				c := target(delta)
				c.Key, c.Result = []byte("k"), result
				resp, err := ReadTxn(m.kv, &pb.TxnRequest{Compare: []*pb.Compare{c}})
				require.NoError(t, err)
				require.Equal(t, want, resp.Succeeded, "%v", c)
			}
		}
	}
}

// As etcd 3.4.23 answers: the first wrong put on the chosen path, wherever it
// stands, comes before the first wrong range; what is not chosen is not checked.
func TestTheOrderOfTheTransactionChecks(t *testing.T) {
	badPut := opPut(&pb.PutRequest{Key: []byte("none"), IgnoreValue: true})
	badRange := opRev("k", 99)
	good := opPut(kvPut("k", "changed"))
	nested := func(ops ...*pb.RequestOp) *pb.RequestOp { return opTxn(&pb.TxnRequest{Success: ops}) }
	for _, tc := range []struct {
		name string
		txn  *pb.TxnRequest
		want error
	}{
		{"put before range", &pb.TxnRequest{Success: []*pb.RequestOp{badRange, badPut}}, ErrKeyNotFound},
		{"put before nested range", &pb.TxnRequest{Success: []*pb.RequestOp{nested(badRange), badPut}}, ErrKeyNotFound},
		{"nested put before range", &pb.TxnRequest{Success: []*pb.RequestOp{badRange, nested(badPut)}}, ErrKeyNotFound},
		{"put behind a good nested one", &pb.TxnRequest{Success: []*pb.RequestOp{nested(good), badPut}}, ErrKeyNotFound},
		{"range behind a good nested one", &pb.TxnRequest{Success: []*pb.RequestOp{nested(good), badRange}}, mvcc.ErrFutureRev},
		{"second of two nested ones", &pb.TxnRequest{Success: []*pb.RequestOp{nested(good), nested(badPut)}}, ErrKeyNotFound},
		{"in the branch that was not chosen", &pb.TxnRequest{Success: []*pb.RequestOp{good}, Failure: []*pb.RequestOp{badPut, badRange}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMember(t)
			m.put("k", "v")
			res := m.txn(tc.txn)
			if tc.want == nil {
				require.NoError(t, res.Err)
				require.Equal(t, "changed", m.value("k"))
				return
			}
			require.ErrorIs(t, res.Err, tc.want)
			require.Equal(t, "v", m.value("k"))
			require.EqualValues(t, 2, m.kv.Rev())
		})
	}
}

// The compact revision can be read, and so can the present one. A transaction
// that writes cannot read the revision it makes.
func TestTheRevisionsThatATransactionCanRead(t *testing.T) {
	m := newMember(t)
	for _, v := range []string{"2", "3", "4", "5"} { // the value is the revision
		m.put("k", v)
	}
	require.NoError(t, m.apply(&pb.InternalRaftRequest{Compaction: &pb.CompactionRequest{Revision: 3}}).Err)
	for rev, want := range map[int64]error{2: mvcc.ErrCompacted, 3: nil, 4: nil, 5: nil, 6: mvcc.ErrFutureRev} {
		for _, writes := range []bool{false, true} {
			now := m.kv.Rev()
			ops := []*pb.RequestOp{opRev("k", rev)}
			if rev > 5 {
				ops = []*pb.RequestOp{opRev("k", now+1)}
			}
			if writes {
				ops = append([]*pb.RequestOp{opPut(kvPut("other", "v"))}, ops...)
			}
			res := m.txn(&pb.TxnRequest{Success: ops})
			if want != nil {
				require.ErrorIs(t, res.Err, want, "revision %d, writes %v", rev, writes)
				continue
			}
			require.NoError(t, res.Err, "revision %d, writes %v", rev, writes)
			responses := res.Resp.(*TxnResponse).Responses
			require.Equal(t, fmt.Sprint(rev), string(responses[len(responses)-1].Range.Kvs[0].Value()))
		}
	}
}

func TestWhichTransactionsOnlyRead(t *testing.T) {
	read := opGet(&pb.RangeRequest{Key: []byte("k")})
	local := opGet(&pb.RangeRequest{Key: []byte("k"), Serializable: true})
	ops := func(ops ...*pb.RequestOp) []*pb.RequestOp { return ops }
	nested := func(success, failure []*pb.RequestOp) []*pb.RequestOp {
		return ops(opTxn(&pb.TxnRequest{Success: success, Failure: failure}))
	}
	for _, tc := range []struct {
		name                   string
		txn                    *pb.TxnRequest
		readOnly, serializable bool
	}{
		{"only compares", &pb.TxnRequest{Compare: []*pb.Compare{ifVersion("k", 0)}}, true, false},
		{"nested, only compares", &pb.TxnRequest{Success: nested(nil, nil)}, true, false},
		{"a read", &pb.TxnRequest{Success: ops(read)}, true, false},
		{"a serializable read", &pb.TxnRequest{Success: ops(local)}, true, true},
		{"a serializable read in the failure branch", &pb.TxnRequest{Failure: ops(local)}, true, true},
		{"one of two reads demands more", &pb.TxnRequest{Success: ops(local, read)}, true, false},
		{"a read in the failure branch demands more", &pb.TxnRequest{Success: ops(local), Failure: ops(read)}, true, false},
		{"a nested read demands more", &pb.TxnRequest{Success: append(nested(nil, ops(read)), local)}, true, false},
		{"nested serializable reads", &pb.TxnRequest{Success: nested(ops(local), ops(local))}, true, true},
		{"a put", &pb.TxnRequest{Success: ops(local, opPut(kvPut("k", "v")))}, false, false},
		{"a delete", &pb.TxnRequest{Success: ops(local, opDelete("k"))}, false, false},
		{"a put in the failure branch", &pb.TxnRequest{Success: ops(local), Failure: ops(opPut(kvPut("k", "v")))}, false, false},
		{"a nested put", &pb.TxnRequest{Success: nested(ops(opPut(kvPut("k", "v"))), nil)}, false, false},
		{"a nested delete in a failure branch", &pb.TxnRequest{Failure: nested(nil, ops(opDelete("k")))}, false, false},
		{"a put behind a nested read", &pb.TxnRequest{Success: append(nested(ops(local), nil), opPut(kvPut("k", "v")))}, false, false},
	} {
		require.Equal(t, tc.readOnly, ReadOnly(tc.txn), "%s: read-only", tc.name)
		require.Equal(t, tc.serializable, Serializable(tc.txn), "%s: serializable", tc.name)
	}
}

// A transaction that arrives through the log and chose the branch that writes
// must write, also when the other branch only reads.
func TestATransactionThatWritesInItsFailureBranchWrites(t *testing.T) {
	m := newMember(t)
	res := m.txn(&pb.TxnRequest{
		Compare: []*pb.Compare{ifVersion("k", 1)},
		Success: []*pb.RequestOp{opRev("k", 0)},
		Failure: []*pb.RequestOp{opPut(kvPut("k", "v"))},
	})
	require.NoError(t, res.Err)
	require.Equal(t, "v", m.value("k"))
}
