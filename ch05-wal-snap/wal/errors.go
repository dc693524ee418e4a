package wal

import (
	"errors"
	"fmt"
)

var (
	// ErrFileNotFound: the directory has no segments that reach back to the wanted index.
	ErrFileNotFound = errors.New("wal: file not found")
	// ErrSnapshotNotFound: no record says that the wanted snapshot was ever saved.
	ErrSnapshotNotFound = errors.New("wal: snapshot not found")
	// ErrSnapshotMismatch: the record of the wanted snapshot names another term.
	ErrSnapshotMismatch = errors.New("wal: snapshot mismatch")
	// ErrMetadataConflict: segments of different members lie in one directory.
	ErrMetadataConflict = errors.New("wal: conflicting metadata found")
	// ErrSliceOutOfRange: an entry is missing between two others.
	ErrSliceOutOfRange = errors.New("wal: slice bounds out of range")
	// ErrCRCMismatch: a record, or one before it, is not what was written.
	ErrCRCMismatch = errors.New("wal: crc mismatch")
	// ErrTorn: the last record was left half written by a crash; Repair cuts it off.
	ErrTorn = errors.New("wal: torn write at the end of the log")
	// ErrLostEntries: something that was synced is missing at the end of the log.
	ErrLostEntries = errors.New("wal: synced entries are missing")
	// ErrClosed: the log was used after Close.
	ErrClosed = errors.New("wal: closed")
	// ErrNotReadable: ReadAll was called twice, or on a log that was just created.
	ErrNotReadable = errors.New("wal: nothing to read: a log is read once, after it was opened")
	// ErrNotWritable: Save came BEFORE ReadAll, or the log was opened for reading.
	ErrNotWritable = errors.New("wal: not open for writing: ReadAll must have returned first")
)

// DamageError says where a log stopped being readable.
// errors.Is(err, ErrTorn) tells whether Repair may cut it off there.
type DamageError struct {
	File   string // path of the segment
	Offset int64  // of the frame that cannot be read, in bytes
	Torn   bool   // the shape of an unfinished write
	Reason error
}

func (e *DamageError) Error() string {
	if e.Torn {
		return fmt.Sprintf("%v: %s, byte %d: %v", ErrTorn, e.File, e.Offset, e.Reason)
	}
	return fmt.Sprintf("wal: %s is damaged at byte %d: %v; this is not the work of a crash, so entries that were "+
		"acknowledged may be gone: restore this member from a backup, or remove it from the cluster and add it again empty",
		e.File, e.Offset, e.Reason)
}

// Is makes a torn tail recognisable as ErrTorn.
func (e *DamageError) Is(target error) bool { return target == ErrTorn && e.Torn }

// Unwrap gives the reason, for example ErrCRCMismatch.
func (e *DamageError) Unwrap() error { return e.Reason }

type sizeMismatch struct {
	typ                int64
	announced, written int
}

func (e sizeMismatch) Error() string {
	return fmt.Sprintf("wal: %s record: Size() is %d, AppendTo wrote %d bytes", TypeName(e.typ), e.announced, e.written)
}

// CheckComplete compares how far the log reaches with what proves that it once reached
// further. lastIndex is the index of the last entry (or of the snapshot, if that is newer);
// commit is HardState.Commit; consistentIndex is that of the last entry that the backend has
// applied, 0 when there is none. Neither is ever written before the entry is synced, so if
// one is beyond the log's end, synced entries are gone although the log looks whole: a log
// that lost its tail at a record's boundary is read without error.
func CheckComplete(lastIndex, commit, consistentIndex uint64) error {
	for _, witness := range []struct {
		name  string
		index uint64
	}{{"HardState.Commit", commit}, {"the backend's consistent index", consistentIndex}} {
		if witness.index > lastIndex {
			return fmt.Errorf("%w: the log ends at index %d, %s is %d; restore this member from a backup, "+
				"or remove it from the cluster and add it again empty", ErrLostEntries, lastIndex, witness.name, witness.index)
		}
	}
	return nil
}
