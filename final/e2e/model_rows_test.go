package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch01-intro/model"
	"insideetcd/ch01-intro/model/compare"
)

// rows34 are the differences between the model and Debian's etcd 3.4.23. Our server has
// none of them.
var rows34 = []compare.Row{
	{
		ID:     "S7",
		Reason: "3.4.23 drops a tombstone at the compact revision, so a watch from that revision misses the delete; fixed in 3.4.34",
		Explains: func(d *compare.Divergence) bool {
			want, got := d.Events[0], d.Events[1]
			kept := withoutDeletesAt(want.Events, d.Before.Compacted())
			return d.Request == nil && want.CompactRevision == 0 && len(kept) < len(want.Events) && sameList(kept, got.Events)
		},
	},
	{
		ID:     "S9",
		Reason: "3.4 takes the range end of one zero byte for an empty range when it looks for keys that one transaction writes twice",
		Ends:   true,
		Explains: func(d *compare.Divergence) bool {
			return acceptsDuplicate(d) && deletesToTheEnd(d.Request)
		},
	},
	{
		ID:     "SIBLINGS",
		Reason: "3.4 misses a key that one inner transaction puts and a later one in the same list deletes",
		Ends:   true,
		Explains: func(d *compare.Divergence) bool {
			return acceptsDuplicate(d) && hasInner(d.Request, 2)
		},
	},
}

func acceptsDuplicate(d *compare.Divergence) bool {
	return d.Want.Err == model.ErrDuplicateKey && d.Got.Err != model.ErrDuplicateKey
}

// endsIn34: a transaction that 3.4 may execute although it should not.
func endsIn34(s *model.Store, request any) bool {
	if !deletesToTheEnd(request) && !hasInner(request, 2) {
		return false
	}
	_, err := s.Clone().Do(request)
	return err == model.ErrDuplicateKey
}

func deletesToTheEnd(request any) bool {
	return anyOperation(request, func(op *pb.RequestOp) bool {
		return string(op.GetRequestDeleteRange().GetRangeEnd()) == "\x00"
	})
}

// hasInner tells whether n transactions stand inside.
func hasInner(request any, n int) bool {
	return anyOperation(request, func(op *pb.RequestOp) bool {
		if op.GetRequestTxn() != nil {
			n--
		}
		return n == 0
	})
}

// anyOperation tells whether is holds for an operation of a transaction, or inside it.
func anyOperation(request any, is func(*pb.RequestOp) bool) bool {
	r, isTxn := request.(*pb.TxnRequest)
	if !isTxn {
		return false
	}
	for _, ops := range [][]*pb.RequestOp{r.Success, r.Failure} {
		for _, op := range ops {
			if is(op) || (op.GetRequestTxn() != nil && anyOperation(op.GetRequestTxn(), is)) {
				return true
			}
		}
	}
	return false
}

func withoutDeletesAt(events []*mvccpb.Event, rev int64) (kept []*mvccpb.Event) {
	for _, e := range events {
		if e.Type != mvccpb.Event_DELETE || e.Kv.ModRevision != rev {
			kept = append(kept, e)
		}
	}
	return kept
}

func sameList(a, b []*mvccpb.Event) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !proto.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// TestRowsAreDifferences: each row stands for something that Debian's etcd does, so a row
// goes when its difference goes. (SORT of DIFFERS.md has no row: 3.4 would panic.)
func TestRowsAreDifferences(t *testing.T) {
	put := func(key string) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(key)}}}
	}
	del := func(key, end string) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{
			RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(key), RangeEnd: []byte(end)}}}
	}
	inner := func(op *pb.RequestOp) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: &pb.TxnRequest{Success: []*pb.RequestOp{op}}}}
	}
	all := &pb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: 3}
	seen := map[string]int{}
	for _, history := range [][]any{
		{&pb.PutRequest{Key: []byte("a")}, &pb.DeleteRangeRequest{Key: []byte("a")}, &pb.CompactionRequest{Revision: 3, Physical: true}, all},
		{&pb.TxnRequest{Success: []*pb.RequestOp{del("a", "\x00"), put("b")}}},
		{&pb.TxnRequest{Success: []*pb.RequestOp{inner(put("a")), inner(del("a", ""))}}},
	} {
		s := start(t, reference(t), Options{})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		target, err := newTarget(ctx, s.Conn)
		require.NoError(t, err)
		report, diverged, err := compare.Replay(target, history, compare.Options{Rows: rows34, Patience: 10 * time.Second})
		cancel()
		require.NoError(t, err)
		require.Nil(t, diverged)
		for id, n := range report.Rows {
			seen[id] += n
		}
	}
	require.Equal(t, map[string]int{"S7": 1, "S9": 1, "SIBLINGS": 1}, seen)
}
