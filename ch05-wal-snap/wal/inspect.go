package wal

import (
	"errors"
	"log/slog"
	"slices"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/walpb"
)

// Location is where a record stands.
type Location struct {
	File   string // path of the segment
	Offset int64  // of its frame, in bytes
	Bytes  int64  // of the frame: length field, record and padding
}

// Scan hands every record that lies in dir to visit, oldest first, checksum checked. The
// record's Data is valid only during the call. It takes no locks.
func Scan(lg *slog.Logger, dir string, visit func(Location, walpb.Record) error) error {
	return scanFrom(lg, dir, allSegments, func(d *decoder, rec walpb.Record) error {
		return visit(Location{File: d.path(), Offset: d.frameOff, Bytes: d.lastValidOff - d.frameOff}, rec)
	})
}

// Verify reads the log in dir from snap to its end as ReadAll would, without keeping it, and
// returns the error that ReadAll would return.
func Verify(lg *slog.Logger, dir string, snap walpb.Snapshot) error {
	needed := func(dir string, names []segmentName) ([]segmentName, error) {
		return segmentsFrom(dir, names, snap.Index)
	}
	log := replay{start: snap, forget: true}
	err := scanFrom(lg, dir, needed, func(_ *decoder, rec walpb.Record) error { return log.record(rec) })
	if err != nil {
		return err
	}
	return log.finish()
}

// ValidSnapshotEntries returns the snapshot records that a member may start from, oldest
// first: those with an index up to the last HardState.Commit. A record beyond it belongs to
// a snapshot whose Ready was not finished. A torn tail is the end, as it was never
// acknowledged.
func ValidSnapshotEntries(lg *slog.Logger, dir string) ([]walpb.Snapshot, error) {
	var snaps []walpb.Snapshot
	var state raftpb.HardState
	err := scanFrom(lg, dir, allSegments, func(_ *decoder, rec walpb.Record) error {
		switch rec.Type {
		case SnapshotType:
			var s walpb.Snapshot
			err := s.Unmarshal(rec.Data)
			snaps = append(snaps, s)
			return err
		case StateType:
			return state.Unmarshal(rec.Data)
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrTorn) {
		return nil, err
	}
	return slices.DeleteFunc(snaps, func(s walpb.Snapshot) bool { return s.Index > state.Commit }), nil
}

// allSegments is the newest run without a gap: what lies before a gap leads nowhere.
func allSegments(dir string, names []segmentName) ([]segmentName, error) {
	first := len(names) - 1
	for first > 0 && names[first-1].seq+1 == names[first].seq {
		first--
	}
	return names[first:], nil
}

func scanFrom(lg *slog.Logger, dir string, pick func(string, []segmentName) ([]segmentName, error),
	visit func(*decoder, walpb.Record) error) error {
	if lg == nil {
		lg = slog.Default()
	}
	names, err := listSegments(lg, dir)
	if err != nil {
		return err
	}
	if names, err = pick(dir, names); err != nil {
		return err
	}
	sources, closers, err := openSources(dir, names)
	if err != nil {
		return err
	}
	defer func() {
		for _, c := range closers {
			c()
		}
	}()
	d := newDecoder(sources...)
	return scan(d, func(rec walpb.Record) error { return visit(d, rec) })
}
