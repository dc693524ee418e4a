package wire

import (
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// Message is what a hand-written message can do to be written.
type Message interface {
	// Size is the length of the encoding in bytes.
	Size() int
	// AppendTo appends the encoding to b, exactly Size bytes.
	AppendTo(b []byte) []byte
}

// Marshal returns the encoding of m in a slice of its own. It cannot fail; the error is
// there because callers know the method from elsewhere.
func Marshal[M Message](m M) ([]byte, error) {
	return m.AppendTo(make([]byte, 0, m.Size())), nil
}

// MarshalTo writes the encoding of m to the beginning of b and returns its length. A b
// that is too short stays as it is: the error wraps io.ErrShortBuffer.
func MarshalTo[M Message](m M, b []byte) (int, error) {
	n := m.Size()
	if n > len(b) {
		return 0, fmt.Errorf("wire: %T needs %d bytes, the buffer has %d: %w", m, n, len(b), io.ErrShortBuffer)
	}
	m.AppendTo(b[:0:n])
	return n, nil
}

// AppendVarint writes an integer or enum field. Negative values are handed over sign
// extended, uint64(int64(v)), and take ten bytes.
func AppendVarint(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

// SizeVarint is what AppendVarint appends.
func SizeVarint(field protowire.Number, v uint64) int {
	return protowire.SizeTag(field) + protowire.SizeVarint(v)
}

// AppendVarints writes a repeated integer field as proto2 does: each element with a tag.
func AppendVarints(b []byte, field protowire.Number, vs []uint64) []byte {
	for _, v := range vs {
		b = AppendVarint(b, field, v)
	}
	return b
}

// SizeVarints is what AppendVarints appends.
func SizeVarints(field protowire.Number, vs []uint64) (n int) {
	for _, v := range vs {
		n += SizeVarint(field, v)
	}
	return n
}

// AppendBool writes a bool field.
func AppendBool(b []byte, field protowire.Number, v bool) []byte {
	return AppendVarint(b, field, protowire.EncodeBool(v))
}

// SizeBool is what AppendBool appends.
func SizeBool(field protowire.Number) int { return protowire.SizeTag(field) + 1 }

// AppendBytes writes a bytes field, or nothing when v is nil.
func AppendBytes(b []byte, field protowire.Number, v []byte) []byte {
	if v == nil {
		return b
	}
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

// SizeBytes is what AppendBytes appends.
func SizeBytes(field protowire.Number, v []byte) int {
	if v == nil {
		return 0
	}
	return SizeNested(field, len(v))
}

// AppendText writes a string field, also an empty one.
func AppendText(b []byte, field protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), v)
}

// SizeText is what AppendText appends.
func SizeText(field protowire.Number, v string) int { return SizeNested(field, len(v)) }

// AppendNested writes the head of a nested message of the given size; the message's own
// AppendTo follows.
func AppendNested(b []byte, field protowire.Number, size int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(size))
}

// SizeNested is the size of a nested message together with its head.
func SizeNested(field protowire.Number, size int) int {
	return protowire.SizeTag(field) + protowire.SizeBytes(size)
}
