package raftpb

import "insideetcd/ch01-intro/api/wire"

// Entry is one slot of the replicated log (Raft §5.3). Two entries with the same Index
// and Term are the same entry, on whatever member they lie.
type Entry struct {
	Term  uint64 // of the leader that created the entry
	Index uint64 // position in the log, from 1
	Type  EntryType
	Data  []byte // the command, or an encoded ConfChange or ConfChangeV2; nil for a leader's first entry
}

// EntryType says how to read an entry's Data.
type EntryType int32

const (
	EntryNormal       EntryType = 0 // a command for the state machine
	EntryConfChange   EntryType = 1 // Data is a ConfChange
	EntryConfChangeV2 EntryType = 2 // Data is a ConfChangeV2
)

var entryTypeNames = []string{"EntryNormal", "EntryConfChange", "EntryConfChangeV2"}

// String is the constant's name, or the number when it has none.
func (t EntryType) String() string { return enumName(int32(t), entryTypeNames) }

// Size is the length of the encoding in bytes. Raft's limits on messages count in it.
func (e Entry) Size() int {
	return wire.SizeVarint(1, enumBits(e.Type)) +
		wire.SizeVarint(2, e.Term) +
		wire.SizeVarint(3, e.Index) +
		wire.SizeBytes(4, e.Data)
}

// AppendTo appends the encoding to b. The numbers, not the declaration above, give the
// order: the type comes first.
func (e Entry) AppendTo(b []byte) []byte {
	b = wire.AppendVarint(b, 1, enumBits(e.Type))
	b = wire.AppendVarint(b, 2, e.Term)
	b = wire.AppendVarint(b, 3, e.Index)
	return wire.AppendBytes(b, 4, e.Data)
}

func (e *Entry) decode(d wire.Decoder) error {
	for d.Next() {
		switch d.Field() {
		case 1:
			e.Type = EntryType(d.Varint())
		case 2:
			e.Term = d.Varint()
		case 3:
			e.Index = d.Varint()
		case 4:
			e.Data = d.Bytes()
		}
	}
	return d.Err()
}

// HardState is what a member must have on disk before it sends the messages that depend
// on it (Raft figure 2, "persistent state"): a vote forgotten in a crash would be given
// twice. Commit is only a hint there and may lag.
type HardState struct {
	Term   uint64 `json:"term"`
	Vote   uint64 `json:"vote"` // member voted for in Term; 0 = none
	Commit uint64 `json:"commit"`
}

// Size is the length of the encoding in bytes.
func (st HardState) Size() int {
	return wire.SizeVarint(1, st.Term) + wire.SizeVarint(2, st.Vote) + wire.SizeVarint(3, st.Commit)
}

// AppendTo appends the encoding to b.
func (st HardState) AppendTo(b []byte) []byte {
	b = wire.AppendVarint(b, 1, st.Term)
	b = wire.AppendVarint(b, 2, st.Vote)
	return wire.AppendVarint(b, 3, st.Commit)
}

func (st *HardState) decode(d wire.Decoder) error {
	for d.Next() {
		switch d.Field() {
		case 1:
			st.Term = d.Varint()
		case 2:
			st.Vote = d.Varint()
		case 3:
			st.Commit = d.Varint()
		}
	}
	return d.Err()
}
