package mvcc

import (
	"errors"
	"flag"
	"fmt"
	"testing"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/model"
	"insideetcd/ch01-intro/model/compare"
	"insideetcd/ch06-storage/interval"

	"github.com/stretchr/testify/require"
)

var (
	modelSeed      = flag.Uint64("model.seed", 1, "first seed of the histories that are compared with the model")
	modelHistories = flag.Int("model.histories", 20, "how many histories are compared with the model")
	modelSteps     = flag.Int("model.steps", 400, "steps of a history")
)

// TestStoreAgreesWithModel: the multi-version store means what ch01-intro/model says.
func TestStoreAgreesWithModel(t *testing.T) {
	o := compare.Options{StoreOnly: true, Skip: func(s *model.Store, request any) bool {
		_, err := s.Clone().Do(request)
		return errors.Is(err, model.ErrDuplicateKey) // nobody may ask a store for that
	}}
	var total compare.Report
	for i := range *modelHistories {
		seed := *modelSeed + uint64(i)
		steps := compare.History(seed, *modelSteps)
		report, diverged := runOnStore(t, steps, o)
		total.Add(report)
		if diverged != nil {
			steps, diverged = compare.Shrink(steps, diverged, 500, func(steps []compare.Step) *compare.Divergence {
				_, d := runOnStore(t, steps, o)
				return d
			})
			t.Fatalf("store and model part after %d steps of seed %d:\n%s\nreplay: go test ./ch06-storage/mvcc -run '^%s$' -model.seed=%d -model.histories=1 -model.steps=%d",
				len(steps), seed, diverged, t.Name(), seed, *modelSteps)
		}
	}
	t.Logf("%d histories, %d requests, %d watches, %d events", *modelHistories, total.Requests, total.Watches, total.Events)
	require.Greater(t, total.Requests, *modelHistories**modelSteps/2, "too little was compared")
}

func runOnStore(t *testing.T, steps []compare.Step, o compare.Options) (compare.Report, *compare.Divergence) {
	s := &stored{watched: startWatched(t, t.TempDir()), got: map[int64]compare.Watched{}, leases: map[int64]bool{}}
	s.stream = s.watched.stream()
	defer s.watched.stopAll()
	defer s.stream.Close()
	report, diverged, err := compare.Run(s, steps, o)
	require.NoError(t, err)
	return report, diverged
}

// stored is a watchable store as the target of a comparison. It says what a server would
// say, as far as the store alone knows: leases are numbers, and a transaction has no
// compares. Now and then the whole store is replaced by a copy from disk, as by a snapshot.
type stored struct {
	watched  *watched
	stream   *audience
	got      map[int64]compare.Watched
	leases   map[int64]bool
	requests int
}

func (s *stored) Watch(id int64, r *pb.WatchCreateRequest) error {
	o := WatchOptions{ID: WatchID(id), StartRev: r.StartRevision, PrevKV: r.PrevKv}
	for _, f := range r.Filters {
		o.NoPut = o.NoPut || f == pb.WatchCreateRequest_NOPUT
		o.NoDelete = o.NoDelete || f == pb.WatchCreateRequest_NODELETE
	}
	_, err := s.stream.Watch(interval.New(r.Key, r.RangeEnd), o)
	if errors.Is(err, ErrEmptyWatcherRange) {
		return model.ErrWatchRangeEmpty
	}
	return err
}

func (s *stored) Cancel(id int64) error {
	if err := s.stream.Cancel(WatchID(id)); err != nil && !errors.Is(err, ErrWatcherNotExist) {
		return err
	}
	return nil
}

// Watched makes the rounds of the sync loop until nobody lags.
func (s *stored) Watched(id int64) compare.Watched {
	s.watched.syncAll()
	for _, r := range s.stream.take() {
		w := s.got[r.WatchID]
		w.Events, w.CompactRevision = append(w.Events, r.Events...), r.CompactRevision
		s.got[r.WatchID] = w
	}
	return s.got[id]
}

func (s *stored) Do(request any) (any, error) {
	if s.requests++; s.requests%50 == 0 {
		s.watched.restoreFrom(func(KV) {})
	}
	response, err := s.execute(request)
	switch { // in the words of a server
	case errors.Is(err, ErrCompacted):
		return nil, model.ErrCompacted
	case errors.Is(err, ErrFutureRev):
		return nil, model.ErrFutureRev
	case err != nil:
		return nil, err
	}
	return response, nil
}

