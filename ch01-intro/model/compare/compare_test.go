package compare

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch01-intro/model"
)

// twin is a second model as the target: it agrees, until a fault is planted in it.
type twin struct {
	s       *model.Store
	watches map[int64]model.Watcher
	got     map[int64]Watched

	answer func(request, response any) any // changes an answer
	refuse func(request any, err error) error
	see    func(events []*mvccpb.Event) []*mvccpb.Event
}

func newTwin() *twin {
	s := model.New()
	s.MinTTL = 1
	return &twin{s: s, watches: map[int64]model.Watcher{}, got: map[int64]Watched{}}
}

func (t *twin) Do(request any) (any, error) {
	if r, ok := request.(*pb.LeaseTimeToLiveRequest); ok && r.ID >= 100 {
		t.s.Advance(t.s.Now() + 1e9) // somebody waits for the end of a lease
	}
	response, err := t.s.Do(request)
	if err == nil && t.answer != nil {
		response = t.answer(request, response)
	}
	if t.refuse != nil {
		err = t.refuse(request, err)
	}
	t.serve()
	return response, err
}

// serve serves all watches at once, whoever looks when.
func (t *twin) serve() {
	for id, w := range t.watches {
		events, w, err := t.s.Events(w)
		if t.see != nil {
			events = t.see(events)
		}
		got := t.got[id]
		if got.Events = append(got.Events, events...); err != nil {
			got.CompactRevision = t.s.Compacted()
			delete(t.watches, id)
		} else {
			t.watches[id] = w
		}
		t.got[id] = got
	}
}

func (t *twin) Watch(id int64, r *pb.WatchCreateRequest) error {
	w, err := t.s.Watch(r)
	if err == nil {
		t.watches[id] = w
		t.serve()
	}
	return err
}

func (t *twin) Watched(id int64) Watched { return t.got[id] }

func (t *twin) Cancel(id int64) error {
	delete(t.watches, id)
	return nil
}

func TestAModelAgreesWithItself(t *testing.T) {
	var total Report
	for seed := range uint64(30) {
		report, diverged, err := Run(newTwin(), History(seed, 300), Options{Expiry: true})
		require.NoError(t, err)
		require.Nil(t, diverged, "seed %d", seed)
		total.Add(report)
	}
	require.Greater(t, total.Requests, 30*200)
	require.Greater(t, total.Events, 30*100)
	require.Greater(t, total.Watches, 30*5)
}

// TestFaultsAreFound: each fault is found within a few histories, and shrunk to a few of
// 200 steps.
func TestFaultsAreFound(t *testing.T) {
	ranges := func(change func(*pb.RangeResponse)) func(*twin) {
		return func(w *twin) {
			w.answer = func(_, response any) any {
				if r, ok := response.(*pb.RangeResponse); ok {
					change(r)
				}
				return response
			}
		}
	}
	for _, c := range []struct {
		name  string
		plant func(*twin)
	}{
		{"a count that heeds the limit", ranges(func(r *pb.RangeResponse) {
			if r.More {
				r.Count = int64(len(r.Kvs))
			}
		})},
		{"a version that is never more than two", ranges(func(r *pb.RangeResponse) {
			for _, kv := range r.Kvs {
				kv.Version = min(kv.Version, 2)
			}
		})},
		{"a header from the past", ranges(func(r *pb.RangeResponse) { r.Header.Revision = max(1, r.Header.Revision-1) })},
		{"a revoked lease that nobody misses", func(w *twin) {
			w.refuse = func(request any, err error) error {
				if errors.Is(err, model.ErrLeaseNotFound) {
					return model.ErrKeyNotFound
				}
				return err
			}
		}},
		{"an error with another code", func(w *twin) {
			w.refuse = func(request any, err error) error {
				if errors.Is(err, model.ErrCompacted) {
					return &model.Error{Code: "NotFound", Text: model.ErrCompacted.Text}
				}
				return err
			}
		}},
		{"a delete that is not told", func(w *twin) {
			w.see = func(events []*mvccpb.Event) (seen []*mvccpb.Event) {
				for _, e := range events {
					if e.Type == mvccpb.Event_PUT {
						seen = append(seen, e)
					}
				}
				return seen
			}
		}},
		{"an event that is told twice", func(w *twin) {
			w.see = func(events []*mvccpb.Event) []*mvccpb.Event {
				if len(events) == 1 && events[0].Kv.Version == 2 {
					events = append(events, events[0])
				}
				return events
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			diverges := func(steps []Step) *Divergence {
				w := newTwin()
				c.plant(w)
				_, diverged, err := Run(w, steps, Options{})
				require.NoError(t, err)
				return diverged
			}
			for seed := range uint64(20) {
				steps := History(seed, 200)
				if first := diverges(steps); first != nil {
					shorter, last := Shrink(steps, first, 1000, diverges)
					require.LessOrEqual(t, len(shorter), 8, "%s", last)
					require.Contains(t, last.String(), "target: ")
					return
				}
			}
			t.Fatal("20 histories did not find it")
		})
	}
}

// TestARowExplains: a known difference is counted, and ends the history if it must.
func TestARowExplains(t *testing.T) {
	plant := func() *twin {
		w := newTwin()
		w.refuse = func(request any, err error) error {
			if errors.Is(err, model.ErrCompacted) {
				return model.ErrFutureRev
			}
			return err
		}
		return w
	}
	row := Row{ID: "X", Explains: func(d *Divergence) bool { return d.Want.Err == model.ErrCompacted }}
	history := []any{
		&pb.CompactionRequest{Revision: 1}, &pb.CompactionRequest{Revision: 1}, &pb.CompactionRequest{Revision: 1},
	}
	report, diverged, err := Replay(plant(), history, Options{Rows: []Row{row}})
	require.NoError(t, err)
	require.Nil(t, diverged)
	require.Equal(t, Report{Requests: 3, Rows: map[string]int{"X": 2}}, report)

	row.Ends = true
	report, _, err = Replay(plant(), history, Options{Rows: []Row{row}})
	require.NoError(t, err)
	require.Equal(t, Report{Requests: 2, Rows: map[string]int{"X": 1}}, report)

	_, diverged, err = Replay(plant(), history, Options{})
	require.NoError(t, err)
	require.Equal(t, model.ErrFutureRev, diverged.Got.Err)
	require.Len(t, diverged.Trace, 2)
}

// TestABrokenTargetIsAnError: what is no answer of a store is no divergence either.
func TestABrokenTargetIsAnError(t *testing.T) {
	gone := errors.New("connection refused")
	w := newTwin()
	w.refuse = func(any, error) error { return gone }
	_, diverged, err := Run(w, History(1, 10), Options{})
	require.Nil(t, diverged)
	require.ErrorIs(t, err, gone)
}
