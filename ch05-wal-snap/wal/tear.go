package wal

import (
	"bytes"
	"encoding/binary"
)

// sectorBytes is what a disk writes whole or not at all.
const sectorBytes = 512

// torn decides whether a damaged record can be the work of a write that a crash cut short.
// tail is the last segment from the record's length field to the end of the file, and
// offset is where it begins in the file.
//
// A write that was cut short leaves a part as it should be and the rest as the file was
// before: zeros, or no file at all. It leaves nothing behind itself, for what follows was
// written later. So the record is torn if
//
//	T1  the end of the file cuts it off, or it ends in zeros that run on to the end of the
//	    file, or it has an all-zero sector (sectors reach the disk in any order), and
//	T2  nothing but zeros follows it, and
//	T3  what is left of it does not contradict itself: length field and inner length, both
//	    written by the same hand, agree. A flipped bit in the length of an old record would
//	    otherwise make the rest of the log look cut off by the end of the file.
//
// Anything else refuses: it may have been acknowledged. So does, on purpose, a cut-short
// write whose later sectors arrived without the sector that holds the length field: from
// the bytes alone nobody can tell it from an old sector that was lost.
func torn(tail []byte, offset int64) bool {
	written := len(bytes.TrimRight(tail, "\x00"))
	if written <= lengthFieldBytes {
		return true // zeros, or the end of the file, begin within the length field or right behind it
	}
	recordBytes, _, ok := splitLength(binary.LittleEndian.Uint64(tail))
	if !ok || contradicts(tail[lengthFieldBytes:written], recordBytes) {
		return false
	}
	if recordBytes > int64(len(tail)-lengthFieldBytes) {
		return true
	}
	end := lengthFieldBytes + int(recordBytes)
	if written != end {
		return written < end // zeros to the end of the file; else something follows
	}
	return hasLostSector(tail[lengthFieldBytes:end], offset+lengthFieldBytes)
}

// contradicts says that the head of a record survived and asks for another length than the
// length field does. written is the record as far as it is not lost.
func contradicts(written []byte, recordBytes int64) bool {
	if recordBytes < int64(len(written)) {
		written = written[:recordBytes]
	}
	h, ok := parseHead(written)
	if !ok {
		return false
	}
	if !h.hasData && h.bytes == len(written) && recordBytes > int64(len(written)) {
		return false // the data field may have stood behind
	}
	return h.recordBytes() != recordBytes
}

// hasLostSector finds a sector of the file that lies wholly within the record and is zero.
func hasLostSector(record []byte, offset int64) bool {
	var zero [sectorBytes]byte
	at := int(-offset & (sectorBytes - 1))
	for ; at+sectorBytes <= len(record); at += sectorBytes {
		if bytes.Equal(record[at:at+sectorBytes], zero[:]) {
			return true
		}
	}
	return false
}
