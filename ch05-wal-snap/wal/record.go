package wal

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"
)

// The kinds of record, as they stand in walpb.Record.Type.
const (
	MetadataType int64 = 1 // who this log belongs to: the same bytes at the head of every segment
	EntryType    int64 = 2 // a raftpb.Entry
	StateType    int64 = 3 // a raftpb.HardState
	CrcType      int64 = 4 // no data: hands the running checksum from one segment to the next
	SnapshotType int64 = 5 // a walpb.Snapshot: a snapshot file with this index and term exists
)

var recordTypeNames = map[int64]string{
	MetadataType: "metadata", EntryType: "entry", StateType: "state", CrcType: "crc", SnapshotType: "snapshot",
}

// TypeName is the word for a record type, "unknown" for one that this version does not know.
func TypeName(t int64) string {
	if name, ok := recordTypeNames[t]; ok {
		return name
	}
	return "unknown"
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	lengthFieldBytes = 8
	lengthMask       = 1<<56 - 1

	// crcFieldBytes is the room kept for the checksum's varint: five bytes for fifteen of
	// sixteen checksums (those of 2^28 and above).
	crcFieldBytes = 5
)

// lengthField packs the length of a record and returns how much padding follows the record.
func lengthField(recordBytes int) (field uint64, padBytes int) {
	padBytes = -recordBytes & 7
	field = uint64(recordBytes)
	if padBytes != 0 {
		field |= uint64(0x80|padBytes) << 56
	}
	return field, padBytes
}

// splitLength is lengthField backwards. ok is false for a field that no writer produces.
func splitLength(field uint64) (recordBytes int64, padBytes int, ok bool) {
	recordBytes = int64(field & lengthMask)
	want, padBytes := lengthField(int(recordBytes))
	return recordBytes, padBytes, want == field
}

// message is what can be written into a record without an intermediate copy.
type message interface {
	Size() int
	AppendTo([]byte) []byte
}

// bytesMessage is data that is encoded already. Nil leaves the data field out.
type bytesMessage []byte

func (m bytesMessage) Size() int                { return len(m) }
func (m bytesMessage) AppendTo(b []byte) []byte { return append(b, m...) }

// appendFrame appends the frame of one record to b and returns the checksum that runs on.
//
// The checksum stands BEFORE the data it covers, and its varint has no fixed size. So the
// data is encoded where it will stand if the checksum takes five bytes, and moved down in
// the one case of sixteen where it takes fewer. Nothing is allocated but room in b.
func appendFrame[M message](b []byte, crc uint32, typ int64, m M) ([]byte, uint32) {
	start := len(b)
	dataBytes := m.Size()
	headBytes := 2 + 1 + crcFieldBytes + 1 + protowire.SizeVarint(uint64(dataBytes))
	b = append(b, make([]byte, lengthFieldBytes+headBytes)...)
	dataStart := len(b)
	b = m.AppendTo(b)
	if len(b)-dataStart != dataBytes {
		panic(sizeMismatch{typ: typ, announced: dataBytes, written: len(b) - dataStart})
	}
	crc = crc32.Update(crc, castagnoli, b[dataStart:])

	head := appendHead(b[:start+lengthFieldBytes], typ, crc)
	head = protowire.AppendTag(head, 3, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(dataBytes))
	if len(head) < dataStart {
		n := copy(b[len(head):], b[dataStart:])
		b = b[:len(head)+n]
	}
	return closeFrame(b, start), crc
}

// appendBareFrame appends the frame of a record without data, which leaves crc as it is.
func appendBareFrame(b []byte, crc uint32, typ int64) []byte {
	start := len(b)
	b = append(b, make([]byte, lengthFieldBytes)...)
	return closeFrame(appendHead(b, typ, crc), start)
}

func appendHead(b []byte, typ int64, crc uint32) []byte {
	b = protowire.AppendTag(b, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(typ))
	b = protowire.AppendTag(b, 2, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(crc))
}

// closeFrame writes the length field of the frame that begins at start, and the padding.
func closeFrame(b []byte, start int) []byte {
	field, pad := lengthField(len(b) - start - lengthFieldBytes)
	binary.LittleEndian.PutUint64(b[start:], field)
	return append(b, make([]byte, pad)...)
}

// head is a record without its data, as every etcd writes it: type, crc, data, in this order.
type head struct {
	typ       int64
	crc       uint32
	hasData   bool
	dataBytes int64
	bytes     int // of the head itself
}

// recordBytes is the length that a record with this head has.
func (h head) recordBytes() int64 { return int64(h.bytes) + h.dataBytes }

// parseHead reads a head from the beginning of b, which may be cut short. ok is false when
// b does not hold a complete head in the usual form.
func parseHead(b []byte) (h head, ok bool) {
	typ, n := fieldVarint(b, 0, 0x08)
	crc, n := fieldVarint(b, n, 0x10)
	if n < 0 || crc > 1<<32-1 {
		return head{}, false
	}
	h = head{typ: int64(typ), crc: uint32(crc), bytes: n}
	if n == len(b) {
		return h, true // a record without data; the caller knows whether b was the whole of it
	}
	size, n := fieldVarint(b, n, 0x1a)
	if n < 0 || size > lengthMask {
		return head{}, false
	}
	h.hasData, h.dataBytes, h.bytes = true, int64(size), n
	return h, true
}

// fieldVarint reads tag and a varint of the shortest form at b[at:], and returns where it
// ends; -1 = not there. at -1 stays -1, so that calls chain.
func fieldVarint(b []byte, at int, tag byte) (v uint64, end int) {
	if at < 0 || at >= len(b) || b[at] != tag {
		return 0, -1
	}
	v, n := protowire.ConsumeVarint(b[at+1:])
	if n < 0 || n != varintBytes(v) {
		return 0, -1
	}
	return v, at + 1 + n
}

func varintBytes(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }
