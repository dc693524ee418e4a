package compare

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch01-intro/model"
)

const (
	pollInterval = 2 * time.Millisecond
	// settleTime is how long nothing may come until what has not come can be a known
	// difference.
	settleTime = 400 * time.Millisecond
)

// maxWatches is how many watches a history has open at once.
const maxWatches = 5

// Run does the steps to a new model and to an empty target, and returns the first
// divergence that no row explains. An error says that the target does not work at all.
func Run(target Target, steps []Step, o Options) (Report, *Divergence, error) {
	r := newRun(target, o)
	for _, step := range steps {
		if err := r.do(step.draw(r.model, r.o)); err != nil {
			return r.end(err)
		}
	}
	return r.end(r.finish())
}

// Replay is Run for a history that is given: requests, and *pb.WatchCreateRequest to begin
// a watch. What the watches have got is looked at in the end.
func Replay(target Target, history []any, o Options) (Report, *Divergence, error) {
	r := newRun(target, o)
	for _, what := range history {
		if w, ok := what.(*pb.WatchCreateRequest); ok {
			what = watch{w}
		}
		if err := r.do(what); err != nil {
			return r.end(err)
		}
	}
	return r.end(r.look())
}

func newRun(target Target, o Options) *run {
	r := &run{target: target, model: model.New(), o: o}
	r.model.MinTTL = max(o.MinTTL, 1)
	return r
}

func (r *run) end(err error) (Report, *Divergence, error) {
	if d := (divergedError{}); errors.As(err, &d) {
		return r.report, d.Divergence, nil
	}
	if err != nil && !errors.Is(err, errEnd) {
		return r.report, nil, fmt.Errorf("after %d requests: %w", r.report.Requests, err)
	}
	return r.report, nil, nil
}

// errEnd: a row has explained a difference after which the contents differ.
var errEnd = errors.New("end of history")

type divergedError struct{ *Divergence }

func (divergedError) Error() string { return "diverged" }

type run struct {
	target  Target
	model   *model.Store
	o       Options
	watches []watching
	nextID  int64
	report  Report
	trace   []string
}

// watching is a watch that both have.
type watching struct {
	id      int64
	watcher model.Watcher
	want    []*mvccpb.Event // since it began
	// lags: it began in the past, and nothing tells yet that the target has come to now.
	lags bool
}

