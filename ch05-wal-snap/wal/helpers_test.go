package wal

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/walpb"
)

var quiet = slog.New(slog.DiscardHandler)

var member = []byte("member 1 of cluster 7")

// entry is a small entry whose data tells where it belongs.
func entry(index, term uint64) raftpb.Entry {
	return raftpb.Entry{Index: index, Term: term, Data: fmt.Appendf(nil, "put k%d in term %d", index, term)}
}

// bigEntry fills at least size bytes, without zeros.
func bigEntry(index, term uint64, size int) raftpb.Entry {
	return raftpb.Entry{Index: index, Term: term, Data: bytes.Repeat([]byte{byte('a' + index%26)}, size)}
}

func state(term, vote, commit uint64) raftpb.HardState {
	return raftpb.HardState{Term: term, Vote: vote, Commit: commit}
}

// newLog creates a log in a fresh directory. Its segments are full at segmentBytes.
func newLog(t testing.TB, segmentBytes int64) *WAL {
	t.Helper()
	w, err := create(quiet, osDisk{}, filepath.Join(t.TempDir(), "wal"), member, segmentBytes)
	require.NoError(t, err)
	t.Cleanup(func() { w.Close() })
	return w
}

// smallLog writes a log as a member of one would: entry, then state, and so on to index n;
// returns its directory.
func smallLog(t testing.TB, n uint64) string {
	t.Helper()
	w := newLog(t, 4096)
	for i := uint64(1); i <= n; i++ {
		require.NoError(t, w.Save(state(1, 1, i-1), []raftpb.Entry{entry(i, 1)}))
	}
	require.NoError(t, w.Close())
	return w.dir
}

// contents is what ReadAll gave.
type contents struct {
	metadata []byte
	state    raftpb.HardState
	ents     []raftpb.Entry
}

func readAll(w *WAL) (contents, error) {
	var c contents
	var err error
	c.metadata, c.state, c.ents, err = w.ReadAll()
	return c, err
}

// reopen opens the log from its beginning, reads it, and closes it.
func reopen(dir string) (contents, error) {
	w, err := open(quiet, steadyDisk(), dir, walpb.Snapshot{}, 4096)
	if err != nil {
		return contents{}, err
	}
	c, err := readAll(w)
	return c, errors.Join(err, w.Close())
}

// peek reads the log from its beginning while another may be writing it.
func peek(dir string) (contents, error) {
	r, err := OpenForRead(quiet, dir, walpb.Snapshot{})
	if err != nil {
		return contents{}, err
	}
	defer r.Close()
	return readAll(r)
}

// start does what a server does: open and read; on a torn tail repair, once, and try again.
func start(dir string) (c contents, repaired RepairReport, err error) {
	c, err = reopen(dir)
	if !errors.Is(err, ErrTorn) {
		return c, RepairReport{}, err
	}
	repaired, err = Repair(quiet, dir)
	if err != nil {
		return contents{}, repaired, err
	}
	c, err = reopen(dir)
	return c, repaired, err
}

func indexes(ents []raftpb.Entry) (all []uint64) {
	for _, e := range ents {
		all = append(all, e.Index)
	}
	return all
}

// lastSegment is the path of the last segment in dir.
func lastSegment(t testing.TB, dir string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths[len(paths)-1]
}

// locate lists the records of a log that can be read.
func locate(t testing.TB, dir string) (all []Location) {
	t.Helper()
	require.NoError(t, Scan(quiet, dir, func(l Location, _ walpb.Record) error { all = append(all, l); return nil }))
	return all
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}
