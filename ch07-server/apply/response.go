package apply

import (
	"google.golang.org/protobuf/encoding/protowire"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
)

// The answers of the key-value requests. They mean what the messages of the
// same name in etcdserverpb mean, with one difference: key-values stay as they
// are stored, already encoded. The gRPC codec asks an answer for its Size and
// lets it append itself, so a value that was encoded once, when it was put, is
// never decoded and encoded again on its way to a client. Callers inside this
// process that want to look into an answer call Proto.
//
// Field numbers below are those of etcdserverpb/rpc.proto.

// RangeResponse answers a RangeRequest.
type RangeResponse struct {
	Header *pb.ResponseHeader
	Kvs    []mvccpb.RawKeyValue // each an encoded KeyValue, in the order asked for
	More   bool                 // a limit cut the list
	Count  int64                // all keys in the interval, also those cut off

	// framed, if it begins with Kvs in their order, is their encoding; see pieces.go.
	framed []byte
}

// PutResponse answers a PutRequest.
type PutResponse struct {
	Header *pb.ResponseHeader
	PrevKv mvccpb.RawKeyValue // nil unless asked for and present
}

// DeleteRangeResponse answers a DeleteRangeRequest.
type DeleteRangeResponse struct {
	Header  *pb.ResponseHeader
	Deleted int64
	PrevKvs []mvccpb.RawKeyValue
}

// TxnResponse answers a TxnRequest: one ResponseOp for each operation of the
// branch that was taken.
type TxnResponse struct {
	Header    *pb.ResponseHeader
	Succeeded bool
	Responses []ResponseOp
}

// ResponseOp is the answer to one operation of a transaction; exactly one
// field is set.
type ResponseOp struct {
	Range       *RangeResponse
	Put         *PutResponse
	DeleteRange *DeleteRangeResponse
	Txn         *TxnResponse
}

const (
	fieldHeader = 1

	fieldRangeKvs   = 2
	fieldRangeMore  = 3
	fieldRangeCount = 4

	fieldPutPrevKv = 2

	fieldDeleteDeleted = 2
	fieldDeletePrevKvs = 3

	fieldTxnSucceeded = 2
	fieldTxnResponses = 3

	fieldOpRange       = 1
	fieldOpPut         = 2
	fieldOpDeleteRange = 3
	fieldOpTxn         = 4
)

// Size returns the number of bytes that AppendTo appends.
func (r *RangeResponse) Size() int {
	return sizeHeader(r.Header) + sizeKvs(fieldRangeKvs, r.Kvs) +
		sizeBool(fieldRangeMore, r.More) + sizeInt64(fieldRangeCount, r.Count)
}

// AppendTo appends the encoded etcdserverpb.RangeResponse to b.
func (r *RangeResponse) AppendTo(b []byte) []byte {
	b = appendHeader(b, r.Header)
	b = appendKvs(b, fieldRangeKvs, r.Kvs)
	b = appendBool(b, fieldRangeMore, r.More)
	return appendInt64(b, fieldRangeCount, r.Count)
}

// Proto decodes the answer. It fails only where a stored value is damaged.
func (r *RangeResponse) Proto() (*pb.RangeResponse, error) {
	kvs, err := decodeKvs(r.Kvs)
	if err != nil {
		return nil, err
	}
	return &pb.RangeResponse{Header: r.Header, Kvs: kvs, More: r.More, Count: r.Count}, nil
}

// Size returns the number of bytes that AppendTo appends.
func (r *PutResponse) Size() int {
	n := sizeHeader(r.Header)
	if r.PrevKv != nil {
		n += sizeBytes(fieldPutPrevKv, len(r.PrevKv))
	}
	return n
}

// AppendTo appends the encoded etcdserverpb.PutResponse to b.
func (r *PutResponse) AppendTo(b []byte) []byte {
	b = appendHeader(b, r.Header)
	if r.PrevKv != nil {
		b = appendBytes(b, fieldPutPrevKv, r.PrevKv)
	}
	return b
}

// Proto decodes the answer.
func (r *PutResponse) Proto() (*pb.PutResponse, error) {
	resp := &pb.PutResponse{Header: r.Header}
	if r.PrevKv == nil {
		return resp, nil
	}
	kv, err := r.PrevKv.Decode()
	resp.PrevKv = kv
	return resp, err
}

// Size returns the number of bytes that AppendTo appends.
func (r *DeleteRangeResponse) Size() int {
	return sizeHeader(r.Header) + sizeInt64(fieldDeleteDeleted, r.Deleted) +
		sizeKvs(fieldDeletePrevKvs, r.PrevKvs)
}

// AppendTo appends the encoded etcdserverpb.DeleteRangeResponse to b.
func (r *DeleteRangeResponse) AppendTo(b []byte) []byte {
	b = appendHeader(b, r.Header)
	b = appendInt64(b, fieldDeleteDeleted, r.Deleted)
	return appendKvs(b, fieldDeletePrevKvs, r.PrevKvs)
}

// Proto decodes the answer.
func (r *DeleteRangeResponse) Proto() (*pb.DeleteRangeResponse, error) {
	kvs, err := decodeKvs(r.PrevKvs)
	if err != nil {
		return nil, err
	}
	return &pb.DeleteRangeResponse{Header: r.Header, Deleted: r.Deleted, PrevKvs: kvs}, nil
}

