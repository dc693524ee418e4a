package v3rpc

import "google.golang.org/grpc/mem"

const (
	// answerChunkBytes is how much memory is taken for watch answers at once, at most. A
	// chunk lives until the last answer in it was sent, so a client that does not read holds
	// this much and not more.
	answerChunkBytes = 64 << 10
	// answerChunk is how many answers a chunk has at most.
	answerChunk = 128
)

// answerMemory hands out the memory of encoded watch answers. Many small ones go out one
// after the other, each to another watcher; taking each from the heap would cost more than
// encoding it. What gRPC needs beside the bytes, a Buffer and a slice of one, is taken in
// the same way. Nothing is used twice: the garbage collector has a chunk when gRPC has sent
// all of it.
type answerMemory struct {
	expected int // answers still to come, this one included
	bytes    []byte
	buffers  []chunkBuffer
	slots    []mem.Buffer
}

// chunkBuffer is a SliceBuffer that need not be moved to the heap to be a Buffer.
type chunkBuffer struct{ mem.SliceBuffer }

// take returns memory for an answer of size bytes: b to be written, out to be sent.
func (m *answerMemory) take(size int) (b []byte, out mem.BufferSlice) {
	expected := max(1, m.expected)
	if len(m.bytes) < size {
		m.bytes = make([]byte, max(size, min(size*expected, answerChunkBytes)))
	}
	if len(m.buffers) == 0 {
		n := min(expected, answerChunk)
		m.buffers, m.slots = make([]chunkBuffer, n), make([]mem.Buffer, n)
	}
	b, m.bytes = m.bytes[:size:size], m.bytes[size:]
	m.buffers[0].SliceBuffer = b
	m.slots[0] = &m.buffers[0]
	out = m.slots[:1:1]
	m.buffers, m.slots = m.buffers[1:], m.slots[1:]
	m.expected--
	return b, out
}

// rest lets go of what was not used: a quiet stream holds nothing.
func (m *answerMemory) rest() { *m = answerMemory{} }
