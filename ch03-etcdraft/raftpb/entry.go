package raftpb

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

// HardState is what a member must have on disk before it sends the messages that depend
// on it (Raft figure 2, "persistent state"): a vote forgotten in a crash would be given
// twice. Commit is only a hint there and may lag.
type HardState struct {
	Term   uint64 `json:"term"`
	Vote   uint64 `json:"vote"` // member voted for in Term; 0 = none
	Commit uint64 `json:"commit"`
}
