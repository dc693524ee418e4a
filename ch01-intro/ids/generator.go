package ids

import (
	"sync/atomic"
	"time"
)

// Generator gives out request IDs without asking anyone.
//
//	| member | start time, ms | count  |
//	| 2 byte | 5 byte         | 1 byte |
//
// The prefix (member) keeps members apart. The suffix starts at the time of the start,
// in milliseconds, times 256, and counts on by one: the count runs over into the time,
// as digits of one number do.
//
// Invariants:
//  1. The prefix never changes: the suffix wraps within its six bytes.
//  2. Two generators with different members never give the same ID.
//  3. A generator started later, by at least a millisecond, gives IDs that an earlier one
//     of the same member has not given, as long as that one gave fewer than 256 a
//     millisecond on average. It takes 2^40 ms (34 years) until the time comes round.
//
// Book §7.3.1; the layout is etcd's.
type Generator struct {
	prefix uint64
	suffix atomic.Uint64 // may grow beyond six bytes; Next cuts it
}

const (
	countBits  = 8
	suffixBits = 48
	suffixMask = 1<<suffixBits - 1
)

// NewGenerator returns the generator of a member (the low 16 bits of its ID) that
// starts at now.
func NewGenerator(member uint16, now time.Time) *Generator {
	g := &Generator{prefix: uint64(member) << suffixBits}
	g.suffix.Store(uint64(now.UnixMilli()) << countBits & suffixMask)
	return g
}

// Next returns an ID that was not given before. It is safe for concurrent use and
// takes no lock.
func (g *Generator) Next() uint64 {
	return g.prefix | g.suffix.Add(1)&suffixMask
}
