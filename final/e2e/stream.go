package e2e

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

// startStream opens the stream SERVICE/METHOD. A request is sent in protobuf's
// text form; each answer is one line.
func startStream(conn grpc.ClientConnInterface, name string) (*conversation, error) {
	method, err := findMethod(strings.TrimSpace(name))
	if err != nil {
		return nil, err
	}
	if !method.IsStreamingServer() {
		return nil, fmt.Errorf("%s is not a stream", name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: method.IsStreamingClient()}
	stream, err := conn.NewStream(ctx, desc, pathOf(method))
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	heard := make(chan saying)
	var failure error // how the stream ended; read after heard is closed
	go func() {
		defer close(heard)
		failure = receiveAll(ctx, stream, method.Output(), heard)
	}()
	return &conversation{
		name:  name,
		heard: heard,
		send: func(text string) error {
			request, err := newMessage(method.Input())
			if err != nil {
				return err
			}
			if err := prototext.Unmarshal([]byte(text), request); err != nil {
				return fmt.Errorf("request of %s: %w", name, err)
			}
			return stream.SendMsg(request)
		},
		close: stream.CloseSend,
		kill:  cancel,
		ended: func() (string, error) {
			if failure == io.EOF {
				return "[OK]\n", nil
			}
			s := status.Convert(failure)
			return fmt.Sprintf("[%s] %s\n", s.Code(), s.Message()), nil
		},
	}, nil
}

// receiveAll passes answers on until the stream ends, and returns how.
func receiveAll(ctx context.Context, stream grpc.ClientStream, kind protoreflect.MessageDescriptor, to chan<- saying) error {
	for {
		answer, err := newMessage(kind)
		if err != nil {
			return err
		}
		if err := stream.RecvMsg(answer); err != nil {
			return err
		}
		text := strings.Join(fieldsOf(answer.ProtoReflect()), " ") + "\n"
		select {
		case to <- saying{text, answer}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// collect shows the next n things of a watch stream, watcher by watcher: an
// event is a thing, and so is an answer without events.
//
// How events are spread over answers, and which of several watchers is told
// first, follows from the moment at which the server finds them; two servers,
// or two runs of one, need not agree. The order for each watcher is fixed.
func (c *conversation) collect(ctx context.Context, n int) (string, error) {
	things := map[int64][]string{}
	for n > 0 {
		s, how, ok, err := c.next(ctx)
		if err != nil {
			return "", fmt.Errorf("%w; %d are missing, so far:\n%s", err, n, inOrderOfWatchers(things))
		}
		if !ok {
			return inOrderOfWatchers(things) + how, nil
		}
		answer, isWatch := s.message.(*pb.WatchResponse)
		if !isWatch {
			return "", fmt.Errorf("%s: only watches can be collected", c.name)
		}
		list := thingsIn(answer, s.text)
		things[answer.WatchId] = append(things[answer.WatchId], list...)
		n -= len(list)
	}
	return inOrderOfWatchers(things), nil
}

func thingsIn(answer *pb.WatchResponse, text string) (list []string) {
	if len(answer.Events) == 0 {
		return []string{text}
	}
	for _, event := range answer.Events {
		list = append(list, strings.Join(fieldsOf(event.ProtoReflect()), " ")+"\n")
	}
	return list
}

func inOrderOfWatchers(things map[int64][]string) string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(things)) {
		for _, thing := range things[id] {
			fmt.Fprintf(&b, "watcher %d: %s", id, thing)
		}
	}
	return b.String()
}

// pathOf is the HTTP/2 path of a method.
func pathOf(method protoreflect.MethodDescriptor) string {
	return "/" + string(method.Parent().FullName()) + "/" + string(method.Name())
}
