package wal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"insideetcd/ch05-wal-snap/walpb"
)

// source is a segment as the decoder sees it. The size is that of the moment of opening.
type source struct {
	io.ReaderAt
	path string
	size int64
}

// decoder reads records from the first segment to the last and checks each against the
// running checksum.
//
// Invariants
//
//	D1  Every record before lastValidOff in the current segment was returned and is intact.
//	D2  Memory is bounded by the longest record, a record by the rest of its file: a length
//	    that lies costs an error, not the machine (and no record that was written is too
//	    long to be read again).
//	D3  io.EOF is returned only where the last segment holds nothing but zeros from
//	    lastValidOff on. Everything else that cannot be read is a *DamageError.
type decoder struct {
	brs          []source // current segment first
	r            *bufio.Reader
	lastValidOff int64
	crc          uint32
	uint64buf    [lengthFieldBytes]byte
	buf          []byte // of the record returned last
	frameOff     int64  // where that record's frame begins
	head         headSeen
}

// headSeen follows the first two records of a segment. They were synced before the segment
// got its name, so a crash cannot have left them half written.
type headSeen struct{ crc, metadata bool }

func (h headSeen) complete() bool { return h.crc && h.metadata }

func newDecoder(segments ...source) *decoder {
	d := &decoder{brs: segments, r: bufio.NewReaderSize(nil, spillBytes)}
	d.enter()
	return d
}

func (d *decoder) enter() {
	d.lastValidOff = 0
	d.head = headSeen{}
	if len(d.brs) > 0 {
		d.r.Reset(io.NewSectionReader(d.brs[0], 0, d.brs[0].size))
	}
}

// path names the segment of the record returned last.
func (d *decoder) path() string { return d.brs[0].path }

// decode returns the next record; its Data is valid until the next call. io.EOF is the end
// of the log.
func (d *decoder) decode() (walpb.Record, error) {
	for {
		recordBytes, err := d.length()
		if err == nil {
			return d.record(recordBytes)
		}
		if err != io.EOF {
			return walpb.Record{}, err
		}
		if !d.head.complete() {
			return walpb.Record{}, d.damage(errors.New("the segment ends before its crc and metadata records"))
		}
		if len(d.brs) == 1 {
			return walpb.Record{}, io.EOF
		}
		d.brs = d.brs[1:]
		d.enter()
	}
}

// length reads the next length field. io.EOF is the clean end of the segment.
func (d *decoder) length() (recordBytes int64, err error) {
	rest := d.brs[0].size - d.lastValidOff
	if rest <= 0 {
		return 0, io.EOF
	}
	n := min(rest, lengthFieldBytes)
	d.uint64buf = [lengthFieldBytes]byte{}
	if _, err := io.ReadFull(d.r, d.uint64buf[:n]); err != nil {
		return 0, d.readError(err)
	}
	field := binary.LittleEndian.Uint64(d.uint64buf[:])
	recordBytes, _, ok := splitLength(field)
	switch {
	case field == 0:
		return 0, d.zeroToEnd()
	case n < lengthFieldBytes:
		return 0, d.damage(errors.New("the file ends within a length field"))
	case !ok:
		return 0, d.damage(fmt.Errorf("%016x is not a length field", field))
	case recordBytes > rest-lengthFieldBytes:
		return 0, d.damage(fmt.Errorf("a record of %d bytes, but the file ends after %d", recordBytes, rest-lengthFieldBytes))
	}
	return recordBytes, nil
}

// record reads and checks what the length field announced. Padding that is missing at the
// end of the file is no damage: the record is whole, and zeros are what it is padded with.
func (d *decoder) record(recordBytes int64) (walpb.Record, error) {
	_, pad := lengthField(int(recordBytes))
	d.buf = slices.Grow(d.buf[:0], int(recordBytes))[:recordBytes]
	if _, err := io.ReadFull(d.r, d.buf); err != nil {
		return walpb.Record{}, d.readError(err)
	}
	if _, err := d.r.Discard(pad); err != nil && !isEnd(err) {
		return walpb.Record{}, d.readError(err)
	}
	var rec walpb.Record
	if err := rec.UnmarshalAliased(d.buf); err != nil {
		return walpb.Record{}, d.damage(err)
	}
	if err := d.check(rec); err != nil {
		return walpb.Record{}, d.damage(err)
	}
	d.frameOff = d.lastValidOff
	d.lastValidOff += lengthFieldBytes + recordBytes + int64(pad)
	return rec, nil
}

// check compares a record with the running checksum and takes it over. The checksum does not
// cover the type.
func (d *decoder) check(rec walpb.Record) error {
	if _, ok := recordTypeNames[rec.Type]; !ok {
		return fmt.Errorf("record of unknown type %d", rec.Type)
	}
	crc := d.crc
	if rec.Type != CrcType {
		crc = crc32.Update(crc, castagnoli, rec.Data)
	} else if crc == 0 {
		crc = rec.Crc // a reader that begins here has nothing to compare with
	}
	if crc != rec.Crc {
		return fmt.Errorf("%w: %s record says %08x, its data give %08x", ErrCRCMismatch, TypeName(rec.Type), rec.Crc, crc)
	}
	d.crc = crc
	d.head.crc = d.head.crc || rec.Type == CrcType
	d.head.metadata = d.head.metadata || rec.Type == MetadataType
	return nil
}

// zeroToEnd is io.EOF if the segment holds only zeros from here on, as a preallocated one does.
func (d *decoder) zeroToEnd() error {
	var zero [pageBytes]byte
	for {
		b, err := d.r.Peek(pageBytes)
		if err != nil && !isEnd(err) {
			return d.readError(err)
		}
		if !bytes.Equal(b, zero[:len(b)]) {
			return d.damage(errors.New("the log ends here in zeros, but more records stand behind them"))
		}
		if len(b) == 0 {
			return io.EOF
		}
		d.r.Discard(len(b))
	}
}

// damage reports the frame at lastValidOff as unreadable and says whether it may be cut off.
func (d *decoder) damage(reason error) error {
	s := d.brs[0]
	e := &DamageError{File: s.path, Offset: d.lastValidOff, Reason: reason}
	if len(d.brs) > 1 || !d.head.complete() {
		return e
	}
	d.buf = nil // D2
	tail := make([]byte, max(0, s.size-d.lastValidOff))
	if _, err := s.ReadAt(tail, d.lastValidOff); err != nil && !isEnd(err) {
		return d.readError(err)
	}
	e.Torn = torn(tail, d.lastValidOff)
	return e
}

func (d *decoder) readError(err error) error {
	return fmt.Errorf("wal: read %s near byte %d: %w", d.brs[0].path, d.lastValidOff, err)
}

func isEnd(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }
