package v3rpc

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

// drawOps draws a branch over the keys a…e, with transactions inside.
func drawOps(t *rapid.T, depth int) []*pb.RequestOp {
	key := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})
	end := rapid.SampledFrom([]string{"", "", "\x00", "a", "c", "e", "z"})
	n := rapid.IntRange(0, 3).Draw(t, "ops")
	ops := make([]*pb.RequestOp, n)
	for i := range ops {
		switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
		case kind == 0:
			ops[i] = put(key.Draw(t, "put"))
		case kind == 1:
			ops[i] = del(key.Draw(t, "del"), end.Draw(t, "end"))
		case kind == 2 && depth > 0:
			ops[i] = txn(drawOps(t, depth-1), drawOps(t, depth-1))
		default:
			ops[i] = get(key.Draw(t, "get"))
		}
	}
	return ops
}

// paths returns every way that ops can be executed, as lists of plain writes.
func paths(ops []*pb.RequestOp) [][]*pb.RequestOp {
	all := [][]*pb.RequestOp{nil}
	for _, op := range ops {
		alternatives := [][]*pb.RequestOp{{op}}
		if r := op.GetRequestTxn(); r != nil {
			alternatives = append(paths(r.Success), paths(r.Failure)...)
		}
		var next [][]*pb.RequestOp
		for _, path := range all {
			for _, alt := range alternatives {
				next = append(next, append(append([]*pb.RequestOp(nil), path...), alt...))
			}
		}
		all = next
	}
	return all
}

// writesTwice tells by brute force, key by key, whether a path breaks I1 or I2.
func writesTwice(path []*pb.RequestOp) bool {
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		nPut, nDel := 0, 0
		for _, op := range path {
			if p := op.GetRequestPut(); p != nil && string(p.Key) == key {
				nPut++
			}
			if d := op.GetRequestDeleteRange(); d != nil && deletes(string(d.Key), string(d.RangeEnd), key) {
				nDel++
			}
		}
		if nPut > 1 || nPut == 1 && nDel > 0 {
			return true
		}
	}
	return false
}

func deletes(from, end, key string) bool {
	switch end {
	case "":
		return key == from
	case "\x00":
		return key >= from
	}
	return from <= key && key < end
}

// A transaction is refused exactly if one of its executions writes a key twice.
func TestOverlapIsFoundOnEveryPath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &pb.TxnRequest{Success: drawOps(t, 2)}
		want := false
		for _, path := range paths(r.Success) {
			want = want || writesTwice(path)
		}
		require.Equal(t, want, checkOverlaps(r) != nil, describe(r.Success))
	})
}

func describe(ops []*pb.RequestOp) string {
	var parts []string
	for _, op := range ops {
		switch {
		case op.GetRequestPut() != nil:
			parts = append(parts, fmt.Sprintf("put %s", op.GetRequestPut().Key))
		case op.GetRequestDeleteRange() != nil:
			parts = append(parts, fmt.Sprintf("del %s..%q", op.GetRequestDeleteRange().Key, op.GetRequestDeleteRange().RangeEnd))
		case op.GetRequestTxn() != nil:
			parts = append(parts, fmt.Sprintf("txn{%s | %s}", describe(op.GetRequestTxn().Success), describe(op.GetRequestTxn().Failure)))
		}
	}
	return strings.Join(parts, ", ")
}

// A request of the largest size holds some hundred thousand small operations; comparing
// each with each would hold a core for minutes.
func TestManyWritesAreCheckedInOneSweep(t *testing.T) {
	inner := func(prefix string) *pb.RequestOp {
		var ops []*pb.RequestOp
		for i := range 20_000 {
			ops = append(ops, put(fmt.Sprint(prefix, i)), del(fmt.Sprint("z", prefix, i), ""))
		}
		return txn(ops)
	}
	r := &pb.TxnRequest{Success: then(inner("a"), inner("b"), inner("c"))}
	start := time.Now()
	require.NoError(t, checkOverlaps(r))
	require.Less(t, time.Since(start), 20*time.Second, "a sweep takes a fraction of a second")
}

func BenchmarkCheckTxn(b *testing.B) {
	cas := &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: []byte("k")}},
		Success: then(put("k")),
		Failure: orElse(get("k")),
	}
	full := &pb.TxnRequest{Success: puts(128, "key")}
	for name, r := range map[string]*pb.TxnRequest{"compare-and-swap": cas, "128 puts": full} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := checkTxnRequest(r, 128); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
