package wire

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Decoder walks over the fields of one encoded message. It keeps the first error and
// then ends the walk; until Err is asked, values read after an error are zero.
//
// Invariants
//  1. rest is what lies behind the last thing read, and at is where it begins in the
//     outermost input: offsets in errors can be looked up in a hex dump of it.
//  2. pending is true from a tag until its value is read or skipped. Next skips.
//  3. After an error rest is empty, so that the walk ends.
type Decoder struct {
	message  string
	rest     []byte
	at       int
	field    protowire.Number
	fieldAt  int // where the current field's tag begins
	typ      protowire.Type
	pending  bool
	aliasing bool
	err      error
}

// ErrWireType is wrapped by the error about a known field of the wrong wire type: the
// bytes may be sound, but they are not a message of this kind.
var ErrWireType = errors.New("wrong wire type")

// ErrTag is wrapped by the error about something that is no field's tag.
var ErrTag = errors.New("no tag with a field number from 1 to 536870911")

// NewDecoder begins the walk over b, a message with that name.
func NewDecoder(message string, b []byte) Decoder {
	return Decoder{message: message, rest: b}
}

// Aliasing returns a decoder whose Bytes are pieces of the input instead of copies. The
// input then belongs to the decoded message, for good.
func (d Decoder) Aliasing() Decoder {
	d.aliasing = true
	return d
}

// Next steps to the next field and reports whether there is one.
func (d *Decoder) Next() bool {
	if d.pending {
		d.skip()
	}
	if len(d.rest) == 0 {
		return false
	}
	d.fieldAt = d.at
	field, typ, n := protowire.ConsumeTag(d.rest)
	// ConsumeTag lets larger numbers through, for a use of old that nobody makes here.
	if n < 0 || field > protowire.MaxValidNumber {
		d.fail(ErrTag)
		return false
	}
	d.field, d.typ, d.pending = field, typ, true
	d.advance(n)
	return true
}

// Field is the number of the current field.
func (d *Decoder) Field() protowire.Number { return d.field }

// Err is the first error of the walk, or nil.
func (d *Decoder) Err() error { return d.err }

// Varint reads the current field as an integer. Callers cut it to the field's type, as
// protobuf asks: int32(v), uint32(v), …
func (d *Decoder) Varint() uint64 {
	if !d.expect(protowire.VarintType) {
		return 0
	}
	v, n := protowire.ConsumeVarint(d.rest)
	if n < 0 {
		d.fail(protowire.ParseError(n))
		return 0
	}
	d.advance(n)
	return v
}

// Bool reads the current field as a bool: anything but zero is true.
func (d *Decoder) Bool() bool { return protowire.DecodeBool(d.Varint()) }

// AppendVarints reads the current field as one or more elements of a repeated integer
// field, in either of the forms that writers use, and returns to with them.
func (d *Decoder) AppendVarints(to []uint64) []uint64 {
	if d.typ != protowire.BytesType {
		if v := d.Varint(); d.err == nil {
			to = append(to, v)
		}
		return to
	}
	for packed := d.bytes(); len(packed) > 0; {
		v, n := protowire.ConsumeVarint(packed)
		if n < 0 {
			d.fail(protowire.ParseError(n))
			break
		}
		to = append(to, v)
		packed = packed[n:]
	}
	return to
}

// Bytes reads the current field as bytes, never nil without an error: a copy, or with
// Aliasing a piece of the input.
func (d *Decoder) Bytes() []byte {
	v := d.bytes()
	if d.err != nil {
		return nil
	}
	if d.aliasing {
		return v[:len(v):len(v)] // appending to the value must not write into the input
	}
	return append([]byte{}, v...)
}

// Text reads the current field as a string. It need not be UTF-8: proto2 does not ask.
func (d *Decoder) Text() string { return string(d.bytes()) }

// Nested reads the current field as a message with that name and returns the decoder
// over its fields. Its error goes to Join.
func (d *Decoder) Nested(message string) Decoder {
	b := d.bytes()
	return Decoder{message: message, rest: b, at: d.at - len(b), aliasing: d.aliasing}
}

// Join takes over the error of a nested message.
func (d *Decoder) Join(err error) {
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("%s: field %d: %w", d.message, d.field, err)
		d.rest, d.pending = nil, false
	}
}

// bytes reads the current field's bytes where they lie.
func (d *Decoder) bytes() []byte {
	if !d.expect(protowire.BytesType) {
		return nil
	}
	v, n := protowire.ConsumeBytes(d.rest)
	if n < 0 {
		d.fail(protowire.ParseError(n))
		return nil
	}
	d.advance(n)
	return v
}

// skip steps over a field that nobody asked for, groups included.
func (d *Decoder) skip() {
	n := protowire.ConsumeFieldValue(d.field, d.typ, d.rest)
	if n < 0 {
		d.fail(protowire.ParseError(n))
		return
	}
	d.pending = false
	d.advance(n)
}

// expect says that the current value is about to be read as typ, and whether it may be.
func (d *Decoder) expect(typ protowire.Type) bool {
	if d.err != nil {
		return false
	}
	if !d.pending {
		panic(fmt.Sprintf("wire: %s field %d at offset %d is read twice, or before Next", d.message, d.field, d.fieldAt))
	}
	d.pending = false
	if d.typ != typ {
		d.fail(fmt.Errorf("%w %d, want %d", ErrWireType, d.typ, typ))
		return false
	}
	return true
}

func (d *Decoder) advance(n int) {
	d.rest = d.rest[n:]
	d.at += n
}

func (d *Decoder) fail(err error) {
	where := fmt.Sprintf("field %d ", d.field)
	if err == ErrTag {
		where = "" // the field before is not to blame
	}
	d.err = fmt.Errorf("%s: %sat offset %d: %w", d.message, where, d.fieldAt, err)
	d.rest, d.pending = nil, false
}
