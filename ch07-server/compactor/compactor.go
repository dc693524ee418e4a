package compactor

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/mvcc"
)

// RevGetter knows the current revision; mvcc.KV is one.
type RevGetter interface{ Rev() int64 }

// Compactable compacts the whole cluster, through the log; the server is one.
type Compactable interface {
	Compact(ctx context.Context, r *pb.CompactionRequest) (*pb.CompactionResponse, error)
}

// schedule decides when to compact and where. It is driven in this order: look, then
// again and again, one interval apart: due, if it said so and the compaction succeeded
// done, look. In between, due may be left out.
type schedule interface {
	interval() time.Duration
	look(current int64)
	due(now time.Time, current int64) (rev int64, ok bool)
	done(rev int64, now time.Time)
}

// Compactor compacts by a Policy from Run to Stop, except from Pause to Resume. Its
// methods are safe for concurrent use and return at once, Stop when the goroutine has
// ended.
type Compactor struct {
	lg     *slog.Logger
	policy Policy
	rg     RevGetter
	c      Compactable

	paused atomic.Bool
	ctx    context.Context // ends with Stop
	cancel context.CancelFunc
	once   sync.Once
	wg     sync.WaitGroup
}

// New makes a compactor that is not paused; a member that does not lead must Pause it. If
// the policy is off, so is the compactor: its methods do nothing. A nil lg is
// slog.Default().
func New(lg *slog.Logger, policy Policy, rg RevGetter, c Compactable) *Compactor {
	if lg == nil {
		lg = slog.Default()
	}
	k := &Compactor{lg: lg, policy: policy, rg: rg, c: c}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

// Run starts the schedule; after the first call, or after Stop, it does nothing.
func (k *Compactor) Run() {
	if !k.policy.Enabled() {
		return
	}
	k.once.Do(func() {
		k.lg.Info("compacting automatically", "policy", k.policy.String())
		k.wg.Go(func() { k.loop(k.schedule(time.Now())) })
	})
}

// Stop ends the schedule; a compaction that is under way gets its context cancelled.
func (k *Compactor) Stop() {
	k.cancel()
	k.once.Do(func() {}) // from here on Run does nothing
	k.wg.Wait()
}

// Pause keeps the schedule from compacting; it goes on to look at revisions.
func (k *Compactor) Pause() { k.paused.Store(true) }

// Resume ends a Pause. What came due in the meantime is done one interval later at most.
func (k *Compactor) Resume() { k.paused.Store(false) }

func (k *Compactor) schedule(now time.Time) schedule {
	if k.policy.Period > 0 {
		return newPeriodic(k.policy.Period, now)
	}
	return &revision{keep: k.policy.Revisions}
}

func (k *Compactor) loop(s schedule) {
	for {
		s.look(k.rg.Rev())
		select {
		case <-k.ctx.Done():
			return
		case <-time.After(s.interval()):
		}
		if !k.paused.Load() {
			k.compactIfDue(s)
		}
	}
}

// compactIfDue: that somebody else has compacted there already is success. After any
// other error the schedule tries again one interval later.
func (k *Compactor) compactIfDue(s schedule) {
	start := time.Now()
	rev, ok := s.due(start, k.rg.Rev())
	if !ok {
		return
	}
	_, err := k.c.Compact(k.ctx, &pb.CompactionRequest{Revision: rev})
	now := time.Now()
	switch {
	case err == nil || errors.Is(err, mvcc.ErrCompacted):
		s.done(rev, now)
		k.lg.Info("compacted automatically", "revision", rev, "policy", k.policy.String(), "took", now.Sub(start))
	case k.ctx.Err() == nil:
		k.lg.Warn("automatic compaction failed, trying again later",
			"revision", rev, "policy", k.policy.String(), "retry_in", s.interval(), "error", err)
	}
}
