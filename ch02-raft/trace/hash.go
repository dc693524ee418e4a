package trace

import "math/bits"

// Hash is a fingerprint of a sequence of events, taken as they happen. The zero value is
// the fingerprint of no events. It leaves out V, Seq, Text and events of kind rule.
type Hash uint64

// Event takes one more event into the fingerprint.
func (h *Hash) Event(e *Event) {
	if e.Kind == Rule {
		return
	}
	x := uint64(*h)
	x = mix(x, uint64(e.At))
	x = mix(x, word(string(e.Kind)))
	x = mix(x, e.Node<<32|e.Peer)
	x = mix(x, word(e.Msg))
	x = mix(x, e.Term)
	x = mix(x, e.Index)
	x = mix(x, e.Last)
	*h = Hash(mix(x, e.Value))
}

// Mix joins two numbers into one that depends on both and on their order.
func Mix(a, b uint64) uint64 { return mix(a, b) }

// mix multiplies to 128 bits and folds (the step of wyhash): fast, and every bit counts.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xbf58476d1ce4e5b9)
	return high ^ low ^ bits.RotateLeft64(a, 23)
}

// word is FNV-1a of a short name.
func word(s string) uint64 {
	x := uint64(14695981039346656037)
	for i := range len(s) {
		x = (x ^ uint64(s[i])) * 1099511628211
	}
	return x
}
