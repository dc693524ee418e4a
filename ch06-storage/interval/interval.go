// Package interval holds the one type with which every layer names a set of keys.
//
// On the wire a set of keys is a pair (key, range_end) with three spellings: an
// empty range_end means the single key, the one byte 0x00 means "from key to the
// end of the key space", anything else is the half-open range [key, range_end).
// A layer that interprets the pair by itself can disagree with the next one: etcd
// checked the permission for one set of keys and then watched another
// (GHSA-xg4h-6gfc-h4m8), and overlooked the open end when it looked for puts and
// deletes that overlap. So the pair is read once, by New, and from there on
// permission, overlap and execution see the very same value.
package interval

import (
	"bytes"
	"fmt"
)

// Interval is a set of keys that lie next to each other. The zero value is the
// empty set. An Interval refers to the slices it was made from and does not copy
// them: the caller must not change them while it is in use.
//
// Invariants, established by New:
//  1. Two intervals that hold the same keys have the same shape: [k, k+0x00) is the
//     point k, [k, e) with e <= k is empty.
//  2. begin is the smallest key; end is set only if shape is bounded.
type Interval struct {
	shape shape
	begin []byte
	end   []byte
}

type shape uint8

const (
	empty     shape = iota
	point           // exactly begin
	bounded         // begin <= k < end
	unbounded       // begin <= k
)

// New reads the pair as it travels on the wire.
func New(key, rangeEnd []byte) Interval {
	switch {
	case len(rangeEnd) == 0:
		return Point(key)
	case len(rangeEnd) == 1 && rangeEnd[0] == 0:
		return Interval{shape: unbounded, begin: key}
	case bytes.Compare(key, rangeEnd) >= 0:
		return Interval{}
	case isSuccessor(key, rangeEnd):
		return Point(key)
	}
	return Interval{shape: bounded, begin: key, end: rangeEnd}
}

// Point is the set of exactly this key.
func Point(key []byte) Interval { return Interval{shape: point, begin: key} }

// All is the set of all keys.
func All() Interval { return Interval{shape: unbounded} }

// isSuccessor tells whether next is the smallest key greater than key.
func isSuccessor(key, next []byte) bool {
	return len(next) == len(key)+1 && next[len(key)] == 0 && bytes.HasPrefix(next, key)
}

// IsPoint tells whether the set holds exactly one key, Begin.
func (iv Interval) IsPoint() bool { return iv.shape == point }

// IsEmpty tells whether the set holds no key.
func (iv Interval) IsEmpty() bool { return iv.shape == empty }

// Begin is the smallest key of the set; nil if the set is empty.
func (iv Interval) Begin() []byte { return iv.begin }

// End is the smallest key above the set. bounded is false, and end nil, if the set
// runs on to the end of the key space. The end of an empty set is nil, bounded.
func (iv Interval) End() (end []byte, isBounded bool) {
	switch iv.shape {
	case point:
		return append(append(make([]byte, 0, len(iv.begin)+1), iv.begin...), 0), true
	case unbounded:
		return nil, false
	}
	return iv.end, true
}

// Contains tells whether key is in the set.
func (iv Interval) Contains(key []byte) bool {
	return iv.shape != empty && bytes.Compare(iv.begin, key) <= 0 && iv.EndsAfter(key)
}

// Overlaps tells whether some key is in both sets.
func (iv Interval) Overlaps(other Interval) bool {
	return iv.shape != empty && other.shape != empty &&
		iv.EndsAfter(other.begin) && other.EndsAfter(iv.begin)
}

// EndsAfter tells whether key lies below the end of the set; it may lie below Begin.
func (iv Interval) EndsAfter(key []byte) bool {
	switch iv.shape {
	case point:
		return bytes.Compare(key, iv.begin) <= 0
	case bounded:
		return bytes.Compare(key, iv.end) < 0
	case unbounded:
		return true
	}
	return false
}

// String shows the set as a mathematician writes it.
func (iv Interval) String() string {
	switch iv.shape {
	case point:
		return fmt.Sprintf("{%q}", iv.begin)
	case bounded:
		return fmt.Sprintf("[%q, %q)", iv.begin, iv.end)
	case unbounded:
		return fmt.Sprintf("[%q, ∞)", iv.begin)
	}
	return "{}"
}
