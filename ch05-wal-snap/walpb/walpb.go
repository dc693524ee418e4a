// Package walpb holds the two messages that the write-ahead log adds to raft's own: the
// Record around everything that is written, and the Snapshot that marks in the log that
// a snapshot file exists.
//
// Encoding and strictness are those of package raftpb: always-written proto2 fields in
// ascending order, unknown fields skipped and dropped. So the conf_state that 3.5 adds
// to Snapshot is read over and never written.
package walpb

import "insideetcd/ch01-intro/api/wire"

// Record is the unit of the log. Crc is the running CRC-32C over the Data of every
// record so far, this one's included, across segments; see package wal.
type Record struct {
	Type int64  `json:"type"`
	Crc  uint32 `json:"crc"`
	Data []byte `json:"data,omitempty"`
}

// Snapshot says that the log up to Index, whose entry there has Term, also lies in a
// snapshot file.
type Snapshot struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
}

// Size is the length of the encoding in bytes.
func (r Record) Size() int {
	return wire.SizeVarint(1, uint64(r.Type)) + wire.SizeVarint(2, uint64(r.Crc)) + wire.SizeBytes(3, r.Data)
}

// AppendTo appends the encoding to b.
func (r Record) AppendTo(b []byte) []byte {
	b = wire.AppendVarint(b, 1, uint64(r.Type))
	b = wire.AppendVarint(b, 2, uint64(r.Crc))
	return wire.AppendBytes(b, 3, r.Data)
}

func (r *Record) decode(d wire.Decoder) error {
	for d.Next() {
		switch d.Field() {
		case 1:
			r.Type = int64(d.Varint())
		case 2:
			r.Crc = uint32(d.Varint())
		case 3:
			r.Data = d.Bytes()
		}
	}
	return d.Err()
}

// Marshal returns the encoding; it never fails.
func (r Record) Marshal() ([]byte, error) { return wire.Marshal(r) }

// MarshalTo writes the encoding to the beginning of b and returns its length; too short
// a buffer is an error that wraps io.ErrShortBuffer.
func (r Record) MarshalTo(b []byte) (int, error) { return wire.MarshalTo(r, b) }

// Unmarshal replaces r by what b holds, and copies what it keeps. After an error r holds
// something unspecified.
func (r *Record) Unmarshal(b []byte) error {
	*r = Record{}
	return r.decode(wire.NewDecoder("walpb.Record", b))
}

// UnmarshalAliased is Unmarshal without the copy: Data is a piece of b, which from then
// on must not change. For a reader that looks at a record and goes on.
func (r *Record) UnmarshalAliased(b []byte) error {
	*r = Record{}
	return r.decode(wire.NewDecoder("walpb.Record", b).Aliasing())
}

// Size is the length of the encoding in bytes.
func (s Snapshot) Size() int { return wire.SizeVarint(1, s.Index) + wire.SizeVarint(2, s.Term) }

// AppendTo appends the encoding to b.
func (s Snapshot) AppendTo(b []byte) []byte {
	return wire.AppendVarint(wire.AppendVarint(b, 1, s.Index), 2, s.Term)
}

func (s *Snapshot) decode(d wire.Decoder) error {
	for d.Next() {
		switch d.Field() {
		case 1:
			s.Index = d.Varint()
		case 2:
			s.Term = d.Varint()
		}
	}
	return d.Err()
}

// Marshal returns the encoding; it never fails.
func (s Snapshot) Marshal() ([]byte, error) { return wire.Marshal(s) }

// MarshalTo writes the encoding to the beginning of b and returns its length; too short
// a buffer is an error that wraps io.ErrShortBuffer.
func (s Snapshot) MarshalTo(b []byte) (int, error) { return wire.MarshalTo(s, b) }

// Unmarshal replaces s by what b holds. After an error s holds something unspecified.
func (s *Snapshot) Unmarshal(b []byte) error {
	*s = Snapshot{}
	return s.decode(wire.NewDecoder("walpb.Snapshot", b))
}
