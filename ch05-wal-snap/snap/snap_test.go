package snap

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/snappb"
	"insideetcd/ch05-wal-snap/walpb"
)

var quiet = slog.New(slog.DiscardHandler)

func at(index, term uint64) raftpb.Snapshot {
	return raftpb.Snapshot{
		Data:     []byte(`{"Root":{}}`),
		Metadata: raftpb.SnapshotMetadata{Index: index, Term: term, ConfState: raftpb.ConfState{Voters: []uint64{1, 2, 3}}},
	}
}

// saved is a directory with snapshots at 10, 20 and 30.
func saved(t *testing.T) (*Snapshotter, string) {
	dir := t.TempDir()
	s := New(quiet, dir)
	for _, i := range []uint64{10, 20, 30} {
		require.NoError(t, s.SaveSnap(at(i, 1)))
	}
	return s, dir
}

func TestWhatWasSavedIsLoaded(t *testing.T) {
	s, dir := saved(t)
	got, err := s.Load()
	require.NoError(t, err)
	require.Equal(t, at(30, 1), *got)
	require.FileExists(t, filepath.Join(dir, "0000000000000001-000000000000001e.snap"))
	direct, err := Read(filepath.Join(dir, FileName(1, 20)))
	require.NoError(t, err)
	require.Equal(t, at(20, 1), *direct)
	leftovers, err := filepath.Glob(filepath.Join(dir, TempPrefix+"*"))
	require.NoError(t, err)
	require.Empty(t, leftovers)
}

func TestHigherTermIsNewer(t *testing.T) {
	s, _ := saved(t)
	require.NoError(t, s.SaveSnap(at(25, 2)))
	got, err := s.Load()
	require.NoError(t, err)
	require.EqualValues(t, 25, got.Metadata.Index)
}

func TestNothingToSaveOrLoad(t *testing.T) {
	dir := t.TempDir()
	s := New(nil, dir)
	require.NoError(t, s.SaveSnap(raftpb.Snapshot{}))
	_, err := s.Load()
	require.ErrorIs(t, err, ErrNoSnapshot)
	_, err = New(quiet, filepath.Join(dir, "none")).Load()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, New(quiet, filepath.Join(dir, "none")).SaveSnap(at(1, 1)), FileName(1, 1))
}

func TestLogDecidesWhichSnapshotCounts(t *testing.T) {
	s, _ := saved(t)
	for _, row := range []struct {
		log  []walpb.Snapshot
		want uint64
		why  string
	}{
		{[]walpb.Snapshot{{}, {Index: 10, Term: 1}, {Index: 20, Term: 1}, {Index: 30, Term: 1}}, 30, "all are named"},
		{[]walpb.Snapshot{{}, {Index: 10, Term: 1}, {Index: 20, Term: 1}}, 20, "30 is an orphan of a crash"},
		{[]walpb.Snapshot{{}, {Index: 10, Term: 1}, {Index: 30, Term: 2}}, 10, "another term is another snapshot"},
		{[]walpb.Snapshot{{}}, 0, "none"},
	} {
		got, err := s.LoadNewestAvailable(row.log)
		if row.want == 0 {
			require.ErrorIs(t, err, ErrNoSnapshot, row.why)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, row.want, got.Metadata.Index, row.why)
	}
}

func TestBrokenFileIsSetAside(t *testing.T) {
	whole := encode(at(30, 1))
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for name, content := range map[string][]byte{
		"empty": {}, "zeros": make([]byte, 4096), "half": whole[:len(whole)/2], "a flipped byte": flipped,
		"no data": snappb.Snapshot{Crc: 7}.AppendTo(nil), "text": []byte("hello"),
		"crc 0": snappb.Snapshot{Data: []byte{1}}.AppendTo(nil),
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := saved(t)
			path := filepath.Join(dir, FileName(1, 30))
			require.NoError(t, os.WriteFile(path, content, 0o600))
			_, err := Read(path)
			require.ErrorContains(t, err, path)
			require.FileExists(t, path, "Read changes nothing")

			var log bytes.Buffer
			s.lg = slog.New(slog.NewTextHandler(&log, nil))
			got, err := s.Load()
			require.NoError(t, err)
			require.EqualValues(t, 20, got.Metadata.Index)
			require.NoFileExists(t, path)
			kept, err := os.ReadFile(path + ".broken")
			require.NoError(t, err)
			require.Equal(t, content, kept)
			require.Contains(t, log.String(), "reason=")
		})
	}
}

// No byte of a file can change what is loaded from it. (Bits beyond 32 in the checksum's own
// varint say nothing in protobuf.)
func TestNoFlippedByteIsTakenForContent(t *testing.T) {
	whole := encode(at(30, 1))
	for i := range whole {
		for bit := range 8 {
			bad := bytes.Clone(whole)
			bad[i] ^= 1 << bit
			if got, err := decode(bad); err == nil {
				require.Equal(t, at(30, 1), *got, "bit %d of byte %d", bit, i)
			}
		}
	}
	for n := range whole {
		_, err := decode(whole[:n])
		require.Error(t, err, "cut at %d", n)
	}
}

// A crash of SaveSnap leaves a file that nobody takes for a snapshot.
func TestHalfWrittenSnapshotHasAnotherName(t *testing.T) {
	s, dir := saved(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, TempPrefix+"."+FileName(1, 40)+".part"), []byte("half"), 0o600))
	got, err := s.Load()
	require.NoError(t, err)
	require.EqualValues(t, 30, got.Metadata.Index)
}

func TestFailedSaveLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := New(quiet, dir)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, FileName(1, 1), "in the way"), 0o700))
	require.Error(t, s.SaveSnap(at(1, 1)))
	leftovers, err := filepath.Glob(filepath.Join(dir, TempPrefix+"*"))
	require.NoError(t, err)
	require.Empty(t, leftovers)
}

// A snapshot of a running etcd 3.4.23, and the same bytes from this package.
func TestSnapshotOfEtcd(t *testing.T) {
	path := filepath.Join("testdata", FileName(2, 11))
	got, err := Read(path)
	require.NoError(t, err)
	require.Equal(t, raftpb.SnapshotMetadata{Index: 11, Term: 2, ConfState: raftpb.ConfState{Voters: []uint64{13668033151171901709}}}, got.Metadata)
	var tree struct {
		Root struct{ Children map[string]any }
	}
	require.NoError(t, json.Unmarshal(got.Data, &tree))
	require.Contains(t, tree.Root.Children, "0", "the v2 store, where the members are")

	recorded, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, recorded, encode(*got))
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(at(30, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decode(b); err == nil {
			_, err := decode(encode(*s))
			require.NoError(t, err)
		}
	})
}
