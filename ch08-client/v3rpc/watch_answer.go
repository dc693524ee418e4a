package v3rpc

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/mvcc"
)

// fieldWatchEvents is the number of WatchResponse.events, the highest of its fields: in
// the encoding, events stand at the end.
const fieldWatchEvents = 11

// watchAnswer is a WatchResponse whose events are encoded already, once for all their
// watchers. The frame, without events, is all that differs from watcher to watcher:
//
//	0a 0f ‹header› 10 07        frame: header, watch_id 7
//	5a 0d ‹event› 5a 0d ‹event› the bytes that every watcher gets
type watchAnswer struct {
	frame  pb.WatchResponse
	events []mvcc.Event
}

// Size returns the number of bytes that AppendTo appends.
func (a *watchAnswer) Size() int {
	n := a.frame.SizeVT()
	for _, e := range a.events {
		n += eventSize(e)
	}
	return n
}

// AppendTo appends the encoding as etcdserverpb.WatchResponse.
func (a *watchAnswer) AppendTo(b []byte) []byte {
	size := a.frame.SizeVT()
	frame := append(b, make([]byte, size)...)
	if _, err := a.frame.MarshalToSizedBufferVTStrict(frame[len(b):]); err != nil {
		panic(fmt.Sprintf("v3rpc: encode the frame of a watch answer, %d bytes: %v", size, err))
	}
	b = frame
	for _, e := range a.events {
		b = protowire.AppendTag(b, fieldWatchEvents, protowire.BytesType)
		b = protowire.AppendBytes(b, e)
	}
	return b
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
