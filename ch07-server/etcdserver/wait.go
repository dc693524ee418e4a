package etcdserver

import (
	"fmt"
	"sync"

	"insideetcd/ch07-server/apply"
)

// waiters connects callers with the results of their entries: a caller
// registers the ID it put into its request, the apply loop triggers the ID it
// finds in the entry. Most IDs of a cluster were given out by other members,
// so most triggers find nobody.
//
// Invariants
//  1. A registered ID is triggered or forgotten exactly once.
//  2. A channel goes back to the pool only empty and with nobody left who
//     could send on it.
type waiters struct {
	shards [waiterShards]waiterShard
	pool   sync.Pool
}

const waiterShards = 16 // a power of two, at least the number of cores

type waiterShard struct {
	mu      sync.Mutex
	waiting map[uint64]chan apply.Result
	_       [48]byte // one shard a cache line
}

func newWaiters() *waiters {
	w := &waiters{}
	w.pool.New = func() any { return make(chan apply.Result, 1) }
	for i := range w.shards {
		w.shards[i].waiting = make(map[uint64]chan apply.Result)
	}
	return w
}

func (w *waiters) shard(id uint64) *waiterShard { return &w.shards[id%waiterShards] }

// register announces that somebody will wait for id. The caller must call
// forget when it stops waiting without a result, and release after one.
func (w *waiters) register(id uint64) chan apply.Result {
	c := w.pool.Get().(chan apply.Result)
	s := w.shard(id)
	s.mu.Lock()
	if _, twice := s.waiting[id]; twice {
		s.mu.Unlock()
		panic(fmt.Sprintf("etcdserver: request ID %x was given out twice", id))
	}
	s.waiting[id] = c
	s.mu.Unlock()
	return c
}

// trigger hands the result to whoever waits for id.
func (w *waiters) trigger(id uint64, r apply.Result) {
	s := w.shard(id)
	s.mu.Lock()
	if c, ok := s.waiting[id]; ok {
		delete(s.waiting, id)
		c <- r // never blocks: room for one, and sent once (invariant 1)
	}
	s.mu.Unlock()
}

// forget ends the wait for id without a result.
func (w *waiters) forget(id uint64, c chan apply.Result) {
	s := w.shard(id)
	s.mu.Lock()
	delete(s.waiting, id)
	s.mu.Unlock()
	select { // a result that came between is dropped
	case <-c:
	default:
	}
	w.release(c)
}

// release gives back a channel whose result was received.
func (w *waiters) release(c chan apply.Result) { w.pool.Put(c) }
