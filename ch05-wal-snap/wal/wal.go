package wal

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/walpb"
)

// WAL is an open log: first it is read once (ReadAll), then it is only appended to. A log
// that was just created is open for appending at once. All methods may be called from any
// goroutine; none waits for anything but the disk.
//
// Invariants
//
//	W1  When Save or SaveSnapshot returns nil and had to sync, everything given to the log so
//	    far survives a power cut.
//	W2  After a write or a sync has failed, every later call returns that error. What the
//	    kernel holds is then unknown: it may have thrown the unwritten pages away and report
//	    success next time, so a retry proves nothing.
//	W3  All segments but the last end exactly behind their last record; the last one ends in
//	    zeros.
//	W4  Segments that reading from the newest released snapshot needs are locked; the purge
//	    loop, which skips locked files, can therefore never remove one.
type WAL struct {
	lg           *slog.Logger
	disk         disk
	dir          string
	segmentBytes int64

	metadata []byte         // written at the head of each segment
	start    walpb.Snapshot // reading starts behind it
	decoder  *decoder       // nil once the log was read
	closers  []func() error // files of a log that is only read

	mu            sync.Mutex
	state         raftpb.HardState // the last one saved
	enti          uint64           // index of the last entry saved
	encoder       *encoder         // nil while the log must not be written
	locks         []lockedSegment  // in sequence; the last one is written to
	fp            *filePipeline
	unsafeNoFsync bool
	failed        error // the first failure of a write or sync, or ErrClosed
}

type lockedSegment struct {
	name segmentName
	segmentFile
}

// slowSync is when a sync is worth a line in the log: heartbeats are due every 100 ms.
const slowSync = time.Second

func (w *WAL) tail() lockedSegment { return w.locks[len(w.locks)-1] }

func (w *WAL) path(n segmentName) string { return filepath.Join(w.dir, n.String()) }

// SetUnsafeNoFsync makes the log forget W1: a power cut may then take acknowledged entries.
// For experiments and tests.
func (w *WAL) SetUnsafeNoFsync() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unsafeNoFsync = true
}

// writable is nil if the log may be appended to.
func (w *WAL) writable() error {
	if w.failed != nil {
		return w.failed
	}
	if w.encoder == nil {
		return ErrNotWritable
	}
	return nil
}

// fail remembers the first failure (W2).
func (w *WAL) fail(err error) error {
	if err != nil && w.failed == nil {
		w.failed = fmt.Errorf("wal: %s can no longer be trusted to keep what is written, restart this member: %w",
			w.path(w.tail().name), err)
	}
	return w.failed
}

// Sync makes everything that was saved survive a power cut.
func (w *WAL) Sync() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.writable(); err != nil {
		return err
	}
	return w.fail(w.sync())
}

func (w *WAL) sync() error {
	if err := w.encoder.flush(); err != nil {
		return err
	}
	if w.unsafeNoFsync {
		return nil
	}
	t := startTimer(fsyncSeconds)
	err := w.tail().datasync()
	if took := t.stop(); took > slowSync {
		w.lg.Warn("slow sync of the write-ahead log: disk overloaded or failing?", "took", took, "dir", w.dir)
	}
	return err
}

// Close writes and syncs what is left and gives the locks back.
func (w *WAL) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(w.failed, ErrClosed) {
		return nil
	}
	var errs []error
	if w.fp != nil {
		w.fp.close()
	}
	if w.encoder != nil && w.failed == nil {
		errs = append(errs, w.fail(w.sync()))
	}
	errs = append(errs, w.closeFiles())
	w.failed = ErrClosed
	return errors.Join(errs...)
}

func (w *WAL) closeFiles() error {
	var errs []error
	for _, l := range w.locks {
		errs = append(errs, l.Close())
	}
	for _, c := range w.closers {
		errs = append(errs, c())
	}
	w.locks, w.closers = nil, nil
	return errors.Join(errs...)
}

// ReleaseLockTo gives up the segments that a reader who starts at the snapshot with this
// index will not need, so that the purge loop may remove them. One more than needed is kept.
func (w *WAL) ReleaseLockTo(index uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	older := 0 // segments whose name is below index
	for _, l := range w.locks {
		if l.name.index >= index {
			break
		}
		older++
	}
	for ; older > 1; older-- {
		if err := w.locks[0].Close(); err != nil {
			return fmt.Errorf("wal: release segment %s: %w", w.locks[0].name, err)
		}
		w.locks = w.locks[1:]
	}
	return nil
}
