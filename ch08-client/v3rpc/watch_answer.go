package v3rpc

import (
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/mvcc"
)

const (
	fieldWatchID = 2
	// fieldWatchEvents is the number of WatchResponse.events, the highest of its fields: in
	// the encoding, events stand at the end.
	fieldWatchEvents = 11
)

// watchAnswer is a WatchResponse whose events are encoded already, once for all their
// watchers. The frame, without events, is all that differs from watcher to watcher:
//
//	0a 0f ‹header› 10 07        frame: header, watch_id 7
//	5a 0d ‹event› 5a 0d ‹event› the bytes that every watcher gets
//
// The header says the same to all watchers of a stream that hear of a revision, so it is
// encoded once for them.
type watchAnswer struct {
	frame  pb.WatchResponse
	events []mvcc.Event

	memory answerMemory
	header []byte // encoded, of the answers with this revision and term:
	rev    int64
	term   uint64
}

// Size returns the number of bytes that AppendTo appends.
func (a *watchAnswer) Size() int {
	n := a.frameSize()
	for _, e := range a.events {
		n += eventSize(e)
	}
	return n
}

// AppendTo appends the encoding as etcdserverpb.WatchResponse.
func (a *watchAnswer) AppendTo(b []byte) []byte {
	b = a.appendFrame(b)
	for _, e := range a.events {
		b = protowire.AppendTag(b, fieldWatchEvents, protowire.BytesType)
		b = protowire.AppendBytes(b, e)
	}
	return b
}

// Buffers returns the encoding in memory of the stream's own.
func (a *watchAnswer) Buffers() mem.BufferSlice {
	size := a.Size()
	b, out := a.memory.take(size)
	if n := len(a.AppendTo(b[:0])); n != size {
		panic(fmt.Sprintf("v3rpc: a watch answer announced %d bytes and wrote %d", size, n))
	}
	return out
}

// isPlain tells that the frame is but a header and an ID, as with nearly all answers.
func (a *watchAnswer) isPlain() bool {
	f := &a.frame
	return !f.Created && !f.Canceled && !f.Fragment && f.CompactRevision == 0 && f.CancelReason == ""
}

func (a *watchAnswer) frameSize() int {
	if !a.isPlain() {
		return a.frame.SizeVT()
	}
	n := len(a.encodedHeader())
	if id := a.frame.WatchId; id != 0 {
		n += 1 + protowire.SizeVarint(uint64(id))
	}
	return n
}

func (a *watchAnswer) appendFrame(b []byte) []byte {
	if !a.isPlain() {
		return a.appendWholeFrame(b)
	}
	b = append(b, a.encodedHeader()...)
	if id := a.frame.WatchId; id != 0 {
		b = protowire.AppendTag(b, fieldWatchID, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(id))
	}
	return b
}

// encodedHeader encodes the header if it is another one than the last. Only the revision
// and the term change while a stream lives.
func (a *watchAnswer) encodedHeader() []byte {
	h := a.frame.Header
	if len(a.header) > 0 && a.rev == h.Revision && a.term == h.RaftTerm {
		return a.header
	}
	alone := watchAnswer{frame: pb.WatchResponse{Header: h}}
	a.header, a.rev, a.term = alone.appendWholeFrame(a.header[:0]), h.Revision, h.RaftTerm
	return a.header
}

func (a *watchAnswer) appendWholeFrame(b []byte) []byte {
	size := a.frame.SizeVT()
	frame := append(b, make([]byte, size)...)
	if _, err := a.frame.MarshalToSizedBufferVTStrict(frame[len(b):]); err != nil {
		panic(fmt.Sprintf("v3rpc: encode the frame of a watch answer, %d bytes: %v", size, err))
	}
	return frame
}

// eventSize is what an event takes in an answer.
func eventSize(e mvcc.Event) int { return 1 + protowire.SizeBytes(len(e)) }

// fit returns how many of the events, one at least, make with a frame of frameSize bytes
// an answer below limit bytes.
func fit(frameSize int, events []mvcc.Event, limit int) int {
	size := frameSize
	for i, e := range events {
		size += eventSize(e)
		if i > 0 && size >= limit {
			return i
		}
	}
	return len(events)
}
