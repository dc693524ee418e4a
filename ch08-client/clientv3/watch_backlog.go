package clientv3

import "sync"

// A caller who does not read must not make the stream wait, which carries the watches of
// others too, and must not fill the memory either. So what waits for one watch is counted.
// When it is too much, the watch is canceled at the server, where the history lies anyway;
// when the caller has read on, the watch is opened again behind the last report that waits,
// just as after a broken stream. A caller who is so slow that this revision is compacted
// meanwhile is told so (ErrCompacted), as by the server itself.

// watchBacklogBytes is how much may wait for one watch, and one answer more.
const watchBacklogBytes = 16 << 20

// backlog counts what waits for the caller of one watch.
//
//	B1  While a watch is paused something waits for its caller: whoever takes it will have
//	    the watch go on.
type backlog struct {
	limit int64

	mu     sync.Mutex
	bytes  int64
	paused bool
}

// add counts a report BEFORE it is queued (B1). It returns true when the watch has to pause.
func (b *backlog) add(r *report) (pause bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes += r.bytes()
	if b.paused || b.bytes <= b.limit {
		return false
	}
	b.paused = true
	return true
}

// taken counts a report that the caller has got. It returns true when a paused watch has
// to go on: early enough for the caller not to run dry.
func (b *backlog) taken(r *report) (goOn bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes -= r.bytes()
	if !b.paused || b.bytes > b.limit/2 {
		return false
	}
	b.paused = false
	return true
}

// bytes is about what a report takes in memory.
func (r *report) bytes() int64 {
	const reportBytes, eventBytes = 256, 256
	n := reportBytes
	for _, e := range r.response.Events {
		n += eventBytes
		n += len(e.Kv.GetKey()) + len(e.Kv.GetValue())
		n += len(e.PrevKv.GetKey()) + len(e.PrevKv.GetValue())
	}
	return int64(n)
}
