// Package snappb holds the one message around a snapshot file: the bytes of a
// raftpb.Snapshot and the checksum over them. Encoding and strictness are those of
// package raftpb.
package snappb

import "insideetcd/ch01-intro/api/wire"

// Snapshot is the content of a .snap file. Crc is the CRC-32C of Data, started at 0.
type Snapshot struct {
	Crc  uint32 `json:"crc"`
	Data []byte `json:"data,omitempty"`
}

// Size is the length of the encoding in bytes.
func (s Snapshot) Size() int { return wire.SizeVarint(1, uint64(s.Crc)) + wire.SizeBytes(2, s.Data) }

// AppendTo appends the encoding to b.
func (s Snapshot) AppendTo(b []byte) []byte {
	return wire.AppendBytes(wire.AppendVarint(b, 1, uint64(s.Crc)), 2, s.Data)
}

func (s *Snapshot) decode(d wire.Decoder) error {
	for d.Next() {
		switch d.Field() {
		case 1:
			s.Crc = uint32(d.Varint())
		case 2:
			s.Data = d.Bytes()
		}
	}
	return d.Err()
}

// Marshal returns the encoding; it never fails.
func (s Snapshot) Marshal() ([]byte, error) { return wire.Marshal(s) }

// MarshalTo writes the encoding to the beginning of b and returns its length; too short
// a buffer is an error that wraps io.ErrShortBuffer.
func (s Snapshot) MarshalTo(b []byte) (int, error) { return wire.MarshalTo(s, b) }

// Unmarshal replaces s by what b holds, and copies what it keeps. After an error s holds
// something unspecified.
func (s *Snapshot) Unmarshal(b []byte) error {
	*s = Snapshot{}
	return s.decode(wire.NewDecoder("snappb.Snapshot", b))
}

// UnmarshalAliased is Unmarshal without the copy: Data is a piece of b, which from then
// on must not change.
func (s *Snapshot) UnmarshalAliased(b []byte) error {
	*s = Snapshot{}
	return s.decode(wire.NewDecoder("snappb.Snapshot", b).Aliasing())
}
