package mvcc

import (
	"math/bits"
	"sync"
)

const (
	leastArenaBits = 16 // shorter lists are not worth it
	mostArenaBits  = 25 // longer ones are too rare
)

// arenas holds the memory of lists that were given back, by the power of two of its size.
// To get ten megabytes anew for each list costs as much as to copy the list: the memory has
// to be cleared, and the garbage collector runs for every few lists.
var arenas [mostArenaBits + 1]sync.Pool // of *[]byte

// newArena returns an empty slice with room for size bytes.
func newArena(size int) []byte {
	class := max(bits.Len(uint(max(size, 1)-1)), leastArenaBits)
	if size < 1<<leastArenaBits || class > mostArenaBits {
		return make([]byte, 0, size)
	}
	if arena, _ := arenas[class].Get().(*[]byte); arena != nil {
		return *arena
	}
	return make([]byte, 0, 1<<class)
}

// Recycle takes the memory of a list back, for the next one: RangeResult.Framed, of which
// nobody holds anything any more, nor of RangeResult.KVs. Nobody has to call it.
func Recycle(framed []byte) {
	class := bits.Len(uint(cap(framed))) - 1
	if class < leastArenaBits || class > mostArenaBits || cap(framed) != 1<<class {
		return
	}
	framed = framed[:0]
	arenas[class].Put(&framed)
}