// finish changes every key, so that every watch has something to say after all that it
// should have said, and none can have said too much unnoticed.
func (r *run) finish() error {
	err := r.ask(&pb.DeleteRangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
	for i := 0; i < len(keyspace) && err == nil; i++ {
		err = r.ask(&pb.PutRequest{Key: []byte(keyspace[i])})
	}
	if err == nil {
		err = r.look()
	}
	for len(r.watches) > 0 && err == nil {
		err = r.cancelOldest()
	}
	return err
}

func (r *run) do(what any) error {
	switch what := what.(type) {
	case watch:
		return r.watch(what.request)
	case look:
		return r.look()
	case cancel:
		return r.cancelOldest()
	case expiry:
		return r.expire(what)
	case *pb.CompactionRequest:
		if err := r.look(); err != nil {
			return err
		}
	}
	return r.ask(what)
}

// ask sends a request to both.
func (r *run) ask(request any) error {
	if r.o.Skip != nil && r.o.Skip(r.model, request) {
		return nil
	}
	r.report.Requests++
	r.trace = append(r.trace, fmt.Sprintf("%T{%v}", request, request))
	before := r.model.Clone()
	var want, got Outcome
	want.Response, want.Err = r.model.Do(request)
	got.Response, got.Err = r.target.Do(request)
	if got.Err != nil && !isRefusal(got.Err) {
		return fmt.Errorf("%v: %w", request, got.Err)
	}
	if Same(want, got) {
		return nil
	}
	return r.diverged(&Divergence{Before: before, Request: request, Want: want, Got: got})
}

func isRefusal(err error) bool {
	var refusal *model.Error
	return errors.As(err, &refusal)
}

// diverged looks for a row. It returns nil if one explains the difference and the history
// can go on.
func (r *run) diverged(d *Divergence) error {
	d.Trace = slices.Clone(r.trace)
	if row := r.explains(d); row != nil {
		r.report.row(row.ID, 1)
		if row.Ends {
			return errEnd
		}
		return nil
	}
	return divergedError{d}
}

func (r *run) explains(d *Divergence) *Row {
	for i, row := range r.o.Rows {
		if row.Explains(d) {
			return &r.o.Rows[i]
		}
	}
	return nil
}

func (r *run) watch(request *pb.WatchCreateRequest) error {
	if len(r.watches) == maxWatches {
		if err := r.cancelOldest(); err != nil {
			return err
		}
	}
	r.report.Watches++
	r.nextID++
	r.trace = append(r.trace, fmt.Sprintf("watch %d {%v}", r.nextID, request))
	w, want := r.model.Watch(request)
	got := r.target.Watch(r.nextID, request)
	if got != nil && !isRefusal(got) {
		return fmt.Errorf("watch %v: %w", request, got)
	}
	if want != nil || got != nil {
		if sameError(want, got) {
			return nil
		}
		return r.diverged(&Divergence{Before: r.model.Clone(), Request: request, Want: Outcome{Err: want}, Got: Outcome{Err: got}})
	}
	r.watches = append(r.watches, watching{id: r.nextID, watcher: w, lags: w.Next <= r.model.Rev()})
	return nil
}

func (r *run) cancelOldest() error {
	if len(r.watches) == 0 {
		return nil
	}
	r.trace = append(r.trace, fmt.Sprintf("cancel %d", r.watches[0].id))
	err := r.target.Cancel(r.watches[0].id)
	r.watches = r.watches[1:]
	return err
}

// look compares what all watches have got so far. A watch that a compaction has ended is
// over, and so is one whose difference a row explains.
func (r *run) look() error {
	for i := 0; i < len(r.watches); i++ {
		over, err := r.lookAt(&r.watches[i])
		if err != nil {
			return err
		}
		if over {
			r.watches = slices.Delete(r.watches, i, i+1)
			i--
		}
	}
	return nil
}

func (r *run) lookAt(w *watching) (over bool, err error) {
	events, watcher, ended := r.model.Events(w.watcher)
	w.watcher, w.want = watcher, append(w.want, events...)
	r.report.Events += len(events)
	want := Watched{Events: w.want}
	if ended != nil {
		want.CompactRevision = r.model.Compacted()
	}
	deadline, settled := time.Now().Add(r.o.Patience), time.Now().Add(settleTime)
	tick := time.NewTicker(pollInterval) // a target may be another process
	defer tick.Stop()
	for {
		got := r.target.Watched(w.id)
		if sameEvents(want, got) {
			w.lags = w.lags && len(want.Events) == 0
			return ended != nil, nil
		}
		if w.mayHaveEnded(got, r.model.Compacted()) {
			return true, nil
		}
		d := &Divergence{Before: r.model.Clone(), Watcher: w.watcher, Events: [2]Watched{want, got}}
		isLate := time.Now().After(deadline)
		if isLate || (got.CompactRevision != 0 && want.CompactRevision == 0) || len(got.Events) > len(want.Events) || (time.Now().After(settled) && r.explains(d) != nil) {
			if err := r.diverged(d); err != nil {
				return false, err
			}
			return true, r.target.Cancel(w.id)
		}
		<-tick.C
	}
}

// mayHaveEnded: a watch that began in the past and has found nothing there may not have
// got that far yet when a compaction came; then it is over, although it has missed nothing.
func (w *watching) mayHaveEnded(got Watched, compacted int64) bool {
	return w.lags && len(got.Events) == 0 && got.CompactRevision > w.watcher.Request.StartRevision && got.CompactRevision <= compacted
}

// expire lets a lease end by itself. How late the target is does not matter; the model's
// clock is set to where it has ended.
func (r *run) expire(e expiry) error {
	if err := r.ask(&pb.LeaseGrantRequest{ID: e.id, TTL: r.model.MinTTL}); err != nil {
		return err
	}
	for _, key := range e.keys {
		if err := r.ask(&pb.PutRequest{Key: key, Lease: e.id}); err != nil {
			return err
		}
	}
	r.trace = append(r.trace, fmt.Sprintf("wait for the end of lease %d", e.id))
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for begin := time.Now(); ; <-tick.C {
		got, err := r.target.Do(&pb.LeaseTimeToLiveRequest{ID: e.id})
		if err != nil {
			return err
		}
		if got.(*pb.LeaseTimeToLiveResponse).TTL < 0 {
			break
		}
		if time.Since(begin) > time.Minute {
			return fmt.Errorf("lease %d of %d s still lives after a minute", e.id, r.model.MinTTL)
		}
	}
	r.model.Advance(r.model.Now() + time.Duration(r.model.MinTTL)*time.Second)
	return r.ask(&pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
}

func sameEvents(a, b Watched) bool {
	return a.CompactRevision == b.CompactRevision && slices.EqualFunc(a.Events, b.Events, func(x, y *mvccpb.Event) bool {
		return proto.Equal(x, y)
	})
}

func sameError(a, b error) bool {
	var x, y *model.Error
	if errors.As(a, &x) != errors.As(b, &y) {
		return false
	}
	return x == nil || *x == *y
}

// Same tells whether two outcomes mean the same: the same refusal, or equal answers but for
// what a model cannot know.
func Same(want, got Outcome) bool {
	if want.Err != nil || got.Err != nil {
		return sameError(want.Err, got.Err)
	}
	x, isMessage := want.Response.(proto.Message)
	y, isMessageToo := got.Response.(proto.Message)
	return isMessage && isMessageToo && proto.Equal(meaning(x), meaning(y))
}

// slackSeconds is how long a history may take without a TTL being wrong.
const slackSeconds = 1000

// meaning leaves out what a model cannot know: who has answered, in which term; how
// much of a second is gone; an order that nobody has promised.
func meaning(response proto.Message) proto.Message {
	response = proto.Clone(response)
	if with, ok := response.(interface{ GetHeader() *pb.ResponseHeader }); ok && with.GetHeader() != nil {
		h := with.GetHeader()
		h.ClusterId, h.MemberId, h.RaftTerm = 0, 0, 0
	}
	switch r := response.(type) {
	case *pb.LeaseTimeToLiveResponse:
		if r.TTL > r.GrantedTTL-slackSeconds && r.TTL <= r.GrantedTTL {
			r.TTL = r.GrantedTTL
		}
		slices.SortFunc(r.Keys, slices.Compare)
	case *pb.LeaseLeasesResponse:
		slices.SortFunc(r.Leases, func(a, b *pb.LeaseStatus) int { return int(a.ID - b.ID) })
	}
	return response
}
