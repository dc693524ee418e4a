package mvcc

import (
	"insideetcd/ch01-intro/api/mvccpb"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of mvccpb.KeyValue.
const (
	fieldKey            = 1
	fieldCreateRevision = 2
	fieldModRevision    = 3
	fieldVersion        = 4
	fieldValue          = 5
	fieldLease          = 6
)

// encodedChange is the disk form of a change, revision and record, and the event that its
// watchers get. All lie in one allocation, because they live equally long, and the record
// lies within the event: what was encoded for the disk is not encoded again for watchers.
//
//	put:       revision | 12 len | record
//	deletion:  revision | 08 01 12 len | record | mod_revision
type encodedChange struct {
	revision []byte
	record   mvccpb.RawKeyValue
	event    Event
}

// encodePut writes a put's record straight from its parts: 3.4's bytes, fields in
// order, an empty value and a zero lease left out.
func encodePut(rev Revision, open generation, key, value []byte, lease int64) encodedChange {
	size := bytesSize(key) + intSize(open.created) + intSize(rev.Main) +
		intSize(open.ver) + bytesSize(value) + intSize(lease)
	b := rev.AppendTo(make([]byte, 0, revisionBytes+eventFrameSize(rev, size)+size))
	b = appendEventFrame(b, rev, size)
	record := len(b)
	b = appendBytes(b, fieldKey, key)
	b = appendInt(b, fieldCreateRevision, open.created)
	b = appendInt(b, fieldModRevision, rev.Main)
	b = appendInt(b, fieldVersion, open.ver)
	b = appendBytes(b, fieldValue, value)
	b = appendInt(b, fieldLease, lease)
	return encodedChange{revision: b[:revisionBytes:revisionBytes], record: b[record:], event: b[revisionBytes:]}
}

// encodeTombstone writes a deletion's record, which holds nothing but the key.
func encodeTombstone(rev Revision, key []byte) encodedChange {
	size := bytesSize(key) + intSize(rev.Main)
	b := rev.AppendTo(make([]byte, 0, tombstoneBytes+eventFrameSize(rev, size)+size))
	b = appendEventFrame(b, rev, size)
	record := len(b)
	b = appendBytes(b, fieldKey, key)
	end := len(b)
	b = appendInt(b, fieldModRevision, rev.Main)
	return encodedChange{revision: b[:tombstoneBytes:tombstoneBytes], record: b[record:end:end], event: b[tombstoneBytes:]}
}

// All six field numbers take a tag of one byte.

func bytesSize(v []byte) int {
	if len(v) == 0 {
		return 0
	}
	return 1 + protowire.SizeBytes(len(v))
}

func intSize(v int64) int {
	if v == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(uint64(v))
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendInt(b []byte, field protowire.Number, v int64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
}
