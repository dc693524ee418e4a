// Package walpb holds the two messages that the write-ahead log adds to raft's own: the
// Record around everything that is written, and the Snapshot that marks in the log that
// a snapshot file exists.
//
// Encoding and strictness are those of package raftpb: always-written proto2 fields in
// ascending order, unknown fields skipped and dropped. So the conf_state that 3.5 adds
// to Snapshot is read over and never written.
package walpb

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
