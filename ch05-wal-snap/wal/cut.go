package wal

import (
	"errors"
	"fmt"
)

// cut ends the present segment and begins the next (book §5.1.5).
//
//	1  The old segment ends behind its last record, and is synced: from now on it is complete.
//	2  The new one is filled under its .tmp name: checksum, metadata and HardState, so that
//	   older segments can go one day. It is synced BEFORE it gets its name: a segment that
//	   exists has its head.
//	3  Rename, and sync the directory.
//
// A crash before 3 leaves a log whose last segment is the old one and a .tmp file that the
// next pipeline overwrites; the next Save cuts again.
func (w *WAL) cut() error {
	if err := w.finishTail(); err != nil {
		return fmt.Errorf("finish a full segment: %w", err)
	}
	spare, err := w.fp.take()
	if err != nil {
		return err
	}
	next, err := w.fillHead(spare)
	if err != nil {
		return fmt.Errorf("fill the next segment: %w", err)
	}
	name := segmentName{seq: w.tail().name.seq + 1, index: w.enti + 1}
	f, err := w.nameSegment(spare.path, name)
	if err != nil {
		return fmt.Errorf("name the next segment: %w", err)
	}
	w.locks = append(w.locks, lockedSegment{name: name, segmentFile: f})
	w.encoder = newEncoder(f, next.offset, next.crc)
	w.lg.Info("began a new log segment", "path", w.path(name))
	return nil
}

func (w *WAL) finishTail() error {
	if err := w.encoder.flush(); err != nil {
		return err
	}
	if err := w.tail().truncate(w.encoder.offset); err != nil {
		return err
	}
	return w.tail().sync()
}

func (w *WAL) fillHead(spare spareFile) (*encoder, error) {
	enc := newEncoder(spare, 0, w.encoder.crc)
	err := w.writeHead(enc, w.state)
	if err == nil {
		err = enc.flush()
	}
	if err == nil {
		err = spare.sync()
	}
	// Closed before the rename, for Windows; nobody else can want the lock meanwhile, since
	// whoever opens this log needs the lock of the segment before it first.
	return enc, errors.Join(err, spare.Close())
}

func (w *WAL) nameSegment(tmp string, name segmentName) (segmentFile, error) {
	if err := w.disk.rename(tmp, w.path(name)); err != nil {
		return nil, err
	}
	if err := w.disk.syncDir(w.dir); err != nil {
		return nil, err
	}
	return w.disk.open(w.path(name))
}
