package etcdserverpb

import "fmt"

// DecodeRaftEntry tells what a normal raft entry asks for. In 3.4 an entry's data is one of
// two messages, and nothing in it says which: an InternalRaftRequest (v3 requests), or
// the bare bytes of a Request (member attributes, cluster version, SYNC and v2 keys).
//
// What tells them apart is strict decoding. A Request always writes all its fields, so it
// holds field 5 (Dir) as a varint, where an InternalRaftRequest can only hold a message
// (delete_range): the wire types differ, and the decoder refuses. Method ("PUT") already
// stands where v2 is expected, in field 2, and is no well-formed Request either.
//
// For a v3 request raftReq is set; when it carries an embedded v2 request, v2 is that one,
// decoded, and it is what the entry asks for. For a bare Request raftReq is nil and v2
// is set. When neither fits, err holds both refusals: the log was written by something
// that this server does not know, and nothing may be guessed.
//
// Data of length 0 (what a new leader appends) asks for nothing; callers look for it first.
func DecodeRaftEntry(data []byte) (raftReq *InternalRaftRequest, v2 *Request, err error) {
	raftReq, v2, internalErr := decodeInternal(data)
	if internalErr == nil {
		return raftReq, v2, nil
	}
	bare := new(Request)
	if err := bare.Unmarshal(data); err != nil {
		return nil, nil, fmt.Errorf("etcdserverpb: entry data of %d bytes is neither an InternalRaftRequest (%w) nor a Request (%w)",
			len(data), internalErr, err)
	}
	return nil, bare, nil
}

func decodeInternal(data []byte) (*InternalRaftRequest, *Request, error) {
	raftReq := new(InternalRaftRequest)
	if err := raftReq.UnmarshalVT(data); err != nil {
		return nil, nil, err
	}
	if raftReq.V2 == nil {
		return raftReq, nil, nil
	}
	v2 := new(Request)
	if err := v2.Unmarshal(raftReq.V2); err != nil {
		return nil, nil, fmt.Errorf("embedded v2 request: %w", err)
	}
	return raftReq, v2, nil
}
