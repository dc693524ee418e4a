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
	if !r.has(fieldValue) {
		return r
	}
	out := make(RawKeyValue, 0, len(r)-len(r.Value()))
	for rest := []byte(r); len(rest) > 0; {
		num, typ, _, n := consumeField(rest)
		if n < 0 {
			return append(out, rest...) // keep the damage: Decode must still see it
		}
		if num != fieldValue || typ != protowire.BytesType {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	return out
}

// Decode returns the key-value as a message that shares no memory with r.
func (r RawKeyValue) Decode() (*KeyValue, error) {
	kv := new(KeyValue)
	if err := kv.UnmarshalVT(r); err != nil {
		return nil, fmt.Errorf("mvccpb: decode stored key-value of %d bytes: %w", len(r), err)
	}
	return kv, nil
}

// bytesField returns the last occurrence of a length-delimited field: protobuf's rule
// for a field that stands there twice.
func (r RawKeyValue) bytesField(want protowire.Number) (found []byte) {
	for rest := []byte(r); len(rest) > 0; {
		num, typ, value, n := consumeField(rest)
		if n < 0 {
			break
		}
		if num == want && typ == protowire.BytesType {
			_, size := protowire.ConsumeVarint(value)
			found = value[size:len(value):len(value)]
		}
		rest = rest[n:]
	}
	return found
}

// intField is bytesField for varints.
func (r RawKeyValue) intField(want protowire.Number) (found int64) {
	for rest := []byte(r); len(rest) > 0; {
		num, typ, value, n := consumeField(rest)
		if n < 0 {
			break
		}
		if num == want && typ == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(value)
			found = int64(v)
		}
		rest = rest[n:]
	}
	return found
}

func (r RawKeyValue) has(want protowire.Number) bool {
	for rest := []byte(r); len(rest) > 0; {
		num, typ, _, n := consumeField(rest)
		if n < 0 {
			break
		}
		if num == want && typ == protowire.BytesType {
			return true
		}
		rest = rest[n:]
	}
	return false
}

// consumeField splits the first field off b: its number, its wire type, the bytes after
// its tag (with the length, for a length-delimited one) and its whole length; n < 0 says
// that b does not begin with a well-formed field.
func consumeField(b []byte) (num protowire.Number, typ protowire.Type, value []byte, n int) {
	num, typ, tag := protowire.ConsumeTag(b)
	if tag < 0 {
		return 0, 0, nil, tag
	}
	size := protowire.ConsumeFieldValue(num, typ, b[tag:])
	if size < 0 {
		return 0, 0, nil, size
	}
	return num, typ, b[tag : tag+size], tag + size
}
