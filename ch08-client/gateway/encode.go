package gateway

import (
	"encoding/base64"
	"encoding/json"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// appendMessage appends m as 3.4's JSON: fields in the order of the proto file, without
// blanks.
func appendMessage(b []byte, m protoreflect.Message) []byte {
	b = append(b, '{')
	fields := m.Descriptor().Fields()
	first := true
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !m.Has(fd) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = append(b, fd.Name()...)
		b = append(b, '"', ':')
		if fd.IsList() {
			b = appendList(b, fd, m.Get(fd).List())
		} else {
			b = appendValue(b, fd, m.Get(fd))
		}
	}
	return append(b, '}')
}

func appendList(b []byte, fd protoreflect.FieldDescriptor, list protoreflect.List) []byte {
	b = append(b, '[')
	for i := range list.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, fd, list.Get(i))
	}
	return append(b, ']')
}

// appendValue appends one value of the kinds that etcd's messages have: no floats, no maps.
func appendValue(b []byte, fd protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		return appendMessage(b, v.Message())
	case protoreflect.Int64Kind:
		b = strconv.AppendInt(append(b, '"'), v.Int(), 10)
		return append(b, '"')
	case protoreflect.Uint64Kind:
		b = strconv.AppendUint(append(b, '"'), v.Uint(), 10)
		return append(b, '"')
	case protoreflect.Int32Kind:
		return strconv.AppendInt(b, v.Int(), 10)
	case protoreflect.Uint32Kind:
		return strconv.AppendUint(b, v.Uint(), 10)
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, v.Bool())
	case protoreflect.BytesKind:
		b = base64.StdEncoding.AppendEncode(append(b, '"'), v.Bytes())
		return append(b, '"')
	case protoreflect.StringKind:
		return append(b, quote(v.String())...)
	case protoreflect.EnumKind:
		if known := fd.Enum().Values().ByNumber(v.Enum()); known != nil {
			return append(b, quote(string(known.Name()))...)
		}
		return strconv.AppendInt(b, int64(v.Enum()), 10)
	}
	panic("gateway: field " + string(fd.FullName()) + " is of kind " + fd.Kind().String() + ", which no message of etcd uses")
}

// quote is a JSON string with <, > and & escaped, as 3.4 writes them.
func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic("gateway: a string has no JSON: " + err.Error()) // encoding/json replaces what is no UTF-8
	}
	return b
}
