package raftpb

import "insideetcd/ch01-intro/api/wire"

// Snapshot replaces the log up to and including Metadata.Index (Raft §7). The zero
// value, and whatever reads back as it, means "no snapshot".
type Snapshot struct {
	Data     []byte           `json:"data,omitempty"` // the state machine's own format
	Metadata SnapshotMetadata `json:"metadata"`
}

// SnapshotMetadata says which prefix of the log a snapshot stands for, and who the
// members were at its end: the entries that named them are gone.
type SnapshotMetadata struct {
	ConfState ConfState `json:"conf_state"`
	Index     uint64    `json:"index"` // of the last entry the snapshot covers
	Term      uint64    `json:"term"`  // of that entry
}

// Size is the length of the encoding in bytes.
func (s Snapshot) Size() int {
	return wire.SizeBytes(1, s.Data) + wire.SizeNested(2, s.Metadata.Size())
}

// AppendTo appends the encoding to b.
func (s Snapshot) AppendTo(b []byte) []byte {
	b = wire.AppendBytes(b, 1, s.Data)
	b = wire.AppendNested(b, 2, s.Metadata.Size())
	return s.Metadata.AppendTo(b)
}

func (s *Snapshot) decode(d wire.Decoder) error {
	for d.Next() {
		switch d.Field() {
		case 1:
			s.Data = d.Bytes()
		case 2:
			d.Join(s.Metadata.decode(d.Nested("raftpb.SnapshotMetadata")))
		}
	}
	return d.Err()
}

// Size is the length of the encoding in bytes.
func (m SnapshotMetadata) Size() int {
	return wire.SizeNested(1, m.ConfState.Size()) + wire.SizeVarint(2, m.Index) + wire.SizeVarint(3, m.Term)
}

// AppendTo appends the encoding to b.
func (m SnapshotMetadata) AppendTo(b []byte) []byte {
	b = wire.AppendNested(b, 1, m.ConfState.Size())
	b = m.ConfState.AppendTo(b)
	b = wire.AppendVarint(b, 2, m.Index)
	return wire.AppendVarint(b, 3, m.Term)
}

func (m *SnapshotMetadata) decode(d wire.Decoder) error {
	for d.Next() {
		switch d.Field() {
		case 1:
			d.Join(m.ConfState.decode(d.Nested("raftpb.ConfState")))
		case 2:
			m.Index = d.Varint()
		case 3:
			m.Term = d.Varint()
		}
	}
	return d.Err()
}
