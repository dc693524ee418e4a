package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Handler answers what lies below /v3/ and, under its older name, /v3beta/; everything else
// goes to the next handler.
type Handler struct {
	conn         grpc.ClientConnInterface
	maxBodyBytes int64
	next         http.Handler
	routes       map[string]route
}

// NewHandler returns a Handler that calls the server through conn. A JSON value may have
// maxBodyBytes; a request of N bytes needs about 4/3 N, because of base64.
func NewHandler(conn grpc.ClientConnInterface, maxBodyBytes int64, next http.Handler) *Handler {
	return &Handler{conn: conn, maxBodyBytes: maxBodyBytes, next: next, routes: newRoutes()}
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/v3beta/")
	if !ok {
		path, ok = strings.CutPrefix(r.URL.Path, "/v3/")
	}
	if !ok {
		h.next.ServeHTTP(w, r)
		return
	}
	route, known := h.routes["/"+path]
	switch {
	case !known:
		http.Error(w, http.StatusText(http.StatusNotFound), http.StatusNotFound)
	case r.Method != http.MethodPost:
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	default:
		h.call(w, r, route)
	}
}

func (h *Handler) call(w http.ResponseWriter, r *http.Request, rt route) {
	ctx, cancel, err := outgoing(r)
	if err != nil {
		answerError(w, err)
		return
	}
	defer cancel()
	in := newInput(r.Body, h.maxBodyBytes)
	switch {
	case rt.clientStreams:
		err = h.bidi(ctx, cancel, w, in, rt)
	case rt.serverStreams:
		err = h.download(ctx, w, in, rt)
	default:
		err = h.unary(ctx, w, in, rt)
	}
	if err != nil {
		answerError(w, err)
	}
}

// unary makes a call with one request and one answer.
func (h *Handler) unary(ctx context.Context, w http.ResponseWriter, in *input, rt route) error {
	req, err := in.only(rt.request)
	if err != nil {
		return err
	}
	resp := rt.response.New()
	var header metadata.MD
	if err := h.conn.Invoke(ctx, rt.method, req.Interface(), resp.Interface(), grpc.Header(&header)); err != nil {
		return err
	}
	answerHeader(w, header)
	_, _ = w.Write(appendMessage(nil, resp)) // a client that is gone needs no answer
	return nil
}

// answerHeader writes what stands before a successful answer: JSON, and the metadata of the
// gRPC answer under 3.4's names. Which codec the connection uses is not the client's concern.
func answerHeader(w http.ResponseWriter, md metadata.MD) {
	for name, values := range md {
		for _, v := range values {
			if name == "content-type" {
				v = "application/grpc"
			}
			w.Header().Add("Grpc-Metadata-"+name, v)
		}
	}
	w.Header().Set("Content-Type", "application/json")
}

// outgoing is the context of the gRPC call: it ends with the HTTP request or after its
// Grpc-Timeout, and carries the caller's token. grpcgateway-accept tells the server that a
// gateway speaks: its TLS certificate says nothing about the caller.
func outgoing(r *http.Request) (context.Context, context.CancelFunc, error) {
	md := metadata.Pairs("grpcgateway-accept", r.Header.Get("Accept"))
	for name, values := range r.Header {
		if name == "Authorization" {
			md.Append("authorization", values...)
		} else if key, ok := strings.CutPrefix(name, "Grpc-Metadata-"); ok && key != "" {
			md.Append(key, values...)
		}
	}
	ctx := metadata.NewOutgoingContext(r.Context(), md)
	if text := r.Header.Get("Grpc-Timeout"); text != "" {
		timeout, ok := parseTimeout(text)
		if !ok {
			return nil, nil, status.Error(codes.InvalidArgument, "invalid grpc-timeout: "+text)
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		return ctx, cancel, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	return ctx, cancel, nil
}

// input reads JSON values from a body.
type input struct {
	body    io.Reader
	decoder *json.Decoder
	max     int64
	left    int64 // bytes that the value being read may still take
	failed  error // why the body cannot be read further; nil at its end
}

var errTooLarge = errors.New("the JSON value is too large")

func newInput(body io.Reader, maxBytes int64) *input {
	in := &input{body: body, max: maxBytes}
	in.decoder = json.NewDecoder(in)
	return in
}

// Read passes on the body, and remembers how it failed.
func (in *input) Read(p []byte) (int, error) {
	if in.left <= 0 {
		in.failed = errTooLarge
		return 0, errTooLarge
	}
	n, err := in.body.Read(p[:min(int64(len(p)), in.left)])
	in.left -= int64(n)
	if err != nil && err != io.EOF {
		in.failed = err
	}
	return n, err
}

// next reads the next message; io.EOF after the last one.
func (in *input) next(kind protoreflect.MessageType) (protoreflect.Message, error) {
	in.left = in.max
	var text json.RawMessage
	if err := in.decoder.Decode(&text); err != nil {
		return nil, err
	}
	m := kind.New()
	return m, decodeMessage(text, m, 1)
}

// only reads the one message of a call without a stream of requests. An empty body is the
// empty message.
func (in *input) only(kind protoreflect.MessageType) (protoreflect.Message, error) {
	m, err := in.next(kind)
	switch {
	case err == io.EOF:
		return kind.New(), nil
	case err != nil:
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return m, nil
}
