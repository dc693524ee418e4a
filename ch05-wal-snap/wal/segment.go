package wal

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	segmentSuffix = ".wal"
	// DefaultSegmentBytes is the size at which a segment is full: 64 million, not 64 MiB.
	DefaultSegmentBytes int64 = 64 * 1000 * 1000
)

// segmentName is the file name of a segment.
type segmentName struct {
	seq   uint64 // place in the sequence, from 0, without gaps
	index uint64 // of the first entry it may hold
}

func (n segmentName) String() string {
	return fmt.Sprintf("%016x-%016x%s", n.seq, n.index, segmentSuffix)
}

func parseSegmentName(name string) (segmentName, error) {
	var n segmentName
	if _, err := fmt.Sscanf(name, "%016x-%016x"+segmentSuffix, &n.seq, &n.index); err != nil || n.String() != name {
		return segmentName{}, fmt.Errorf("wal: %q is not the name of a segment", name)
	}
	return n, nil
}

// Exist reports whether dir holds a log: at least one name that ends in .wal.
func Exist(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.HasSuffix(e.Name(), segmentSuffix) })
}

// listSegments returns the segments of dir in sequence.
func listSegments(lg *slog.Logger, dir string) ([]segmentName, error) {
	entries, err := os.ReadDir(dir) // sorted by name, and names sort by sequence
	if err != nil {
		return nil, fmt.Errorf("wal: list segments: %w", err)
	}
	var names []segmentName
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), segmentSuffix) {
			continue
		}
		n, err := parseSegmentName(e.Name())
		if err != nil {
			lg.Warn("ignored a file with a strange name in the log directory", "path", filepath.Join(dir, e.Name()))
			continue
		}
		names = append(names, n)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: no segments in %s", ErrFileNotFound, dir)
	}
	return names, nil
}

// segmentsFrom picks the segments needed to read on from index: the newest one that begins
// at or before it, and all later ones.
func segmentsFrom(dir string, names []segmentName, index uint64) ([]segmentName, error) {
	first := -1
	for i, n := range names {
		if n.index <= index {
			first = i
		}
	}
	if first < 0 {
		return nil, fmt.Errorf("%w: %s begins at index %d, index %d is wanted", ErrFileNotFound, dir, names[0].index, index)
	}
	return contiguous(dir, names[first:])
}

// contiguous refuses a sequence with a gap: an entry that is missing there was acknowledged.
func contiguous(dir string, names []segmentName) ([]segmentName, error) {
	for i := 1; i < len(names); i++ {
		if names[i].seq != names[i-1].seq+1 {
			return nil, fmt.Errorf("%w: in %s, %s is followed by %s", ErrFileNotFound, dir, names[i-1], names[i])
		}
	}
	return names, nil
}
