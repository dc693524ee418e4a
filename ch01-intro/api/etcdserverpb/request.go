package etcdserverpb

import "insideetcd/ch01-intro/api/wire"

// Request is a request of the v2 API as it travels through the raft log. In etcd 3.4
// the server itself still uses it for a member's attributes (PUT), the cluster version
// (PUT) and SYNC, so every 3.4 log holds some, as bare bytes beside encoded
// InternalRaftRequests. A reader tells them apart by decoding strictly: what is not one
// is the other.
//
// Every field but the two pointers is always written, zero or not. Like the other hand
// written messages (package wire) it drops unknown fields and is strict about known
// ones.
type Request struct {
	ID         uint64
	Method     string
	Path       string
	Val        string
	Dir        bool
	PrevValue  string
	PrevIndex  uint64
	PrevExist  *bool `json:",omitempty"` // nil = do not care
	Expiration int64 // Unix time in nanoseconds; 0 = never
	Wait       bool
	Since      uint64
	Recursive  bool
	Sorted     bool
	Quorum     bool
	Time       int64 // Unix time in nanoseconds, of SYNC
	Stream     bool
	Refresh    *bool `json:",omitempty"` // nil = false
}

// Size is the length of the encoding in bytes.
func (r Request) Size() int {
	n := wire.SizeVarint(1, r.ID) +
		wire.SizeText(2, r.Method) +
		wire.SizeText(3, r.Path) +
		wire.SizeText(4, r.Val) +
		wire.SizeBool(5) +
		wire.SizeText(6, r.PrevValue) +
		wire.SizeVarint(7, r.PrevIndex)
	if r.PrevExist != nil {
		n += wire.SizeBool(8)
	}
	n += wire.SizeVarint(9, uint64(r.Expiration)) +
		wire.SizeBool(10) +
		wire.SizeVarint(11, r.Since) +
		wire.SizeBool(12) +
		wire.SizeBool(13) +
		wire.SizeBool(14) +
		wire.SizeVarint(15, uint64(r.Time)) +
		wire.SizeBool(16)
	if r.Refresh != nil {
		n += wire.SizeBool(17)
	}
	return n
}

// AppendTo appends the encoding to b.
func (r Request) AppendTo(b []byte) []byte {
	b = wire.AppendVarint(b, 1, r.ID)
	b = wire.AppendText(b, 2, r.Method)
	b = wire.AppendText(b, 3, r.Path)
	b = wire.AppendText(b, 4, r.Val)
	b = wire.AppendBool(b, 5, r.Dir)
	b = wire.AppendText(b, 6, r.PrevValue)
	b = wire.AppendVarint(b, 7, r.PrevIndex)
	if r.PrevExist != nil {
		b = wire.AppendBool(b, 8, *r.PrevExist)
	}
	b = wire.AppendVarint(b, 9, uint64(r.Expiration))
	b = wire.AppendBool(b, 10, r.Wait)
	b = wire.AppendVarint(b, 11, r.Since)
	b = wire.AppendBool(b, 12, r.Recursive)
	b = wire.AppendBool(b, 13, r.Sorted)
	b = wire.AppendBool(b, 14, r.Quorum)
	b = wire.AppendVarint(b, 15, uint64(r.Time))
	b = wire.AppendBool(b, 16, r.Stream)
	if r.Refresh != nil {
		b = wire.AppendBool(b, 17, *r.Refresh)
	}
	return b
}

// requestFields says, by field number, how each field of a Request is read: a table,
// since the loop over seventeen cases would fill more than a screen.
var requestFields = [...]func(*Request, *wire.Decoder){
	1:  func(r *Request, d *wire.Decoder) { r.ID = d.Varint() },
	2:  func(r *Request, d *wire.Decoder) { r.Method = d.Text() },
	3:  func(r *Request, d *wire.Decoder) { r.Path = d.Text() },
	4:  func(r *Request, d *wire.Decoder) { r.Val = d.Text() },
	5:  func(r *Request, d *wire.Decoder) { r.Dir = d.Bool() },
	6:  func(r *Request, d *wire.Decoder) { r.PrevValue = d.Text() },
	7:  func(r *Request, d *wire.Decoder) { r.PrevIndex = d.Varint() },
	8:  func(r *Request, d *wire.Decoder) { r.PrevExist = new(d.Bool()) },
	9:  func(r *Request, d *wire.Decoder) { r.Expiration = int64(d.Varint()) },
	10: func(r *Request, d *wire.Decoder) { r.Wait = d.Bool() },
	11: func(r *Request, d *wire.Decoder) { r.Since = d.Varint() },
	12: func(r *Request, d *wire.Decoder) { r.Recursive = d.Bool() },
	13: func(r *Request, d *wire.Decoder) { r.Sorted = d.Bool() },
	14: func(r *Request, d *wire.Decoder) { r.Quorum = d.Bool() },
	15: func(r *Request, d *wire.Decoder) { r.Time = int64(d.Varint()) },
	16: func(r *Request, d *wire.Decoder) { r.Stream = d.Bool() },
	17: func(r *Request, d *wire.Decoder) { r.Refresh = new(d.Bool()) },
}

func (r *Request) decode(d wire.Decoder) error {
	for d.Next() {
		if f := int(d.Field()); f < len(requestFields) {
			requestFields[f](r, &d)
		}
	}
	return d.Err()
}

// Marshal returns the encoding; it never fails.
func (r Request) Marshal() ([]byte, error) { return wire.Marshal(r) }

// MarshalTo writes the encoding to the beginning of b and returns its length; too short
// a buffer is an error that wraps io.ErrShortBuffer.
func (r Request) MarshalTo(b []byte) (int, error) { return wire.MarshalTo(r, b) }

// Unmarshal replaces r by what b holds. After an error r holds something unspecified.
func (r *Request) Unmarshal(b []byte) error {
	*r = Request{}
	return r.decode(wire.NewDecoder("etcdserverpb.Request", b))
}
