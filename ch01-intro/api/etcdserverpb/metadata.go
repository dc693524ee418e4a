package etcdserverpb

import "insideetcd/ch01-intro/api/wire"

// Metadata is the first thing a member writes into each segment of its write-ahead log:
// whose log it is. Both fields are always written.
type Metadata struct {
	NodeID    uint64
	ClusterID uint64
}

// Size is the length of the encoding in bytes.
func (m Metadata) Size() int { return wire.SizeVarint(1, m.NodeID) + wire.SizeVarint(2, m.ClusterID) }

// AppendTo appends the encoding to b.
func (m Metadata) AppendTo(b []byte) []byte {
	return wire.AppendVarint(wire.AppendVarint(b, 1, m.NodeID), 2, m.ClusterID)
}

func (m *Metadata) decode(d wire.Decoder) error {
	for d.Next() {
		switch d.Field() {
		case 1:
			m.NodeID = d.Varint()
		case 2:
			m.ClusterID = d.Varint()
		}
	}
	return d.Err()
}

// Marshal returns the encoding; it never fails.
func (m Metadata) Marshal() ([]byte, error) { return wire.Marshal(m) }

// MarshalTo writes the encoding to the beginning of b and returns its length; too short
// a buffer is an error that wraps io.ErrShortBuffer.
func (m Metadata) MarshalTo(b []byte) (int, error) { return wire.MarshalTo(m, b) }

// Unmarshal replaces m by what b holds. After an error m holds something unspecified.
func (m *Metadata) Unmarshal(b []byte) error {
	*m = Metadata{}
	return m.decode(wire.NewDecoder("etcdserverpb.Metadata", b))
}
