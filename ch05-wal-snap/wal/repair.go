package wal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"insideetcd/ch05-wal-snap/fileutil"
	"insideetcd/ch05-wal-snap/walpb"
)

// RepairReport says what Repair did. The zero report: there was nothing to repair.
type RepairReport struct {
	Repaired bool
	File     string // path of the segment
	Backup   string // path of its copy as it was before
	Offset   int64  // where it was cut off, in bytes
	Reason   error  // why it could not be read on from there
}

func (r RepairReport) String() string {
	if !r.Repaired {
		return "nothing to repair"
	}
	return fmt.Sprintf("cut %s off at byte %d (%v); as it was: %s", r.File, r.Offset, r.Reason, r.Backup)
}

// Repair cuts a torn record off the end of the log in dir and keeps the damaged segment as
// NAME.broken beside it. Damage that is not the work of an unfinished write (see torn) is
// left alone and returned as a *DamageError. The log must not be open.
func Repair(lg *slog.Logger, dir string) (RepairReport, error) {
	if lg == nil {
		lg = slog.Default()
	}
	names, err := listSegments(lg, dir)
	if err != nil {
		return RepairReport{}, err
	}
	path := filepath.Join(dir, names[len(names)-1].String())
	f, err := fileutil.TryLockFile(path, os.O_RDWR, fileutil.PrivateFileMode)
	if err != nil {
		return RepairReport{}, fmt.Errorf("wal: repair: %w", err)
	}
	defer f.Close()
	damage, err := findDamage(f.File)
	if err != nil {
		return RepairReport{}, err
	}
	if damage == nil {
		return RepairReport{}, nil
	}
	report := RepairReport{Repaired: true, File: path, Backup: path + ".broken", Offset: damage.Offset, Reason: damage.Reason}
	if err := cutOff(f.File, report); err != nil {
		return RepairReport{}, fmt.Errorf("wal: repair %s: %w", path, err)
	}
	lg.Warn("repaired the write-ahead log: its last record was left half written by a crash",
		"path", path, "cut_off_at_byte", report.Offset, "reason", report.Reason, "backup", report.Backup)
	return report, nil
}

// findDamage returns where a last segment is torn, nil if it is not, and an error for damage
// of another kind.
func findDamage(f *os.File) (*DamageError, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("wal: repair: %w", err)
	}
	d := newDecoder(source{ReaderAt: f, path: f.Name(), size: info.Size()})
	err = scan(d, func(walpb.Record) error { return nil })
	var damage *DamageError
	if errors.As(err, &damage) && damage.Torn {
		return damage, nil
	}
	return nil, err
}

// cutOff keeps a synced copy BEFORE it shortens the file, so that a crash in between loses
// nothing either.
func cutOff(f *os.File, r RepairReport) error {
	if err := copyFile(f, r.Backup); err != nil {
		return err
	}
	if err := fileutil.SyncDir(filepath.Dir(r.Backup)); err != nil {
		return err
	}
	if err := f.Truncate(r.Offset); err != nil {
		return err
	}
	return fileutil.Fsync(f)
}

func copyFile(from *os.File, to string) error {
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileutil.PrivateFileMode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	if err == nil {
		err = fileutil.Fsync(out)
	}
	return errors.Join(err, out.Close())
}
