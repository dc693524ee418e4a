package raftpb

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
