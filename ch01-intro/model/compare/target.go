package compare

import (
	"fmt"
	"strings"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch01-intro/model"
)

// Target is what is compared with the model. At the beginning it is empty, at revision 1.
type Target interface {
	// Do executes a request of model.Store.Do. A refusal is a *model.Error; any other error
	// is none of an etcd, and fails the comparison.
	Do(request any) (response any, err error)
	// Watch begins a watch under an ID that has not been used, and returns when it has
	// begun. A refusal is a *model.Error.
	Watch(id int64, r *pb.WatchCreateRequest) error
	// Watched returns all that has come of a watch since it began. It does not wait.
	Watched(id int64) Watched
	// Cancel ends a watch.
	Cancel(id int64) error
}

// Watched is what has come of a watch.
type Watched struct {
	Events []*mvccpb.Event
	// CompactRevision is not 0 if the watch was ended by a compaction.
	CompactRevision int64
}

// Options say what is compared.
type Options struct {
	// StoreOnly draws only what a multi-version store without a server knows: no compares,
	// no kept values, no order, no filters, no revoked leases.
	StoreOnly bool
	// Expiry also draws leases that end by themselves, which takes seconds each time.
	Expiry bool
	// MinTTL is the target's shortest lease in seconds.
	MinTTL int64
	// Rows are the known differences.
	Rows []Row
	// Skip leaves requests out after which a known difference would end the history. It may
	// be nil.
	Skip func(s *model.Store, request any) bool
	// Patience is how long an event may take.
	Patience time.Duration
}

// Row is a known difference.
type Row struct {
	ID     string
	Reason string
	// Ends: the contents differ from here on.
	Ends bool
	// Explains tells whether this is the difference.
	Explains func(*Divergence) bool
}

// Divergence is the first place where the two part.
type Divergence struct {
	Before    *model.Store // the model before the request
	Request   any          // of a request; nil if the events of a watch differ
	Want, Got Outcome
	Watcher   model.Watcher // of the watch
	Events    [2]Watched    // wanted, got
	Trace     []string      // all requests up to here
}

// Outcome is an answer or a refusal.
type Outcome struct {
	Response any
	Err      error
}

func (o Outcome) String() string {
	if o.Err != nil {
		return "refused: " + o.Err.Error()
	}
	return fmt.Sprint(o.Response)
}

func (d *Divergence) String() string {
	var b strings.Builder
	for i, line := range d.Trace {
		fmt.Fprintf(&b, "%4d  %s\n", i+1, line)
	}
	if d.Request == nil {
		fmt.Fprintf(&b, "watch %v\n  model:  %v\n  target: %v\n", d.Watcher.Request, d.Events[0], d.Events[1])
	} else {
		fmt.Fprintf(&b, "  model:  %v\n  target: %v\n", d.Want, d.Got)
	}
	return b.String()
}

// Report counts what was compared.
type Report struct {
	Requests, Watches, Events int
	Rows                      map[string]int
}

// Add adds another report.
func (r *Report) Add(other Report) {
	r.Requests += other.Requests
	r.Watches += other.Watches
	r.Events += other.Events
	for id, n := range other.Rows {
		r.row(id, n)
	}
}

func (r *Report) row(id string, n int) {
	if r.Rows == nil {
		r.Rows = map[string]int{}
	}
	r.Rows[id] += n
}