// Size returns the number of bytes that AppendTo appends.
func (r *TxnResponse) Size() int {
	n := sizeHeader(r.Header) + sizeBool(fieldTxnSucceeded, r.Succeeded)
	for i := range r.Responses {
		n += sizeBytes(fieldTxnResponses, r.Responses[i].size())
	}
	return n
}

// AppendTo appends the encoded etcdserverpb.TxnResponse to b.
func (r *TxnResponse) AppendTo(b []byte) []byte {
	b = appendHeader(b, r.Header)
	b = appendBool(b, fieldTxnSucceeded, r.Succeeded)
	for i := range r.Responses {
		b = protowire.AppendTag(b, fieldTxnResponses, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(r.Responses[i].size()))
		b = r.Responses[i].appendTo(b)
	}
	return b
}

// Proto decodes the answer, nested transactions included.
func (r *TxnResponse) Proto() (*pb.TxnResponse, error) {
	resp := &pb.TxnResponse{Header: r.Header, Succeeded: r.Succeeded}
	for i := range r.Responses {
		op, err := r.Responses[i].proto()
		if err != nil {
			return nil, err
		}
		resp.Responses = append(resp.Responses, op)
	}
	return resp, nil
}

// wireMessage is what the four answers have in common.
type wireMessage interface {
	Size() int
	AppendTo(b []byte) []byte
}

// message returns the field that is set and its number; nil for an operation
// that was sent without a request, which is answered with an empty ResponseOp.
func (o *ResponseOp) message() (protowire.Number, wireMessage) {
	switch {
	case o.Range != nil:
		return fieldOpRange, o.Range
	case o.Put != nil:
		return fieldOpPut, o.Put
	case o.DeleteRange != nil:
		return fieldOpDeleteRange, o.DeleteRange
	case o.Txn != nil:
		return fieldOpTxn, o.Txn
	}
	return 0, nil
}

func (o *ResponseOp) size() int {
	num, m := o.message()
	if m == nil {
		return 0
	}
	return sizeBytes(num, m.Size())
}

func (o *ResponseOp) appendTo(b []byte) []byte {
	num, m := o.message()
	if m == nil {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(m.Size()))
	return m.AppendTo(b)
}

func (o *ResponseOp) proto() (*pb.ResponseOp, error) {
	switch {
	case o.Range != nil:
		r, err := o.Range.Proto()
		return &pb.ResponseOp{Response: &pb.ResponseOp_ResponseRange{ResponseRange: r}}, err
	case o.Put != nil:
		r, err := o.Put.Proto()
		return &pb.ResponseOp{Response: &pb.ResponseOp_ResponsePut{ResponsePut: r}}, err
	case o.DeleteRange != nil:
		r, err := o.DeleteRange.Proto()
		return &pb.ResponseOp{Response: &pb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: r}}, err
	case o.Txn != nil:
		r, err := o.Txn.Proto()
		return &pb.ResponseOp{Response: &pb.ResponseOp_ResponseTxn{ResponseTxn: r}}, err
	}
	return &pb.ResponseOp{}, nil
}

// Proto3 leaves out scalars that are zero and messages that are nil.

func sizeBytes(num protowire.Number, n int) int {
	return protowire.SizeTag(num) + protowire.SizeBytes(n)
}

func appendBytes(b []byte, num protowire.Number, v []byte) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return protowire.AppendBytes(b, v)
}

func sizeBool(num protowire.Number, v bool) int {
	if !v {
		return 0
	}
	return protowire.SizeTag(num) + 1
}

func appendBool(b []byte, num protowire.Number, v bool) []byte {
	if !v {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.VarintType)
	return append(b, 1)
}

func sizeInt64(num protowire.Number, v int64) int {
	if v == 0 {
		return 0
	}
	return protowire.SizeTag(num) + protowire.SizeVarint(uint64(v))
}

func appendInt64(b []byte, num protowire.Number, v int64) []byte {
	if v == 0 {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(v))
}

func sizeHeader(h *pb.ResponseHeader) int {
	if h == nil {
		return 0
	}
	return sizeBytes(fieldHeader, h.SizeVT())
}

func appendHeader(b []byte, h *pb.ResponseHeader) []byte {
	if h == nil {
		return b
	}
	b = protowire.AppendTag(b, fieldHeader, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(h.SizeVT()))
	b = appendInt64(b, 1, int64(h.ClusterId))
	b = appendInt64(b, 2, int64(h.MemberId))
	b = appendInt64(b, 3, h.Revision)
	return appendInt64(b, 4, int64(h.RaftTerm))
}

func sizeKvs(num protowire.Number, kvs []mvccpb.RawKeyValue) (n int) {
	for _, kv := range kvs {
		n += sizeBytes(num, len(kv))
	}
	return n
}

func appendKvs(b []byte, num protowire.Number, kvs []mvccpb.RawKeyValue) []byte {
	for _, kv := range kvs {
		b = appendBytes(b, num, kv)
	}
	return b
}

func decodeKvs(raw []mvccpb.RawKeyValue) ([]*mvccpb.KeyValue, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	kvs := make([]*mvccpb.KeyValue, len(raw))
	for i := range raw {
		kv, err := raw[i].Decode()
		if err != nil {
			return nil, err
		}
		kvs[i] = kv
	}
	return kvs, nil
}
