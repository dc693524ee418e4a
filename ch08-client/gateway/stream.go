package gateway

import (
	"context"
	"io"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// download makes a call with one request and many answers.
func (h *Handler) download(ctx context.Context, w http.ResponseWriter, in *input, rt route) error {
	req, err := in.only(rt.request)
	if err != nil {
		return err
	}
	stream, err := h.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, rt.method)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(req.Interface()); err != nil && err != io.EOF { // EOF: RecvMsg says why
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return forward(w, stream, rt.response)
}

// bidi makes a call with many requests and many answers. The first request is read before
// anything is answered, so that nonsense gets a status of its own; the others are read
// beside the answers.
func (h *Handler) bidi(ctx context.Context, cancel context.CancelFunc, w http.ResponseWriter, in *input, rt route) error {
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex() // unsupported: the answers begin after the end of the body
	// What is left of a body must not be read as the next request.
	w.Header().Set("Connection", "close")
	first, err := in.next(rt.request)
	if err != nil && err != io.EOF {
		return err // no status of gRPC's, so code Unknown: as in 3.4
	}
	ended := err == io.EOF
	stream, err := h.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, rt.method)
	if err != nil {
		return err
	}
	if ended {
		if err := stream.CloseSend(); err != nil {
			return err
		}
		return forward(w, stream, rt.response)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		upload(stream, first, in, rt.request)
		if in.failed != nil { // the client is gone, and nothing else notices it
			cancel()
		}
	}()
	err = forward(w, stream, rt.response)
	select {
	case <-sent:
	default: // the stream ended before the body: nobody will read the rest of it
		_ = control.SetReadDeadline(time.Unix(1, 0))
		cancel()
		<-sent
	}
	return err
}

// upload sends requests until the body ends or makes no sense, or the stream is over.
func upload(stream grpc.ClientStream, m protoreflect.Message, in *input, kind protoreflect.MessageType) {
	for err := error(nil); err == nil; m, err = in.next(kind) {
		if err := stream.SendMsg(m.Interface()); err != nil {
			return // the receiving side knows why
		}
	}
	_ = stream.CloseSend()
}

// forward writes each answer as a line of its own, at once.
func forward(w http.ResponseWriter, stream grpc.ClientStream, kind protoreflect.MessageType) error {
	header, err := stream.Header()
	if err != nil {
		return err
	}
	answerHeader(w, header)
	w.Header().Set("Transfer-Encoding", "chunked")
	control := http.NewResponseController(w)
	var line []byte
	for begun := false; ; begun = true {
		m := kind.New()
		err := stream.RecvMsg(m.Interface())
		if err == io.EOF {
			return nil
		}
		if err != nil {
			e := newStreamError(err)
			if !begun {
				w.WriteHeader(e.Error.HTTPCode)
			}
			writeJSON(w, e)
			return nil
		}
		line = append(appendMessage(append(line[:0], `{"result":`...), m), '}', '\n')
		if _, err := w.Write(line); err != nil {
			return nil // the client is gone; the end of its request ends the call
		}
		_ = control.Flush() // a failure shows at the next write
	}
}
