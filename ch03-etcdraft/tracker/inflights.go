package tracker

import "fmt"

// Inflights is the window of append messages that a follower has not acknowledged: a
// ring of their last indexes, bounded in number and in bytes. See book §3.1.5.
//
// Example of a window of 4 messages after 11, 14, 20 were sent and 14 acknowledged:
//
//	buffer   11   14   20    ·
//	                   ▲ start, count 1
//
// Invariants:
//
//	F1. count ≤ size, and bytes may exceed maxBytes only by the message sent last.
//	F2. indexes ascend from start on.
type Inflights struct {
	start, count int
	bytes        uint64
	size         int
	maxBytes     uint64 // 0: no limit
	buffer       []inflight
}

type inflight struct{ index, bytes uint64 }

// NewInflights returns an empty window of at most size messages and, unless maxBytes is
// 0, as many as reach maxBytes bytes of entries.
func NewInflights(size int, maxBytes uint64) *Inflights {
	return &Inflights{size: size, maxBytes: maxBytes}
}

// Clone returns a window with the same contents that shares nothing with in.
func (in *Inflights) Clone() *Inflights {
	c := *in
	c.buffer = append([]inflight(nil), in.buffer...)
	return &c
}

// Full reports whether nothing more may be sent before something is acknowledged.
func (in *Inflights) Full() bool {
	return in.count == in.size || (in.maxBytes != 0 && in.bytes >= in.maxBytes)
}

// Count returns the number of messages in flight.
func (in *Inflights) Count() int { return in.count }

// Add records a message whose last entry is at index. It panics if the window is full.
func (in *Inflights) Add(index, bytes uint64) {
	if in.Full() {
		panic(fmt.Sprintf("invariant F1: message up to index %d sent into a full window of %d messages, %d bytes", index, in.count, in.bytes))
	}
	if in.count == len(in.buffer) {
		in.grow()
	}
	in.buffer[(in.start+in.count)%len(in.buffer)] = inflight{index, bytes}
	in.count++
	in.bytes += bytes
}

// grow doubles the ring, up to size: most followers never have more than a few messages
// in flight, so the room for all is not taken in advance.
func (in *Inflights) grow() {
	room := make([]inflight, min(max(1, 2*len(in.buffer)), in.size))
	n := copy(room, in.buffer[in.start:])
	copy(room[n:], in.buffer[:in.start])
	in.start, in.buffer = 0, room
}

// FreeLE takes all messages up to index off the window: the follower holds their entries.
func (in *Inflights) FreeLE(index uint64) {
	for in.count > 0 && in.buffer[in.start].index <= index {
		in.bytes -= in.buffer[in.start].bytes
		in.start = (in.start + 1) % len(in.buffer)
		in.count--
	}
}

func (in *Inflights) reset() { in.start, in.count, in.bytes = 0, 0, 0 }
