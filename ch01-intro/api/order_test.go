package api_test

import (
	"strings"
	"testing"

	"insideetcd/ch01-intro/api/etcdserverpb"
	_ "insideetcd/ch01-intro/api/membershippb"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// The example that the rule is explained by: range_end has number 64, the chosen member of the
// oneof number 7, so the member stands first.
func TestCompareIsWrittenInFieldNumberOrder(t *testing.T) {
	c := &etcdserverpb.Compare{
		Result:      etcdserverpb.Compare_GREATER,
		Target:      etcdserverpb.Compare_VALUE,
		Key:         []byte("a"),
		TargetUnion: &etcdserverpb.Compare_Value{Value: []byte("v")},
		RangeEnd:    []byte("z"),
	}
	got, err := c.MarshalVTStrict()
	require.NoError(t, err)
	require.Equal(t, []byte{
		0x08, 1, // 1 result
		0x10, 3, // 2 target
		0x1a, 1, 'a', // 3 key
		0x3a, 1, 'v', // 7 value, of the oneof
		0x82, 0x04, 1, 'z', // 64 range_end
	}, got)
}

// A chosen member of a oneof is there even when it is zero: "version equals 0" is a question.
func TestChosenZeroIsWritten(t *testing.T) {
	c := &etcdserverpb.Compare{TargetUnion: &etcdserverpb.Compare_Version{}}
	got, err := c.MarshalVTStrict()
	require.NoError(t, err)
	require.Equal(t, []byte{0x20, 0}, got)

	back := new(etcdserverpb.Compare)
	require.NoError(t, back.UnmarshalVT(got))
	require.IsType(t, new(etcdserverpb.Compare_Version), back.TargetUnion)
}

// An empty message that is present is a tag and a length of 0, and presence is what it says.
func TestEmptyRequestIsPresent(t *testing.T) {
	r := &etcdserverpb.InternalRaftRequest{AuthEnable: new(etcdserverpb.AuthEnableRequest)}
	got, err := r.MarshalVTStrict()
	require.NoError(t, err)
	require.Equal(t, []byte{0xc2, 0x3e, 0}, got)

	back := new(etcdserverpb.InternalRaftRequest)
	require.NoError(t, back.UnmarshalVT(got))
	require.NotNil(t, back.AuthEnable)
}

// Every message, with every field set and each member of its oneofs in turn, is written in
// field-number order on every level, and comes back the same.
func TestEveryMessageIsWrittenInFieldNumberOrder(t *testing.T) {
	checked := 0
	protoregistry.GlobalTypes.RangeMessages(func(typ protoreflect.MessageType) bool {
		if !strings.HasPrefix(typ.Descriptor().ParentFile().Path(), "ch01-intro/api/") {
			return true
		}
		for choice := range 5 { // the longest oneof has five members
			m := typ.New()
			fill(m, choice, 3)
			vt := m.Interface().(vtMessage)
			b, err := vt.MarshalVTStrict()
			require.NoError(t, err)
			require.Len(t, b, vt.SizeVT())
			requireAscending(t, typ.Descriptor(), b)

			back := typ.New().Interface().(vtMessage)
			require.NoError(t, back.UnmarshalVT(b))
			require.True(t, proto.Equal(vt, back), "%s changed on its way: %v, %v", typ.Descriptor().FullName(), vt, back)
		}
		checked++
		return true
	})
	require.Greater(t, checked, 100, "the messages of the API are not registered")
}

// fill sets every field of m, in each oneof the member number choice, to the given depth.
func fill(m protoreflect.Message, choice, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if o := f.ContainingOneof(); o != nil && f != o.Fields().Get(choice%o.Fields().Len()) {
			continue
		}
		switch {
		case f.Message() != nil && depth == 0:
		case f.IsList():
			list := m.Mutable(f).List()
			for range 2 {
				list.Append(value(f, list.NewElement, choice, depth))
			}
		default:
			m.Set(f, value(f, func() protoreflect.Value { return m.NewField(f) }, choice, depth))
		}
	}
}

func value(f protoreflect.FieldDescriptor, empty func() protoreflect.Value, choice, depth int) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.MessageKind:
		v := empty()
		fill(v.Message(), choice, depth-1)
		return v
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(values.Len() - 1).Number())
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("text")
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0, 0xff})
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(-1)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(1 << 31)
	default:
		return protoreflect.ValueOfUint64(1 << 63)
	}
}

func requireAscending(t *testing.T, d protoreflect.MessageDescriptor, b []byte) {
	t.Helper()
	for last := protowire.Number(0); len(b) > 0; {
		num, typ, tag := protowire.ConsumeTag(b)
		require.Positive(t, tag, "%s: no tag", d.FullName())
		require.GreaterOrEqual(t, num, last, "%s: field %d stands after field %d", d.FullName(), num, last)
		last = num
		size := protowire.ConsumeFieldValue(num, typ, b[tag:])
		require.GreaterOrEqual(t, size, 0, "%s: field %d is cut off", d.FullName(), num)
		if f := d.Fields().ByNumber(num); f.Message() != nil {
			inner, _ := protowire.ConsumeBytes(b[tag:])
			requireAscending(t, f.Message(), inner)
		}
		b = b[tag+size:]
	}
}
