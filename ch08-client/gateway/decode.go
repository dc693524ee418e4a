package gateway

import (
	"encoding/json"
	"fmt"
	"reflect"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// maxDepth is how deep messages may lie in each other. The server takes transactions in
// transactions up to its --max-txn-ops (128); each is two messages deep. Every level reads
// the text below it once more, so depth times size bounds the work.
const maxDepth = 1000

// decodeMessage sets fields of m from a JSON object. Errors of encoding/json are passed on
// unchanged: 3.4's clients see its words.
func decodeMessage(text json.RawMessage, m protoreflect.Message, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("messages nest more than %d deep", maxDepth)
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(text, &given); err != nil {
		return err
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		value, ok := given[fd.JSONName()]
		if !ok {
			value, ok = given[string(fd.Name())]
		}
		if !ok || isNull(value) {
			continue
		}
		if err := decodeField(value, m, fd, depth); err != nil {
			return err
		}
	}
	return nil
}

func isNull(text json.RawMessage) bool { return string(text) == "null" }

func decodeField(text json.RawMessage, m protoreflect.Message, fd protoreflect.FieldDescriptor, depth int) error {
	if fd.IsList() {
		return decodeList(text, m.Mutable(fd).List(), fd, depth)
	}
	if oneof := fd.ContainingOneof(); oneof != nil && m.WhichOneof(oneof) != nil {
		// 3.4 would throw dice over which of the two to execute.
		return fmt.Errorf("%s: %s is given beside %s", m.Descriptor().FullName(), fd.Name(), m.WhichOneof(oneof).Name())
	}
	if fd.Kind() == protoreflect.MessageKind {
		return decodeMessage(text, m.Mutable(fd).Message(), depth+1)
	}
	v, err := decodeScalar(text, fd)
	if err == nil {
		m.Set(fd, v)
	}
	return err
}

// decodeList fills a list. A null in it is a zero value; 3.4 breaks the connection there.
func decodeList(text json.RawMessage, list protoreflect.List, fd protoreflect.FieldDescriptor, depth int) error {
	var given []json.RawMessage
	if err := json.Unmarshal(text, &given); err != nil {
		return err
	}
	for _, value := range given {
		if fd.Kind() == protoreflect.MessageKind {
			if err := decodeMessage(value, list.AppendMutable().Message(), depth+1); err != nil {
				return err
			}
			continue
		}
		v, err := decodeScalar(value, fd)
		if err != nil {
			return err
		}
		list.Append(v)
	}
	return nil
}

// decodeScalar reads one value that is no message. Numbers may stand in quotes.
func decodeScalar(text json.RawMessage, fd protoreflect.FieldDescriptor) (protoreflect.Value, error) {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return decodeInto[string](text, protoreflect.ValueOfString)
	case protoreflect.BytesKind:
		return decodeInto[[]byte](text, protoreflect.ValueOfBytes)
	case protoreflect.BoolKind:
		return decodeInto[bool](text, protoreflect.ValueOfBool)
	case protoreflect.EnumKind:
		return decodeEnum(text, fd.Enum())
	case protoreflect.Int64Kind:
		return decodeInto[int64](unquoted(text), protoreflect.ValueOfInt64)
	case protoreflect.Uint64Kind:
		return decodeInto[uint64](unquoted(text), protoreflect.ValueOfUint64)
	case protoreflect.Int32Kind:
		return decodeInto[int32](unquoted(text), protoreflect.ValueOfInt32)
	case protoreflect.Uint32Kind:
		return decodeInto[uint32](unquoted(text), protoreflect.ValueOfUint32)
	}
	panic("gateway: field " + string(fd.FullName()) + " is of kind " + fd.Kind().String() + ", which no message of etcd uses")
}

func decodeInto[T any](text json.RawMessage, valueOf func(T) protoreflect.Value) (protoreflect.Value, error) {
	var v T
	err := json.Unmarshal(text, &v)
	return valueOf(v), err
}

func unquoted(text json.RawMessage) json.RawMessage {
	if text[0] == '"' { // a RawMessage out of a larger text is complete: it has both quotes
		return text[1 : len(text)-1]
	}
	return text
}

// decodeEnum reads a name or a number. A number goes through the enum's Go type, because
// encoding/json names that type when it refuses.
func decodeEnum(text json.RawMessage, d protoreflect.EnumDescriptor) (protoreflect.Value, error) {
	kind, err := protoregistry.GlobalTypes.FindEnumByName(d.FullName())
	if err != nil {
		panic(fmt.Sprintf("gateway: enum %s: %v", d.FullName(), err))
	}
	number := reflect.New(reflect.TypeOf(kind.New(0)))
	if text[0] != '"' {
		err := json.Unmarshal(text, number.Interface())
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(number.Elem().Int())), err
	}
	var name string
	if err := json.Unmarshal(text, &name); err != nil {
		return protoreflect.Value{}, err
	}
	value := d.Values().ByName(protoreflect.Name(name))
	if value == nil {
		return protoreflect.Value{}, fmt.Errorf("unknown value %q for enum %s", name, number.Elem().Type())
	}
	return protoreflect.ValueOfEnum(value.Number()), nil
}
