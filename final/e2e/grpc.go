package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "google.golang.org/grpc/health/grpc_health_v1" // registers the health service

	_ "insideetcd/ch08-client/v3rpc/stub" // … and the services of etcd
)

// callGRPC makes the unary call "SERVICE/METHOD TEXTPROTO" and renders its
// answer: the code and, for errors, the message; else one line a field.
func callGRPC(ctx context.Context, conn grpc.ClientConnInterface, call string) (string, error) {
	name, text, _ := strings.Cut(call, " ")
	method, err := findMethod(name)
	if err != nil {
		return "", err
	}
	if method.IsStreamingClient() || method.IsStreamingServer() {
		return "", fmt.Errorf("%s is a stream: open it", name)
	}
	request, err := newMessage(method.Input())
	if err != nil {
		return "", err
	}
	if err := prototext.Unmarshal([]byte(text), request); err != nil {
		return "", fmt.Errorf("request of %s: %w", name, err)
	}
	response, err := newMessage(method.Output())
	if err != nil {
		return "", err
	}
	if err := conn.Invoke(ctx, pathOf(method), request, response); err != nil {
		s := status.Convert(err)
		return fmt.Sprintf("[%s] %s\n", s.Code(), s.Message()), nil
	}
	return "[OK]\n" + renderMessage(response.ProtoReflect()), nil
}

// findMethod knows KV/Range (a service of etcdserverpb) and v3lockpb.Lock/Lock.
func findMethod(name string) (protoreflect.MethodDescriptor, error) {
	service, method, _ := strings.Cut(name, "/")
	if !strings.Contains(service, ".") {
		service = "etcdserverpb." + service
	}
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + method))
	if err != nil {
		return nil, fmt.Errorf("method %s: %w", name, err)
	}
	descriptor, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is not a method", name)
	}
	return descriptor, nil
}

func newMessage(d protoreflect.MessageDescriptor) (proto.Message, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", d.FullName(), err)
	}
	return kind.New().Interface(), nil
}

// renderMessage writes one line a field, in the order of the message's
// declaration. prototext would do, but its blanks change from build to build.
func renderMessage(m protoreflect.Message) string {
	var b strings.Builder
	for _, line := range fieldsOf(m) {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// fieldsOf lists the set fields as "name: value". Bytes of unknown fields are
// listed too: an answer may not carry what the reference does not send.
func fieldsOf(m protoreflect.Message) []string {
	var lines []string
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !m.Has(fd) {
			continue
		}
		value := m.Get(fd)
		if !fd.IsList() {
			lines = append(lines, string(fd.Name())+": "+renderValue(fd, value))
			continue
		}
		list := value.List()
		for j := range list.Len() {
			lines = append(lines, string(fd.Name())+": "+renderValue(fd, list.Get(j)))
		}
	}
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		lines = append(lines, fmt.Sprintf("unknown: %x", []byte(unknown)))
	}
	return lines
}

func renderValue(fd protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return "{" + strings.Join(fieldsOf(v.Message()), " ") + "}"
	case protoreflect.BytesKind:
		return strconv.Quote(string(v.Bytes()))
	case protoreflect.StringKind:
		return strconv.Quote(v.String())
	case protoreflect.EnumKind:
		if value := fd.Enum().Values().ByNumber(v.Enum()); value != nil {
			return string(value.Name())
		}
		return strconv.Itoa(int(v.Enum()))
	default:
		return v.String()
	}
}
