// Package wiretest judges hand-written messages by the protobuf library itself. The
// layout is told once more, as proto2 source; a dynamic message of that layout reads and
// writes the same values by reflection, and the two must agree:
//
//   - byte for byte when writing, with every field present that 3.4 always writes;
//   - value for value when reading, also garbage: what the library takes, the hand
//     written reader takes, unless a known field has the wrong wire type.
//
// Go fields are found by their proto names, ignoring case and underscores: node_id is
// NodeID.
package wiretest

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"reflect"
	"strings"
	"testing"
	"testing/quick"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"insideetcd/ch01-intro/api/wire"
)

// Message is a hand-written message: T is the struct, *T can also be read.
type Message[T any] interface {
	*T
	wire.Message
	Marshal() ([]byte, error)
	MarshalTo(b []byte) (int, error)
	Unmarshal(b []byte) error
}

// Schema is the layout of some messages, compiled from proto2 source.
type Schema struct{ file protoreflect.FileDescriptor }

// Compile reads messages and enums in proto2 source, without the syntax line.
func Compile(t testing.TB, source string) Schema {
	t.Helper()
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{
			"layout.proto": "syntax = \"proto2\";\n" + source,
		}),
	}}
	files, err := compiler.Compile(context.Background(), "layout.proto")
	require.NoError(t, err)
	return Schema{files[0]}
}

func (s Schema) message(t testing.TB, name string) protoreflect.MessageDescriptor {
	t.Helper()
	md := s.file.Messages().ByName(protoreflect.Name(name))
	require.NotNil(t, md, "no message %s in the layout", name)
	return md
}

// CheckWriting writes values, and random ones besides, by hand and by the library. The
// random ones depend on the seed alone.
func CheckWriting[T any, M Message[T]](t *testing.T, s Schema, name string, seed int64, values ...T) {
	t.Helper()
	md := s.message(t, name)
	random := rand.New(rand.NewSource(seed))
	for range 300 {
		v, ok := quick.Value(reflect.TypeFor[T](), random)
		require.True(t, ok)
		values = append(values, v.Interface().(T))
	}
	for i, v := range values {
		hint := fmt.Sprintf("value %d of seed %d: %+v", i, seed, v)
		dynamic := dynamicpb.NewMessage(md)
		fill(dynamic, reflect.ValueOf(v))
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(dynamic)
		require.NoError(t, err)
		checkForms[T, M](t, v, want, hint)
	}
}

// CheckBytes reads bytes that a real server wrote, and writes them again: all forms of
// writing must give them back. It returns what was read.
func CheckBytes[T any, M Message[T]](t *testing.T, b []byte) T {
	t.Helper()
	var v T
	require.NoError(t, M(&v).Unmarshal(b), "%x", b)
	checkForms[T, M](t, v, b, fmt.Sprintf("%+v", v))
	return v
}

// checkForms writes v in every form; each must be want, and read back as v.
func checkForms[T any, M Message[T]](t *testing.T, v T, want []byte, hint string) {
	t.Helper()
	m := M(&v)
	got, err := m.Marshal()
	require.NoError(t, err)
	require.Equal(t, want, got, "Marshal of %s", hint)
	require.Equal(t, len(want), m.Size(), "Size of %s", hint)
	require.Equal(t, append([]byte("before"), want...), m.AppendTo([]byte("before")), "AppendTo of %s", hint)

	buffer := append(make([]byte, len(want)), 0xee)
	n, err := m.MarshalTo(buffer)
	require.NoError(t, err)
	require.Equal(t, append(want[:len(want):len(want)], 0xee), buffer, "MarshalTo of %s", hint)
	require.Equal(t, len(want), n)
	if len(want) > 0 {
		_, err = m.MarshalTo(buffer[:len(want)-1])
		require.Error(t, err, "MarshalTo in too short a buffer, of %s", hint)
	}

	var back T
	require.NoError(t, M(&back).Unmarshal(got), hint)
	for i := range got {
		got[i] = 0xee // a reader that keeps pieces of its input would now see this
	}
	again, err := M(&back).Marshal()
	require.NoError(t, err)
	require.Equal(t, want, again, "read and written again: %s", hint)
}

