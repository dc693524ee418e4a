package wire_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"insideetcd/ch01-intro/api/wire"
)

// parcel is a message with one field of each kind: 1 number, 2 bytes, 3 a nested parcel,
// 4 numbers.
type parcel struct {
	number  uint64
	bytes   []byte
	inner   *parcel
	numbers []uint64
}

func (p *parcel) decode(d wire.Decoder) error {
	for d.Next() {
		switch d.Field() {
		case 1:
			p.number = d.Varint()
		case 2:
			p.bytes = d.Bytes()
		case 3:
			p.inner = &parcel{}
			d.Join(p.inner.decode(d.Nested("inner")))
		case 4:
			p.numbers = d.AppendVarints(p.numbers)
		}
	}
	return d.Err()
}

func TestDecoderReadsTheExampleOfThePackageComment(t *testing.T) {
	var p parcel
	require.NoError(t, p.decode(wire.NewDecoder("parcel", []byte{0x08, 0x96, 0x01, 0x12, 0x02, 'h', 'i'})))
	require.Equal(t, parcel{number: 150, bytes: []byte("hi")}, p)
}

func TestDecoderSkipsWhatNobodyAsksFor(t *testing.T) {
	b := []byte{
		0x28, 0x07, // field 5, varint
		0x32, 0x01, 0xff, // field 6, bytes
		0x3d, 1, 2, 3, 4, // field 7, 32 bits
		0x41, 1, 2, 3, 4, 5, 6, 7, 8, // field 8, 64 bits
		0x4b, 0x08, 0x01, 0x4c, // field 9, a group
		0x08, 0x05, // field 1
	}
	var p parcel
	require.NoError(t, p.decode(wire.NewDecoder("parcel", b)))
	require.Equal(t, parcel{number: 5}, p)
}

func TestDecoderTakesBothFormsOfRepeatedNumbers(t *testing.T) {
	var p parcel
	require.NoError(t, p.decode(wire.NewDecoder("parcel", []byte{0x20, 1, 0x22, 2, 2, 3, 0x20, 4})))
	require.Equal(t, []uint64{1, 2, 3, 4}, p.numbers)
}

// Errors say where: message, field and offset in the outermost input.
func TestDecoderErrors(t *testing.T) {
	for _, c := range []struct {
		name, where, what string
		in                []byte
	}{
		{"number cut off", "parcel: field 1 at offset 0: ", "unexpected EOF", []byte{0x08}},
		{"number of more than 64 bits", "parcel: field 1 at offset 0: ", "variable length integer overflow",
			[]byte{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}},
		{"bytes longer than the input", "parcel: field 2 at offset 2: ", "unexpected EOF", []byte{0x08, 1, 0x12, 9, 1}},
		{"known field of another wire type", "parcel: field 2 at offset 0: ", "wrong wire type 0, want 2", []byte{0x10, 1}},
		{"known group", "parcel: field 1 at offset 0: ", "wrong wire type 3, want 0", []byte{0x0b, 0x0c}},
		{"nested", "parcel: field 3: inner: field 1 at offset 4: ", "unexpected EOF", []byte{0x08, 1, 0x1a, 1, 0x08}},
		{"twice nested", "parcel: field 3: inner: field 3: inner: field 2 at offset 4: ", "unexpected EOF",
			[]byte{0x1a, 4, 0x1a, 2, 0x12, 1}},
		{"field number 0", "parcel: at offset 2: ", "no tag with a field number from 1 to 536870911", []byte{0x08, 1, 0x00, 0x00}},
		{"field number too large", "parcel: at offset 0: ", "no tag with a field number from 1 to 536870911",
			[]byte{0x80, 0x80, 0x80, 0x80, 0x10, 0x00}},
		{"tag cut off", "parcel: at offset 0: ", "no tag with a field number from 1 to 536870911", []byte{0x80}},
		{"end of a group that never began", "parcel: field 9 at offset 0: ", "mismatching end group marker", []byte{0x4c}},
		{"packed number cut off", "parcel: field 4 at offset 0: ", "unexpected EOF", []byte{0x22, 1, 0x80}},
		{"sound part first", "parcel: field 6 at offset 2: ", "unexpected EOF", []byte{0x08, 1, 0x32}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p parcel
			err := p.decode(wire.NewDecoder("parcel", c.in))
			require.Error(t, err)
			require.True(t, strings.HasPrefix(err.Error(), c.where), err)
			require.True(t, strings.HasSuffix(err.Error(), c.what), err)
		})
	}
}

func TestDecoderCopiesUnlessAliasing(t *testing.T) {
	input := []byte{0x12, 0x02, 'h', 'i', 0x08, 0x01}
	var copied, aliased parcel
	require.NoError(t, copied.decode(wire.NewDecoder("parcel", input)))
	require.NoError(t, aliased.decode(wire.NewDecoder("parcel", input).Aliasing()))

	_ = append(aliased.bytes, 0xee)
	require.Equal(t, byte(0x08), input[4], "appending to an alias must not write into the input")
	input[2] = 'H'
	require.Equal(t, "hi", string(copied.bytes))
	require.Equal(t, "Hi", string(aliased.bytes))
}

func TestAskingTwiceIsABug(t *testing.T) {
	d := wire.NewDecoder("parcel", []byte{0x08, 1, 0x08, 2})
	require.True(t, d.Next())
	d.Varint()
	require.PanicsWithValue(t, "wire: parcel field 1 at offset 0 is read twice, or before Next", func() { d.Varint() })
}

// three is a message whose encoding is three bytes.
type three struct{}

func (three) Size() int                { return 3 }
func (three) AppendTo(b []byte) []byte { return wire.AppendVarint(b, 1, 150) }

func TestMarshalToLeavesTooShortABufferAlone(t *testing.T) {
	b := []byte{9, 9}
	_, err := wire.MarshalTo(three{}, b)
	require.ErrorIs(t, err, io.ErrShortBuffer)
	require.Equal(t, []byte{9, 9}, b)
}

func TestSizesAgreeWithWhatIsAppended(t *testing.T) {
	for _, field := range []protowire.Number{1, 15, 16, 2047, 2048} {
		for _, v := range []uint64{0, 127, 128, 1 << 63} {
			require.Len(t, wire.AppendVarint(nil, field, v), wire.SizeVarint(field, v))
			require.Len(t, wire.AppendVarints(nil, field, []uint64{v, 0, v}), wire.SizeVarints(field, []uint64{v, 0, v}))
		}
		require.Len(t, wire.AppendBool(nil, field, true), wire.SizeBool(field))
		for _, v := range [][]byte{nil, {}, make([]byte, 127), make([]byte, 128)} {
			require.Len(t, wire.AppendBytes(nil, field, v), wire.SizeBytes(field, v))
			require.Len(t, wire.AppendText(nil, field, string(v)), wire.SizeText(field, string(v)))
			require.Equal(t, len(wire.AppendNested(nil, field, len(v)))+len(v), wire.SizeNested(field, len(v)))
		}
	}
}
