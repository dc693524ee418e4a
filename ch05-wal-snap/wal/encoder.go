package wal

import (
	"io"

	"insideetcd/ch03-etcdraft/raftpb"
)

const (
	pageBytes = 8 * sectorBytes
	// spillBytes is how much is collected before full pages are written without being asked.
	spillBytes = 128 * 1024
	// keepBytes is the most that a buffer may keep after one large batch.
	keepBytes = 1024 * 1024
)

// encoder frames records into memory and writes them to the segment in as few calls as
// possible.
//
// Invariants
//
//	E1  buf is what stands behind offset in the file; offset + len(buf) is the log's end.
//	E2  A write that nobody asked for ends at a page: pages reach the disk whole, so a page
//	    once written is never written again while its neighbour is still on the way.
//	E3  crc covers every record up to the log's end.
type encoder struct {
	file   io.WriterAt
	offset int64 // bytes of the segment that were handed to the file
	buf    []byte
	crc    uint32
}

func newEncoder(file io.WriterAt, offset int64, crc uint32) *encoder {
	return &encoder{file: file, offset: offset, crc: crc, buf: make([]byte, 0, pageBytes)}
}

// end is where the next record will stand.
func (e *encoder) end() int64 { return e.offset + int64(len(e.buf)) }

func (e *encoder) entry(ent *raftpb.Entry) error {
	e.buf, e.crc = appendFrame(e.buf, e.crc, EntryType, ent)
	return e.spill()
}

func (e *encoder) state(st raftpb.HardState) error {
	e.buf, e.crc = appendFrame(e.buf, e.crc, StateType, st)
	return e.spill()
}

func (e *encoder) data(typ int64, m message) error {
	e.buf, e.crc = appendFrame(e.buf, e.crc, typ, m)
	return e.spill()
}

// bare writes a record without data.
func (e *encoder) bare(typ int64) {
	e.buf = appendBareFrame(e.buf, e.crc, typ)
}

// spill keeps a large batch from growing in memory: it writes the full pages and keeps the
// beginning of the last one.
func (e *encoder) spill() error {
	if len(e.buf) < spillBytes {
		return nil
	}
	return e.write(len(e.buf) - int(e.end()%pageBytes))
}

// flush hands everything to the operating system. It does not sync.
func (e *encoder) flush() error { return e.write(len(e.buf)) }

func (e *encoder) write(n int) error {
	if n <= 0 {
		return nil
	}
	timer := startTimer(writeSeconds)
	written, err := e.file.WriteAt(e.buf[:n], e.offset)
	timer.stop()
	writtenBytes.Add(float64(written))
	if err != nil {
		return err
	}
	e.offset += int64(n)
	rest := copy(e.buf, e.buf[n:])
	e.buf = e.buf[:rest]
	if cap(e.buf) > keepBytes {
		e.buf = append(make([]byte, 0, spillBytes), e.buf...)
	}
	return nil
}
