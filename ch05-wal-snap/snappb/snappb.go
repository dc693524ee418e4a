// Package snappb holds the one message around a snapshot file: the bytes of a
// raftpb.Snapshot and the checksum over them. Encoding and strictness are those of
// package raftpb.
package snappb

// Snapshot is the content of a .snap file. Crc is the CRC-32C of Data, started at 0.
type Snapshot struct {
	Crc  uint32 `json:"crc"`
	Data []byte `json:"data,omitempty"`
}
