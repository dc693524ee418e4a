package clientv3

import (
	"context"
	"sync"
)

// queue hands values from one goroutine to another without ever blocking the first. It
// has no bound: what bounds it is who fills it (watch_backlog.go).
type queue[T any] struct {
	mu    sync.Mutex
	items []T
	wake  chan struct{} // holds one token when there may be items
}

func newQueue[T any]() *queue[T] { return &queue[T]{wake: make(chan struct{}, 1)} }

func (q *queue[T]) push(items ...T) {
	if len(items) == 0 {
		return
	}
	q.mu.Lock()
	q.items = append(q.items, items...)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pop waits for an item; false when the context ended first.
func (q *queue[T]) pop(ctx context.Context) (item T, ok bool) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			item, q.items = q.items[0], q.items[1:]
			q.mu.Unlock()
			return item, true
		}
		q.mu.Unlock()
		select {
		case <-q.wake:
		case <-ctx.Done():
			return item, false
		}
	}
}
