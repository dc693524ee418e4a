package etcdserver

import "sync"

// appliedWait lets readers wait until apply has reached an index. Only the
// linearizable read loop and a few administrative calls wait here.
type appliedWait struct {
	mu      sync.Mutex
	reached uint64
	waiting []appliedWaiter
}

type appliedWaiter struct {
	index uint64
	c     chan struct{}
}

// wait returns a channel that is closed once apply has reached index.
func (a *appliedWait) wait(index uint64) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := make(chan struct{})
	if a.reached >= index {
		close(c)
		return c
	}
	a.waiting = append(a.waiting, appliedWaiter{index, c})
	return c
}

// reach announces that everything up to index is applied.
func (a *appliedWait) reach(index uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reached = index
	left := a.waiting[:0]
	for _, w := range a.waiting {
		if w.index > index {
			left = append(left, w)
			continue
		}
		close(w.c)
	}
	a.waiting = left
}