func (s *stored) execute(request any) (any, error) {
	switch r := request.(type) {
	case *pb.RangeRequest:
		return readFrom(s.watched, r)
	case *pb.CompactionRequest:
		done, err := s.watched.Compact(r.Revision)
		if err != nil {
			return nil, err
		}
		<-done
		return &pb.CompactionResponse{Header: at(s.watched.Rev())}, nil
	case *pb.LeaseGrantRequest:
		if s.leases[r.ID] {
			return nil, model.ErrLeaseExist
		}
		s.leases[r.ID] = true
		return &pb.LeaseGrantResponse{Header: at(s.watched.Rev()), ID: r.ID, TTL: r.TTL}, nil
	case *pb.PutRequest:
		return s.write(func(txn TxnWrite) (any, error) { return put(txn, r), nil })
	case *pb.DeleteRangeRequest:
		return s.write(func(txn TxnWrite) (any, error) { return deleteFrom(txn, r), nil })
	case *pb.TxnRequest:
		return s.write(func(txn TxnWrite) (any, error) { return executeTxn(txn, r) })
	}
	return nil, fmt.Errorf("%T is no request to a store", request)
}

// write does it twice: the first time it is given up, which must leave nothing.
func (s *stored) write(do func(TxnWrite) (any, error)) (any, error) {
	tried := s.watched.Write()
	_, err := do(tried)
	tried.Abort()
	if err != nil {
		return nil, err
	}
	txn := s.watched.Write()
	defer txn.End()
	return do(txn)
}

func at(rev int64) *pb.ResponseHeader { return &pb.ResponseHeader{Revision: rev} }

func put(txn TxnWrite, r *pb.PutRequest) *pb.PutResponse {
	return &pb.PutResponse{Header: at(txn.Put(r.Key, r.Value, r.Lease))}
}

func deleteFrom(txn TxnWrite, r *pb.DeleteRangeRequest) *pb.DeleteRangeResponse {
	n, rev := txn.DeleteRange(interval.New(r.Key, r.RangeEnd))
	return &pb.DeleteRangeResponse{Header: at(rev), Deleted: n}
}

func readFrom(view ReadView, r *pb.RangeRequest) (*pb.RangeResponse, error) {
	res, err := view.Range(interval.New(r.Key, r.RangeEnd), RangeOptions{Limit: r.Limit, Rev: r.Revision, Count: r.CountOnly})
	if err != nil {
		return nil, err
	}
	resp := &pb.RangeResponse{Header: at(res.Rev), Count: res.Count}
	resp.More = !r.CountOnly && res.Count > int64(len(res.KVs))
	for _, record := range res.KVs {
		kv, err := record.Decode()
		if err != nil {
			return nil, err
		}
		resp.Kvs = append(resp.Kvs, kv)
	}
	return resp, nil
}

// executeTxn checks the revisions BEFORE the first change, as whoever uses a store must: in
// a transaction its own revision could be read, too.
func executeTxn(txn TxnWrite, r *pb.TxnRequest) (*pb.TxnResponse, error) {
	for _, op := range r.Success {
		switch rev := op.GetRequestRange().GetRevision(); {
		case rev > txn.Rev():
			return nil, ErrFutureRev
		case rev != 0 && rev < txn.FirstRev():
			return nil, ErrCompacted
		}
	}
	resp := &pb.TxnResponse{Succeeded: true}
	for _, op := range r.Success {
		out := &pb.ResponseOp{}
		switch {
		case op.GetRequestRange() != nil:
			got, err := readFrom(txn, op.GetRequestRange())
			if err != nil {
				return nil, err
			}
			out.Response = &pb.ResponseOp_ResponseRange{ResponseRange: got}
		case op.GetRequestPut() != nil:
			out.Response = &pb.ResponseOp_ResponsePut{ResponsePut: put(txn, op.GetRequestPut())}
		default:
			out.Response = &pb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: deleteFrom(txn, op.GetRequestDeleteRange())}
		}
		resp.Responses = append(resp.Responses, out)
	}
	resp.Header = at(txn.Rev())
	return resp, nil
}
