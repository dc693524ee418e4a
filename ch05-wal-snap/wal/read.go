package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/walpb"
)

// ReadAll reads the log from the snapshot it was opened at to its end (book §5.1.3): the
// metadata, the last HardState, and the entries behind the snapshot as the last writer left
// them. A log opened with Open may be appended to afterwards.
//
// Errors: a *DamageError (ErrTorn if Repair may help), ErrSnapshotNotFound,
// ErrSnapshotMismatch, ErrMetadataConflict, ErrSliceOutOfRange. After an error nothing is
// returned and the log can only be closed.
//
// A log that lost its tail at a record's boundary reads without error: the caller MUST also
// ask CheckComplete.
func (w *WAL) ReadAll() (metadata []byte, state raftpb.HardState, ents []raftpb.Entry, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.decoder == nil {
		return nil, raftpb.HardState{}, nil, ErrNotReadable
	}
	d := w.decoder
	w.decoder = nil
	log := replay{start: w.start}
	err = scan(d, log.record)
	if readOnly := len(w.locks) == 0; readOnly && errors.Is(err, ErrTorn) {
		err = nil // its writer may just be at it
	}
	if err == nil {
		err = log.finish()
	}
	if err == nil {
		err = w.becomeWritable(d, &log)
	}
	if err != nil {
		return nil, raftpb.HardState{}, nil, err
	}
	return log.metadata, log.state, log.ents, nil
}

// becomeWritable puts the encoder where the decoder stopped. The decoder has seen that
// nothing but zeros stands there.
func (w *WAL) becomeWritable(d *decoder, log *replay) error {
	w.metadata, w.state, w.enti = log.metadata, log.state, log.lastIndex
	if len(w.locks) == 0 {
		return nil
	}
	// A segment that Repair has shortened, or that a crash left cut, gets its zeros back.
	if err := w.tail().preallocate(w.segmentBytes); err != nil {
		return fmt.Errorf("wal: %w", err)
	}
	w.encoder = newEncoder(w.tail(), d.lastValidOff, d.crc)
	w.fp = newFilePipeline(w.lg, w.disk, w.dir, w.segmentBytes)
	return nil
}

// scan hands every record to visit, up to the end of the log.
func scan(d *decoder, visit func(walpb.Record) error) error {
	for {
		rec, err := d.decode()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(rec); err != nil {
			return fmt.Errorf("%w (%s, byte %d)", err, d.path(), d.frameOff)
		}
	}
}

// replay builds up, record by record, what the log says.
type replay struct {
	start     walpb.Snapshot
	found     bool // the record of start
	metadata  []byte
	state     raftpb.HardState
	ents      []raftpb.Entry
	forget    bool   // count the entries, but do not keep them
	length    uint64 // of ents, also where they are not kept
	lastIndex uint64
}

func (r *replay) record(rec walpb.Record) error {
	switch rec.Type {
	case EntryType:
		return r.entry(rec.Data)
	case StateType:
		return r.state.Unmarshal(rec.Data)
	case MetadataType:
		if r.metadata != nil && !bytes.Equal(r.metadata, rec.Data) {
			return ErrMetadataConflict
		}
		r.metadata = bytes.Clone(rec.Data)
	case SnapshotType:
		return r.snapshot(rec.Data)
	case CrcType: // the decoder's business
	}
	return nil
}

// entry puts an entry in its place. One that comes again, with a later term, takes the place
// of the earlier one and of all that stood behind it (Raft §5.3).
func (r *replay) entry(data []byte) error {
	var e raftpb.Entry
	if err := e.Unmarshal(data); err != nil {
		return err
	}
	r.lastIndex = e.Index
	if e.Index <= r.start.Index {
		return nil
	}
	place := e.Index - r.start.Index - 1
	if place > r.length {
		return fmt.Errorf("%w: entry %d follows entry %d", ErrSliceOutOfRange, e.Index, r.start.Index+r.length)
	}
	r.length = place + 1
	if !r.forget {
		r.ents = append(r.ents[:place], e)
	}
	return nil
}

func (r *replay) snapshot(data []byte) error {
	var s walpb.Snapshot
	if err := s.Unmarshal(data); err != nil {
		return err
	}
	r.lastIndex = max(r.lastIndex, s.Index)
	if s.Index != r.start.Index {
		return nil
	}
	if s.Term != r.start.Term {
		return fmt.Errorf("%w: index %d has term %d in the log, term %d is wanted", ErrSnapshotMismatch, s.Index, s.Term, r.start.Term)
	}
	r.found = true
	return nil
}

func (r *replay) finish() error {
	if !r.found {
		return fmt.Errorf("%w: index %d, term %d", ErrSnapshotNotFound, r.start.Index, r.start.Term)
	}
	return nil
}
