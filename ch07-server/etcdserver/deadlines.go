package etcdserver

import (
	"context"
	"sync/atomic"
	"time"
)

// deadlines hands out contexts that end a fixed time after they are asked for.
// Requests that start close together share one, so that a request costs no
// timer and no context of its own; a request may get up to one slot more time
// than it should.
type deadlines struct {
	parent  context.Context
	timeout time.Duration
	slot    time.Duration
	latest  atomic.Pointer[deadline]
}

type deadline struct {
	ctx   context.Context
	until time.Time // handed out before this moment
}

func newDeadlines(parent context.Context, timeout time.Duration) *deadlines {
	return &deadlines{parent: parent, timeout: timeout, slot: timeout / 16}
}

// get returns the time, and a context that ends between timeout and timeout
// plus one slot from then. Its error is context.DeadlineExceeded, or Canceled
// when the parent ended.
func (d *deadlines) get() (ctx context.Context, now time.Time) {
	now = time.Now()
	if l := d.latest.Load(); l != nil && now.Before(l.until) {
		return l.ctx, now
	}
	ctx, cancel := context.WithDeadline(d.parent, now.Add(d.timeout+d.slot))
	context.AfterFunc(ctx, cancel) // nobody knows who is last to use it, so nobody ends it earlier
	l := &deadline{ctx: ctx, until: now.Add(d.slot)}
	d.latest.Store(l)
	return l.ctx, now
}
