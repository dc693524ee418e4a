package etcdserver

import (
	"sync"

	"insideetcd/ch03-etcdraft/raftpb"
)

// maxSpareEntries is the largest batch whose room is used again.
const maxSpareEntries = 4096

// applyQueue takes committed entries from the raft loop without ever blocking
// it, and gives the apply loop everything that has gathered: while one batch
// is applied, the next one forms. maxApplyBacklog bounds it in practice.
type applyQueue struct {
	mu      sync.Mutex
	entries []raftpb.Entry
	spare   []raftpb.Entry // the batch before, to be used again
	ready   chan struct{}  // holds a token when entries may be waiting
}

func newApplyQueue() *applyQueue { return &applyQueue{ready: make(chan struct{}, 1)} }

func (q *applyQueue) push(entries []raftpb.Entry) {
	q.mu.Lock()
	q.entries = append(q.entries, entries...)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take returns all waiting entries. The slice is valid until the next take.
func (q *applyQueue) take() []raftpb.Entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := q.entries
	clear(q.spare) // applied, and not to be kept from the garbage collector
	q.entries, q.spare = q.spare[:0], batch
	if cap(batch) > maxSpareEntries {
		q.spare = nil // a replayed log; ordinary batches need no such room
	}
	return batch
}
