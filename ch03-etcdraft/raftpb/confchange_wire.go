package raftpb

import "insideetcd/ch01-intro/api/wire"

// MarshalConfChange encodes a change as the entry that carries it: its type and its
// Data. The old form is kept when c has one, for members that know no other; a nil c
// becomes an EntryConfChangeV2 without Data, which asks to leave a joint configuration.
func MarshalConfChange(c ConfChangeI) (EntryType, []byte, error) {
	if c == nil {
		return EntryConfChangeV2, nil, nil
	}
	if old, ok := c.AsV1(); ok {
		data, err := old.Marshal()
		return EntryConfChange, data, err
	}
	data, err := c.AsV2().Marshal()
	return EntryConfChangeV2, data, err
}

// Size is the length of the encoding in bytes.
func (c ConfChange) Size() int {
	return wire.SizeVarint(1, c.ID) +
		wire.SizeVarint(2, enumBits(c.Type)) +
		wire.SizeVarint(3, c.NodeID) +
		wire.SizeBytes(4, c.Context)
}

// AppendTo appends the encoding to b.
func (c ConfChange) AppendTo(b []byte) []byte {
	b = wire.AppendVarint(b, 1, c.ID)
	b = wire.AppendVarint(b, 2, enumBits(c.Type))
	b = wire.AppendVarint(b, 3, c.NodeID)
	return wire.AppendBytes(b, 4, c.Context)
}

func (c *ConfChange) decode(d wire.Decoder) error {
	for d.Next() {
		switch d.Field() {
		case 1:
			c.ID = d.Varint()
		case 2:
			c.Type = ConfChangeType(d.Varint())
		case 3:
			c.NodeID = d.Varint()
		case 4:
			c.Context = d.Bytes()
		}
	}
	return d.Err()
}

// Size is the length of the encoding in bytes.
func (c ConfChangeSingle) Size() int {
	return wire.SizeVarint(1, enumBits(c.Type)) + wire.SizeVarint(2, c.NodeID)
}

// AppendTo appends the encoding to b.
func (c ConfChangeSingle) AppendTo(b []byte) []byte {
	b = wire.AppendVarint(b, 1, enumBits(c.Type))
	return wire.AppendVarint(b, 2, c.NodeID)
}

func (c *ConfChangeSingle) decode(d wire.Decoder) error {
	for d.Next() {
		switch d.Field() {
		case 1:
			c.Type = ConfChangeType(d.Varint())
		case 2:
			c.NodeID = d.Varint()
		}
	}
	return d.Err()
}

// Size is the length of the encoding in bytes.
func (c ConfChangeV2) Size() int {
	n := wire.SizeVarint(1, enumBits(c.Transition))
	for _, change := range c.Changes {
		n += wire.SizeNested(2, change.Size())
	}
	return n + wire.SizeBytes(3, c.Context)
}

// AppendTo appends the encoding to b.
func (c ConfChangeV2) AppendTo(b []byte) []byte {
	b = wire.AppendVarint(b, 1, enumBits(c.Transition))
	for _, change := range c.Changes {
		b = wire.AppendNested(b, 2, change.Size())
		b = change.AppendTo(b)
	}
	return wire.AppendBytes(b, 3, c.Context)
}

func (c *ConfChangeV2) decode(d wire.Decoder) error {
	for d.Next() {
		switch d.Field() {
		case 1:
			c.Transition = ConfChangeTransition(d.Varint())
		case 2:
			c.Changes = append(c.Changes, ConfChangeSingle{})
			d.Join(c.Changes[len(c.Changes)-1].decode(d.Nested("raftpb.ConfChangeSingle")))
		case 3:
			c.Context = d.Bytes()
		}
	}
	return d.Err()
}
