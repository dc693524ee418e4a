package mvccpb

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// RawKeyValue is an encoded KeyValue, as the storage layer keeps it on disk.
//
// A range answer, a watch event and a snapshot pass these bytes on as they are: a
// message field that holds an encoded message is a tag, a length and just these bytes.
// So a value is encoded once, when it is put, and most reads never decode it. The
// accessors below serve the few that must look inside (sorting, filters, compares):
// each scans the wire form in place.
//
//	0a 01 6b        field 1 (key), 1 byte: "k"
//	10 02 18 02     fields 2, 3 (create_revision, mod_revision): 2
//	20 01           field 4 (version): 1
//	2a 01 76        field 5 (value), 1 byte: "v"
//	30 07           field 6 (lease): 7; left out, as every zero field
//
// Invariants:
//  1. On a well-formed encoding every accessor returns what Decode would.
//  2. Accessors never allocate and never panic; on damaged bytes they return what stood
//     before the damage, or zero. Decode reports the damage.
//  3. Key and Value alias the receiver; who keeps them keeps (and must not write) its bytes.
type RawKeyValue []byte

// Field numbers of KeyValue.
const (
	fieldKey            protowire.Number = 1
	fieldCreateRevision protowire.Number = 2
	fieldModRevision    protowire.Number = 3
	fieldVersion        protowire.Number = 4
	fieldValue          protowire.Number = 5
	fieldLease          protowire.Number = 6
)

const tagValue = uint64(fieldValue)<<3 | uint64(protowire.BytesType)

// Key returns the key; it aliases r.
func (r RawKeyValue) Key() []byte { return r.bytesField(fieldKey) }

// Value returns the value; it aliases r.
func (r RawKeyValue) Value() []byte { return r.bytesField(fieldValue) }

// CreateRevision returns the main revision of the put that began the key's generation.
func (r RawKeyValue) CreateRevision() int64 { return r.intField(fieldCreateRevision) }

// ModRevision returns the main revision of the last put.
func (r RawKeyValue) ModRevision() int64 { return r.intField(fieldModRevision) }

// Version returns how often the key was put in its generation; 0 marks a tombstone.
func (r RawKeyValue) Version() int64 { return r.intField(fieldVersion) }

// Lease returns the lease that the key is attached to, 0 for none.
func (r RawKeyValue) Lease() int64 { return r.intField(fieldLease) }

// WithoutValue returns the same key-value without its value, as a keys-only range answers
// it: a copy, or r itself when there is no value to drop.
func (r RawKeyValue) WithoutValue() RawKeyValue {
	value := r.last(tagValue)
	if value == nil {
		return r
	}
	return r.AppendWithoutValue(make(RawKeyValue, 0, len(r)-len(value)))
}

// AppendWithoutValue appends the same key-value without its value to b.
func (r RawKeyValue) AppendWithoutValue(b []byte) []byte {
	rest := []byte(r)
	for len(rest) > 0 {
		tag, _, size := firstField(rest)
		if size == 0 {
			break
		}
		if tag != tagValue {
			b = append(b, rest[:size]...)
		}
		rest = rest[size:]
	}
	return append(b, rest...) // nothing, or damage that Decode must still see
}

// Decode returns the key-value as a message that shares no memory with r.
func (r RawKeyValue) Decode() (*KeyValue, error) {
	kv := new(KeyValue)
	if err := kv.UnmarshalVT(r); err != nil {
		return nil, fmt.Errorf("mvccpb: decode stored key-value of %d bytes: %w", len(r), err)
	}
	return kv, nil
}

// bytesField returns the value of a length-delimited field, capped at its end.
func (r RawKeyValue) bytesField(num protowire.Number) []byte {
	value := r.last(protowire.EncodeTag(num, protowire.BytesType))
	data, _ := protowire.ConsumeBytes(value)
	return data[:len(data):len(data)]
}

// intField returns the value of a varint field.
func (r RawKeyValue) intField(num protowire.Number) int64 {
	v, _ := protowire.ConsumeVarint(r.last(protowire.EncodeTag(num, protowire.VarintType)))
	return int64(v)
}

// last returns what follows the tag where it stands for the last time: a field that stands
// there twice has its last value (protobuf's rule). It is nil if the tag is nowhere.
func (r RawKeyValue) last(tag uint64) (value []byte) {
	for rest := []byte(r); len(rest) > 0; {
		got, n, size := firstField(rest)
		if size == 0 {
			break
		}
		if got == tag {
			value = rest[n:size]
		}
		rest = rest[size:]
	}
	return value
}

// firstField measures the field that b begins with: its tag (number and wire type), the size
// of the tag, and the size of all of it; 0 if b is damaged there.
func firstField(b []byte) (tag uint64, tagSize, size int) {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 {
		return 0, 0, 0
	}
	value := protowire.ConsumeFieldValue(num, typ, b[n:])
	if value < 0 {
		return 0, 0, 0
	}
	return protowire.EncodeTag(num, typ), n, n + value
}
