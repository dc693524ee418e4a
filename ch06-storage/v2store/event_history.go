package v2store

// historyCapacity is how many events the store remembers. Writes of the server
// itself (members, version) use up the same slots as those of users.
const historyCapacity = 1000

// EventHistory holds the newest events of the whole store, all namespaces together
// (book §6.1.2). The store's worldLock guards it: events are added under the write
// lock, in which they happened.
type EventHistory struct {
	Queue eventQueue
	// StartIndex and LastIndex are the indexes of the oldest and the newest event.
	StartIndex uint64
	LastIndex  uint64
}

// eventQueue is a ring. Worked example, with a capacity of 3, after events a to e:
//
//	Events  d e c     Size 3   Front 2 (c, the oldest)   Back 2 (next to be overwritten)
//
// Invariants
//  1. 0 <= Front, Back < Capacity and Size <= Capacity = len(Events).
//  2. Back = (Front + Size) mod Capacity.
//
// The array is saved as it stands: 1000 slots, the unused ones null.
type eventQueue struct {
	Events   []*Event
	Size     int
	Front    int
	Back     int
	Capacity int
}

func newEventHistory(capacity int) *EventHistory {
	return &EventHistory{Queue: eventQueue{Events: make([]*Event, capacity), Capacity: capacity}}
}

// addEvent appends e, forgetting the oldest event when the ring is full.
func (h *EventHistory) addEvent(e *Event) {
	h.Queue.insert(e)
	h.LastIndex = e.Index()
	h.StartIndex = h.Queue.Events[h.Queue.Front].Index()
}

func (q *eventQueue) insert(e *Event) {
	q.Events[q.Back] = e
	q.Back = (q.Back + 1) % q.Capacity
	if q.Size == q.Capacity {
		q.Front = (q.Front + 1) % q.Capacity
	} else {
		q.Size++
	}
}

// valid reports whether the ring keeps its invariants; one that came out of a file
// is asked before it is used.
func (q *eventQueue) valid() bool {
	if q.Capacity <= 0 || len(q.Events) != q.Capacity || q.Size < 0 || q.Size > q.Capacity {
		return false
	}
	if q.Front < 0 || q.Front >= q.Capacity || q.Back != (q.Front+q.Size)%q.Capacity {
		return false
	}
	for i := range q.Size {
		if e := q.Events[(q.Front+i)%q.Capacity]; e == nil || e.Node == nil {
			return false
		}
	}
	return true
}

// clone copies the ring; the events in it never change and are shared.
func (h *EventHistory) clone() *EventHistory {
	c := *h
	c.Queue.Events = append([]*Event(nil), h.Queue.Events...)
	return &c
}
