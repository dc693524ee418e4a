package v3rpc

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// Codec encodes and decodes the messages of the v3 API. It is set per server with
// grpc.ForceServerCodecV2 and per client with grpc.ForceCodecV2, never registered
// globally: another user of gRPC in the same process keeps the codec of its own.
//
// Who owns which bytes:
//
//	C1  Marshal writes a message once, into one buffer of exactly its size, and hands the
//	    buffer to gRPC; the message (and stored key-values in it) may be reused when
//	    Marshal returns.
//	C2  gRPC gives the buffer back to the pool when the transport has copied it into
//	    frames. From then on anybody may overwrite it.
//	C3  Unmarshal copies every string and byte slice out of the received buffer, because
//	    gRPC recycles that buffer as soon as Unmarshal returns.
//	C4  What a message hands over encoded is gRPC's to read until it has sent it. Nobody
//	    writes to it before; it is not of the pool. A long list goes back to where it came
//	    from when it was sent: its answer must not be looked at after Marshal.
//
// The zero Codec is ready for use.
type Codec struct {
	sent, received prometheus.Counter // bytes; nil: not counted
	pool           mem.BufferPool     // nil: answerBuffers
}

var _ encoding.CodecV2 = Codec{}

// Name is the name under which HTTP/2 headers know protobuf ("application/grpc+proto").
func (Codec) Name() string { return "proto" }

// selfEncoder is a message that knows how to append its own encoding: the answers of
// ch07, which splice stored bytes.
type selfEncoder interface {
	Size() int
	AppendTo(b []byte) []byte
}

// vtMessage is a message with generated code (vtprotobuf). The strict variant writes
// fields in the order of their numbers, as etcd does.
type vtMessage interface {
	SizeVT() int
	MarshalToSizedBufferVTStrict(b []byte) (int, error)
	UnmarshalVT(b []byte) error
}

// answerBuffers holds buffers of 4 KiB to 16 MiB in powers of four; an answer that is
// larger still is allocated on its own.
var answerBuffers = func() mem.BufferPool {
	pool, err := mem.NewBinaryTieredBufferPool(12, 14, 16, 18, 20, 22, 24)
	if err != nil {
		panic(fmt.Sprintf("v3rpc: buffer pool: %v", err))
	}
	return pool
}()

// inPieces is a message whose encoding lies in memory already, but for its ends; list is nil
// if not. Release gets the memory of the list back.
type inPieces interface {
	Pieces() (before, list, behind []byte)
	Release()
}

// releaser stands where gRPC expects the pool to which the list goes back.
type releaser struct{ inPieces }

func (r releaser) Put(*[]byte) { r.Release() }
func (r releaser) Get(int) *[]byte {
	panic("v3rpc: an answer in pieces has no memory to give")
}

// buffered is a message that has memory of its own for its encoding.
type buffered interface{ Buffers() mem.BufferSlice }

// Marshal encodes v into one buffer (C1), or passes on what is encoded already (C4).
func (c Codec) Marshal(v any) (mem.BufferSlice, error) {
	switch m := v.(type) {
	case buffered:
		return c.passOn(m.Buffers()), nil
	case inPieces:
		if before, list, behind := m.Pieces(); list != nil {
			return c.passOn(mem.BufferSlice{
				mem.SliceBuffer(before), mem.NewBuffer(&list, releaser{m}), mem.SliceBuffer(behind),
			}), nil
		}
	}
	size, err := encodedSize(v)
	if err != nil {
		return nil, err
	}
	if c.sent != nil {
		c.sent.Add(float64(size))
	}
	if mem.IsBelowBufferPoolingThreshold(size) { // for these the pool costs more than it saves
		b := make([]byte, size)
		if err := encodeInto(b, v); err != nil {
			return nil, err
		}
		return mem.BufferSlice{mem.SliceBuffer(b)}, nil
	}
	pool := c.pool
	if pool == nil {
		pool = answerBuffers
	}
	b := pool.Get(size)
	if err := encodeInto(*b, v); err != nil {
		pool.Put(b)
		return nil, err
	}
	return mem.BufferSlice{mem.NewBuffer(b, pool)}, nil
}

func (c Codec) passOn(buffers mem.BufferSlice) mem.BufferSlice {
	if c.sent != nil {
		c.sent.Add(float64(buffers.Len()))
	}
	return buffers
}

func encodedSize(v any) (int, error) {
	switch m := v.(type) {
	case selfEncoder:
		return m.Size(), nil
	case vtMessage:
		return m.SizeVT(), nil
	case proto.Message: // messages of others: gRPC's health service
		return proto.Size(m), nil
	}
	return 0, fmt.Errorf("v3rpc: cannot encode a %T: it is no message", v)
}

// encodeInto fills b, which has exactly the encoded size of v. A message that writes
// another number of bytes than it announced would put garbage on the wire.
func encodeInto(b []byte, v any) error {
	var n int
	var err error
	switch m := v.(type) {
	case selfEncoder:
		n = len(m.AppendTo(b[:0:len(b)]))
	case vtMessage:
		n, err = m.MarshalToSizedBufferVTStrict(b)
	case proto.Message:
		var out []byte
		out, err = proto.MarshalOptions{}.MarshalAppend(b[:0:len(b)], m)
		n = len(out)
	}
	if err != nil {
		return fmt.Errorf("v3rpc: encode %T: %w", v, err)
	}
	if n != len(b) {
		panic(fmt.Sprintf("v3rpc: %T announced %d bytes and wrote %d", v, len(b), n))
	}
	return nil
}

// Unmarshal decodes data into v and keeps nothing of data (C3).
func (c Codec) Unmarshal(data mem.BufferSlice, v any) error {
	buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buf.Free()
	if c.received != nil {
		c.received.Add(float64(buf.Len()))
	}
	switch m := v.(type) {
	case vtMessage:
		return m.UnmarshalVT(buf.ReadOnlyData())
	case proto.Message:
		return proto.Unmarshal(buf.ReadOnlyData(), m)
	}
	return fmt.Errorf("v3rpc: cannot decode into a %T: it is no message", v)
}
