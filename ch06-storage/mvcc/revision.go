package mvcc

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
)

const (
	revisionBytes  = 8 + 1 + 8         // main, '_', sub
	tombstoneBytes = revisionBytes + 1 // and 't'
)

// Revision names one change, and says whether it was a deletion. It is exactly what a
// key of the bucket "key" says:
//
//	00 00 00 00 00 00 00 07 5f 00 00 00 00 00 00 00 02      7.2, a put
//	00 00 00 00 00 00 00 07 5f 00 00 00 00 00 00 00 02 74   7.2, a tombstone
//
// Big endian, so that byte order is revision order. Sub has fewer bits than on disk: a
// transaction with 2^31 changes does not fit into memory.
type Revision struct {
	Main      int64 // the transaction, from 2 on
	Sub       int32 // the change within it, from 0 on
	Tombstone bool
}

// Compare orders revisions by time; a tombstone is neither before nor after a put.
func (r Revision) Compare(other Revision) int {
	if c := cmp.Compare(r.Main, other.Main); c != 0 {
		return c
	}
	return cmp.Compare(r.Sub, other.Sub)
}

func (r Revision) String() string {
	if r.Tombstone {
		return fmt.Sprintf("%d.%d†", r.Main, r.Sub)
	}
	return fmt.Sprintf("%d.%d", r.Main, r.Sub)
}

// AppendTo appends the disk form.
func (r Revision) AppendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(r.Main))
	b = append(b, '_')
	b = binary.BigEndian.AppendUint64(b, uint64(r.Sub))
	if r.Tombstone {
		b = append(b, 't')
	}
	return b
}

// ParseRevision reads the disk form.
func ParseRevision(b []byte) (Revision, error) {
	isTombstone := len(b) == tombstoneBytes && b[revisionBytes] == 't'
	if (len(b) != revisionBytes && !isTombstone) || b[8] != '_' {
		return Revision{}, fmt.Errorf("mvcc: %x is no revision", b)
	}
	main, sub := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[9:])
	if main > math.MaxInt64 || sub > math.MaxInt32 {
		return Revision{}, fmt.Errorf("mvcc: revision %x is out of range", b)
	}
	return Revision{Main: int64(main), Sub: int32(sub), Tombstone: isTombstone}, nil
}
