package sim

// event is something that will happen at a time.
type event struct {
	at   int64
	seq  uint64 // orders events of one time by when they were planned
	kind eventKind
	node uint64 // message: its number; request: its number; else a server
	arg  uint64 // what the event is about must still be of this life or number
	msg  Message
	hunt string // kind of the action that strikes
}

type eventKind uint8

const (
	messageArrives eventKind = iota
	writeEnds
	applyEnds
	requestTimesOut
	serverRestarts
	cutHeals
	lagEnds
	huntStrikes
	nothing // any more
	diskRecovers
)

// queue is a heap of events by time. Messages are kept in slots that are used again, so
// that moving events about is cheap and a quiet run allocates nothing.
//
// Invariant: slots[i] is in use if and only if one key in heap names it.
type queue struct {
	heap  []key
	slots []event
	free  []uint32
	next  uint64
}

type key struct {
	at   int64
	seq  uint64
	slot uint32
}

func (k key) before(o key) bool { return k.at < o.at || k.at == o.at && k.seq < o.seq }

// push plans an event.
func (q *queue) push(e event) {
	q.next++
	e.seq = q.next
	var slot uint32
	if n := len(q.free); n > 0 {
		slot, q.free = q.free[n-1], q.free[:n-1]
		q.slots[slot] = e
	} else {
		slot = uint32(len(q.slots))
		q.slots = append(q.slots, e)
	}
	q.heap = append(q.heap, key{e.at, e.seq, slot})
	for i := len(q.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.heap[i].before(q.heap[parent]) {
			break
		}
		q.heap[i], q.heap[parent] = q.heap[parent], q.heap[i]
		i = parent
	}
}

// pop takes the earliest event; the queue must not be empty.
func (q *queue) pop() event {
	slot := q.heap[0].slot
	n := len(q.heap) - 1
	q.heap[0] = q.heap[n]
	q.heap = q.heap[:n]
	for i := 0; ; {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && q.heap[child+1].before(q.heap[child]) {
			child++
		}
		if !q.heap[child].before(q.heap[i]) {
			break
		}
		q.heap[i], q.heap[child] = q.heap[child], q.heap[i]
		i = child
	}
	e := q.slots[slot]
	q.slots[slot].msg = Message{}
	q.free = append(q.free, slot)
	return e
}
