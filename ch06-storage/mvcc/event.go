package mvcc

import (
	"fmt"

	"insideetcd/ch01-intro/api/mvccpb"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of mvccpb.Event.
const (
	fieldEventType   = 1
	fieldEventKV     = 2
	fieldEventPrevKV = 3
)

// Event is an encoded mvccpb.Event. All its watchers share the bytes, so nobody changes
// them; an answer to a watcher is a tag, a length and these bytes.
//
//	12 0c | 0a 01 6b 10 02 18 02 20 01 2a 01 76     put: kv is the stored record
//	08 01 12 05 | 0a 01 6b | 18 03                  deletion: type, key, mod_revision
//
// Whoever asked for the previous key-value gets the same bytes with one field more:
//
//	… | 1a 0c | 0a 01 6b 10 02 18 02 20 01 2a 01 76     prev_kv: a stored record too
type Event []byte

// IsDelete tells a deletion from a put.
func (e Event) IsDelete() bool {
	return len(e) > 1 && e[0] == fieldEventType<<3 && e[1] == byte(mvccpb.Event_DELETE)
}

// KV returns the key-value, of a deletion key and mod revision; it aliases e.
func (e Event) KV() mvccpb.RawKeyValue { return e.field(fieldEventKV) }

// PrevKV returns what the key held before the transaction of this event; nil if there was
// nothing, it was compacted, or the watcher did not ask. It aliases e.
func (e Event) PrevKV() mvccpb.RawKeyValue { return e.field(fieldEventPrevKV) }

// Decode returns the event as a message that shares no memory with e.
func (e Event) Decode() (*mvccpb.Event, error) {
	event := new(mvccpb.Event)
	if err := event.UnmarshalVT(e); err != nil {
		return nil, fmt.Errorf("mvcc: decode event of %d bytes: %w", len(e), err)
	}
	return event, nil
}

// DecodeEvents decodes all of them.
func DecodeEvents(events []Event) ([]*mvccpb.Event, error) {
	decoded := make([]*mvccpb.Event, len(events))
	for i, e := range events {
		var err error
		if decoded[i], err = e.Decode(); err != nil {
			return nil, err
		}
	}
	return decoded, nil
}

func (e Event) field(want protowire.Number) []byte {
	for rest := []byte(e); len(rest) > 0; {
		num, typ, n := protowire.ConsumeTag(rest)
		if n < 0 {
			break
		}
		size := protowire.ConsumeFieldValue(num, typ, rest[n:])
		if size < 0 {
			break
		}
		if num == want && typ == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(rest[n:])
			return value[:len(value):len(value)]
		}
		rest = rest[n+size:]
	}
	return nil
}

// withPrevKV returns a copy of e with one field more; e itself if there is no record.
func (e Event) withPrevKV(record mvccpb.RawKeyValue) Event {
	if record == nil {
		return e
	}
	b := append(make(Event, 0, len(e)+1+protowire.SizeBytes(len(record))), e...)
	b = protowire.AppendTag(b, fieldEventPrevKV, protowire.BytesType)
	return protowire.AppendBytes(b, record)
}

// eventOf encodes the event of a record that was read from the backend; the event shares
// no memory with it.
func eventOf(rev Revision, record mvccpb.RawKeyValue) Event {
	if rev.Tombstone {
		return encodeTombstone(rev, record.Key()).event
	}
	b := make(Event, 0, eventFrameSize(rev, len(record))+len(record))
	return append(appendEventFrame(b, rev, len(record)), record...)
}

// appendEventFrame appends what stands before a key-value of size bytes in an event. The
// type of a put is zero, so it is left out.
func appendEventFrame(b []byte, rev Revision, size int) []byte {
	if rev.Tombstone {
		b = appendInt(b, fieldEventType, int64(mvccpb.Event_DELETE))
	}
	b = protowire.AppendTag(b, fieldEventKV, protowire.BytesType)
	return protowire.AppendVarint(b, uint64(size))
}

func eventFrameSize(rev Revision, size int) int {
	n := 1 + protowire.SizeVarint(uint64(size))
	if rev.Tombstone {
		n += intSize(int64(mvccpb.Event_DELETE))
	}
	return n
}
