package snap

import (
	"errors"
	"fmt"
	"hash/crc32"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/snappb"
)

var (
	// ErrEmptySnapshot: the file, or the snapshot in it, is empty.
	ErrEmptySnapshot = errors.New("snap: empty snapshot")
	// ErrCRCMismatch: the file is not what was written.
	ErrCRCMismatch = errors.New("snap: crc mismatch")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode gives the bytes of a snapshot file.
func encode(s raftpb.Snapshot) []byte {
	data := s.AppendTo(make([]byte, 0, s.Size()))
	outer := snappb.Snapshot{Crc: crc32.Checksum(data, castagnoli), Data: data}
	return outer.AppendTo(make([]byte, 0, outer.Size()))
}

// decode reads the bytes of a snapshot file. A crc of 0 is refused although data might have
// that checksum: it is what a file of zeros looks like.
func decode(b []byte) (*raftpb.Snapshot, error) {
	if len(b) == 0 {
		return nil, ErrEmptySnapshot
	}
	var outer snappb.Snapshot
	if err := outer.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("snap: %w", err)
	}
	if len(outer.Data) == 0 || outer.Crc == 0 {
		return nil, ErrEmptySnapshot
	}
	if crc := crc32.Checksum(outer.Data, castagnoli); crc != outer.Crc {
		return nil, fmt.Errorf("%w: the file says %08x, its data give %08x", ErrCRCMismatch, outer.Crc, crc)
	}
	var s raftpb.Snapshot
	if err := s.Unmarshal(outer.Data); err != nil {
		return nil, fmt.Errorf("snap: %w", err)
	}
	return &s, nil
}
