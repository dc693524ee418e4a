package raftpb

import "insideetcd/ch01-intro/api/wire"

// The methods of this file are the same for every message: the layout itself is Size,
// AppendTo and decode beside each type.
//
// Marshal returns the encoding in a slice of its own and never fails. MarshalTo writes
// it to the beginning of a buffer and returns its length; too short a buffer is an error
// that wraps io.ErrShortBuffer. Unmarshal replaces the whole value and copies what it
// keeps, so the input may be used again at once; after an error the value holds
// something unspecified. UnmarshalAliased does not copy: byte fields are pieces of the
// input, which from then on must not change, and stays in memory as long as they do.

// Marshal returns the encoding.
func (e Entry) Marshal() ([]byte, error) { return wire.Marshal(e) }

// MarshalTo writes the encoding to the beginning of b.
func (e Entry) MarshalTo(b []byte) (int, error) { return wire.MarshalTo(e, b) }

// Unmarshal reads b and copies what it keeps.
func (e *Entry) Unmarshal(b []byte) error {
	*e = Entry{}
	return e.decode(wire.NewDecoder("raftpb.Entry", b))
}

// UnmarshalAliased reads b and keeps pieces of it.
func (e *Entry) UnmarshalAliased(b []byte) error {
	*e = Entry{}
	return e.decode(wire.NewDecoder("raftpb.Entry", b).Aliasing())
}

// Marshal returns the encoding.
func (st HardState) Marshal() ([]byte, error) { return wire.Marshal(st) }

// MarshalTo writes the encoding to the beginning of b.
func (st HardState) MarshalTo(b []byte) (int, error) { return wire.MarshalTo(st, b) }

// Unmarshal reads b and copies what it keeps.
func (st *HardState) Unmarshal(b []byte) error {
	*st = HardState{}
	return st.decode(wire.NewDecoder("raftpb.HardState", b))
}

// Marshal returns the encoding.
func (m Message) Marshal() ([]byte, error) { return wire.Marshal(m) }

// MarshalTo writes the encoding to the beginning of b.
func (m Message) MarshalTo(b []byte) (int, error) { return wire.MarshalTo(m, b) }

// Unmarshal reads b and copies what it keeps.
func (m *Message) Unmarshal(b []byte) error {
	*m = Message{}
	return m.decode(wire.NewDecoder("raftpb.Message", b))
}

// UnmarshalAliased reads b and keeps pieces of it.
func (m *Message) UnmarshalAliased(b []byte) error {
	*m = Message{}
	return m.decode(wire.NewDecoder("raftpb.Message", b).Aliasing())
}

// Marshal returns the encoding.
func (s Snapshot) Marshal() ([]byte, error) { return wire.Marshal(s) }

// MarshalTo writes the encoding to the beginning of b.
func (s Snapshot) MarshalTo(b []byte) (int, error) { return wire.MarshalTo(s, b) }

// Unmarshal reads b and copies what it keeps.
func (s *Snapshot) Unmarshal(b []byte) error {
	*s = Snapshot{}
	return s.decode(wire.NewDecoder("raftpb.Snapshot", b))
}

// Marshal returns the encoding.
func (m SnapshotMetadata) Marshal() ([]byte, error) { return wire.Marshal(m) }

// MarshalTo writes the encoding to the beginning of b.
func (m SnapshotMetadata) MarshalTo(b []byte) (int, error) { return wire.MarshalTo(m, b) }

// Unmarshal reads b and copies what it keeps.
func (m *SnapshotMetadata) Unmarshal(b []byte) error {
	*m = SnapshotMetadata{}
	return m.decode(wire.NewDecoder("raftpb.SnapshotMetadata", b))
}

// Marshal returns the encoding.
func (cs ConfState) Marshal() ([]byte, error) { return wire.Marshal(cs) }

// MarshalTo writes the encoding to the beginning of b.
func (cs ConfState) MarshalTo(b []byte) (int, error) { return wire.MarshalTo(cs, b) }

// Unmarshal reads b and copies what it keeps.
func (cs *ConfState) Unmarshal(b []byte) error {
	*cs = ConfState{}
	return cs.decode(wire.NewDecoder("raftpb.ConfState", b))
}

// Marshal returns the encoding.
func (c ConfChange) Marshal() ([]byte, error) { return wire.Marshal(c) }

// MarshalTo writes the encoding to the beginning of b.
func (c ConfChange) MarshalTo(b []byte) (int, error) { return wire.MarshalTo(c, b) }

// Unmarshal reads b and copies what it keeps.
func (c *ConfChange) Unmarshal(b []byte) error {
	*c = ConfChange{}
	return c.decode(wire.NewDecoder("raftpb.ConfChange", b))
}

// Marshal returns the encoding.
func (c ConfChangeSingle) Marshal() ([]byte, error) { return wire.Marshal(c) }

// MarshalTo writes the encoding to the beginning of b.
func (c ConfChangeSingle) MarshalTo(b []byte) (int, error) { return wire.MarshalTo(c, b) }

// Unmarshal reads b and copies what it keeps.
func (c *ConfChangeSingle) Unmarshal(b []byte) error {
	*c = ConfChangeSingle{}
	return c.decode(wire.NewDecoder("raftpb.ConfChangeSingle", b))
}

// Marshal returns the encoding.
func (c ConfChangeV2) Marshal() ([]byte, error) { return wire.Marshal(c) }

// MarshalTo writes the encoding to the beginning of b.
func (c ConfChangeV2) MarshalTo(b []byte) (int, error) { return wire.MarshalTo(c, b) }

// Unmarshal reads b and copies what it keeps.
func (c *ConfChangeV2) Unmarshal(b []byte) error {
	*c = ConfChangeV2{}
	return c.decode(wire.NewDecoder("raftpb.ConfChangeV2", b))
}