// FuzzReading reads arbitrary bytes by hand and by the library.
func FuzzReading[T any, M Message[T]](f *testing.F, s Schema, name string, seeds ...[]byte) {
	md := s.message(f, name)
	for _, seed := range seeds {
		f.Add(seed)
		f.Add(append(seed[:len(seed):len(seed)], 0x0b, 0x08, 0x01, 0x0c)) // an unknown group, or a wrong wire type
		f.Add(seed[:len(seed)/2])
	}
	random := rand.New(rand.NewSource(1))
	for range 20 {
		v, _ := quick.Value(reflect.TypeFor[T](), random)
		value := v.Interface().(T)
		f.Add(M(&value).AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var got T
		err := M(&got).Unmarshal(b)
		dynamic := dynamicpb.NewMessage(md)
		judge := proto.Unmarshal(b, dynamic)
		switch {
		case err == nil && judge != nil:
			t.Fatalf("read by hand as %+v, but the library says: %v\n%x", got, judge, b)
		case err != nil && judge == nil && !errors.Is(err, wire.ErrWireType):
			t.Fatalf("the library reads %v, but by hand: %v\n%x", dynamic, err, b)
		case err == nil:
			var want T
			pour(reflect.ValueOf(&want).Elem(), dynamic)
			require.Equal(t, want, got, "%x", b)
			encoded, _ := M(&got).Marshal()
			var again T
			require.NoError(t, M(&again).Unmarshal(encoded))
			require.Equal(t, got, again)
		}
	})
}

// fill sets the fields of to from the struct from: all of them, but for nil pointers and
// nil byte slices.
func fill(to protoreflect.Message, from reflect.Value) {
	fields := to.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		v := goField(from, fd)
		switch {
		case fd.IsList():
			list := to.Mutable(fd).List()
			for j := range v.Len() {
				if fd.Message() != nil {
					fill(list.AppendMutable().Message(), v.Index(j))
				} else {
					list.Append(protoreflect.ValueOf(v.Index(j).Interface()))
				}
			}
		case fd.Message() != nil:
			fill(to.Mutable(fd).Message(), v)
		case fd.Enum() != nil:
			to.Set(fd, protoreflect.ValueOfEnum(protoreflect.EnumNumber(v.Int())))
		case v.Kind() == reflect.Pointer:
			if !v.IsNil() {
				to.Set(fd, protoreflect.ValueOf(v.Elem().Interface()))
			}
		case v.Kind() == reflect.Slice && v.IsNil():
		default:
			to.Set(fd, protoreflect.ValueOf(v.Interface()))
		}
	}
}

// pour is the inverse of fill: what is absent stays zero, which is how the hand-written
// messages see it.
func pour(to reflect.Value, from protoreflect.Message) {
	from.Range(func(fd protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		v := goField(to, fd)
		switch {
		case fd.IsList():
			for j := range value.List().Len() {
				element := reflect.New(v.Type().Elem()).Elem()
				if fd.Message() != nil {
					pour(element, value.List().Get(j).Message())
				} else {
					element.Set(reflect.ValueOf(value.List().Get(j).Interface()))
				}
				v.Set(reflect.Append(v, element))
			}
		case fd.Message() != nil:
			pour(v, value.Message())
		case fd.Enum() != nil:
			v.SetInt(int64(value.Enum()))
		case v.Kind() == reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			v.Elem().Set(reflect.ValueOf(value.Interface()))
		default:
			v.Set(reflect.ValueOf(value.Interface()))
		}
		return true
	})
}

func goField(v reflect.Value, fd protoreflect.FieldDescriptor) reflect.Value {
	name := strings.ReplaceAll(string(fd.Name()), "_", "")
	field := v.FieldByNameFunc(func(s string) bool { return strings.EqualFold(s, name) })
	if !field.IsValid() {
		panic(fmt.Sprintf("wiretest: %s has no field for %s", v.Type(), fd.FullName()))
	}
	return field
}
