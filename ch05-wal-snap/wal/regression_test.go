package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/walpb"
)

// victim is a small log and where its records are.
type victim struct {
	name    string // of its one segment
	bytes   []byte // as the member left it, with the zeros behind it
	records []Location
	root    string
}

func newVictim(t *testing.T, n uint64) victim {
	dir := smallLog(t, n)
	path := lastSegment(t, dir)
	return victim{name: filepath.Base(path), bytes: readFile(t, path), records: locate(t, dir), root: t.TempDir()}
}

// end is the first byte behind the last record.
func (v victim) end() int { l := v.records[len(v.records)-1]; return int(l.Offset + l.Bytes) }

// with puts a damaged copy of the log into a directory.
func (v victim) with(t *testing.T, damaged []byte) string {
	dir := filepath.Join(v.root, "wal")
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, v.name), damaged, 0o600))
	return dir
}

// recordsBefore counts the records (of some types only) that are whole in the first at bytes.
// Padding is no part of a record.
func (v victim) recordsBefore(at int, types ...int64) (n int) {
	for _, l := range v.records {
		frame := v.bytes[l.Offset : l.Offset+l.Bytes]
		recordBytes, _, _ := splitLength(binary.LittleEndian.Uint64(frame))
		wanted := len(types) == 0 || slices.Contains(types, int64(frame[lengthFieldBytes+1]))
		if wanted && int(l.Offset+lengthFieldBytes+recordBytes) <= at {
			n++
		}
	}
	return n
}

func (v victim) entriesBefore(at int) int { return v.recordsBefore(at, EntryType) }

const headRecords = 2 // crc and metadata: without them a segment is not one

// J1 (PR #15069): a log that is cut, or zero from some byte on, opens or is repaired, and has
// every entry before that byte; it never asks the operator.
func TestRegression_J1_CutOrZeroAtEveryByte(t *testing.T) {
	v := newVictim(t, 6)
	headEnd := 0 // first byte behind crc and metadata, without padding
	for n := 0; n < headRecords; headEnd++ {
		n = v.recordsBefore(headEnd + 1)
	}
	for at := range v.end() + 1 {
		zeroed := append(bytes.Clone(v.bytes[:at]), make([]byte, len(v.bytes)-at)...)
		for kind, damaged := range map[string][]byte{"cut": v.bytes[:at], "zero": zeroed} {
			dir := v.with(t, damaged)
			c, report, err := start(dir)
			if at < headEnd {
				var damage *DamageError
				require.ErrorAs(t, err, &damage, "%s at %d: the head was synced before the segment had its name", kind, at)
				continue
			}
			if errors.Is(err, ErrSnapshotNotFound) {
				require.Zero(t, v.entriesBefore(at))
				continue
			}
			require.NoError(t, err, "%s at %d", kind, at)
			require.GreaterOrEqual(t, len(c.ents), v.entriesBefore(at), "%s at %d", kind, at)
			for i, e := range c.ents {
				require.Equal(t, entry(uint64(i+1), 1), e)
			}
			if report.Repaired {
				require.Equal(t, damaged, readFile(t, report.Backup), "the evidence is kept")
				require.LessOrEqual(t, int(report.Offset), at)
			}
			goesOn(t, dir, len(c.ents))
		}
	}
}

// goesOn appends to a log after what it has been through.
func goesOn(t *testing.T, dir string, entries int) {
	w, err := open(quiet, steadyDisk(), dir, walpb.Snapshot{}, 4096)
	require.NoError(t, err)
	_, _, _, err = w.ReadAll()
	require.NoError(t, err)
	require.NoError(t, w.Save(state(2, 2, 0), []raftpb.Entry{entry(uint64(entries+1), 2)}))
	require.NoError(t, w.Close())
	c, err := reopen(dir)
	require.NoError(t, err)
	require.Len(t, c.ents, entries+1)
}

// J1: a sector that was lost costs either nothing but a record that could not have been
// acknowledged (the last one, which spans it), or the log refuses.
func TestRegression_J1_LoseEverySector(t *testing.T) {
	v := newVictim(t, 30)
	last := v.records[len(v.records)-1]
	require.Greater(t, v.end(), 4*sectorBytes)
	for at := 0; at < v.end(); at += sectorBytes {
		damaged := bytes.Clone(v.bytes)
		clear(damaged[at : at+sectorBytes])
		c, report, err := start(v.with(t, damaged))
		var damage *DamageError
		if errors.As(err, &damage) {
			require.False(t, damage.Torn)
			require.LessOrEqual(t, int(damage.Offset), at+sectorBytes)
			require.Contains(t, err.Error(), v.name)
			continue
		}
		require.NoError(t, err)
		require.Greater(t, at+sectorBytes, int(last.Offset), "records behind the lost sector were dropped (%v)", report)
		require.GreaterOrEqual(t, len(c.ents), v.entriesBefore(at))
	}
}

// J1: a large last record that lost a sector in its middle is a torn one.
func TestRegression_J1_LastRecordLostASector(t *testing.T) {
	w := newLog(t, DefaultSegmentBytes)
	require.NoError(t, w.Save(state(1, 1, 0), []raftpb.Entry{entry(1, 1)}))
	require.NoError(t, w.Save(raftpb.HardState{}, []raftpb.Entry{bigEntry(2, 1, 5000)}))
	require.NoError(t, w.Close())
	path := lastSegment(t, w.dir)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, sectorBytes), 3*sectorBytes)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	c, report, err := start(w.dir)
	require.NoError(t, err)
	require.True(t, report.Repaired)
	require.Equal(t, []uint64{1}, indexes(c.ents))
}

// A flipped byte is not a torn write: whatever it hits, nothing is dropped silently.
func TestRegression_J1_FlippedByteRefuses(t *testing.T) {
	v := newVictim(t, 6)
	for at := range v.end() + 64 {
		damaged := bytes.Clone(v.bytes)
		damaged[at] ^= 0x20
		if rest := bytes.TrimLeft(damaged[at:], "\x00"); len(rest) == 0 {
			continue // as if the end were lost; TestRegression_J1_CutOrZeroAtEveryByte
		}
		c, report, err := start(v.with(t, damaged))
		if err == nil { // in padding; or behind the last record, where it looks like the begin of one
			require.True(t, !report.Repaired || at >= v.end(), "flipped byte %d cut the log off at %d", at, report.Offset)
			require.Len(t, c.ents, 6, "flipped byte %d", at)
			continue
		}
		var damage *DamageError
		require.ErrorAs(t, err, &damage, "flipped byte %d", at)
		require.False(t, damage.Torn)
		if at >= int(v.records[1].Offset) { // a reader takes the first checksum as it finds it, and stumbles over the next
			require.LessOrEqual(t, int(damage.Offset), at)
		}
	}
}

// Only the last segment can have been written when the power went.
func TestRegression_J1_EarlierSegmentIsNeverRepaired(t *testing.T) {
	w := cutLog(t)
	require.NoError(t, w.Close())
	names, err := listSegments(quiet, w.dir)
	require.NoError(t, err)
	path := w.path(names[1])
	require.NoError(t, os.Truncate(path, int64(len(readFile(t, path)))-20))
	_, _, err = start(w.dir)
	var damage *DamageError
	require.ErrorAs(t, err, &damage)
	require.False(t, damage.Torn)
	require.Equal(t, path, damage.File)
}

// J2 (#14127): what the writer accepts, the reader opens; 3.4 stops at 10 MB.
func TestRegression_J2_RecordOfAnySizeIsReadAgain(t *testing.T) {
	w := newLog(t, DefaultSegmentBytes)
	huge := bigEntry(1, 1, 12_000_000)
	require.NoError(t, w.Save(state(1, 1, 0), []raftpb.Entry{huge, entry(2, 1)}))
	require.NoError(t, w.Close())
	c, err := reopen(w.dir)
	require.NoError(t, err)
	require.Equal(t, []raftpb.Entry{huge, entry(2, 1)}, c.ents)
}

// J2: a length that lies does not get the memory it asks for.
func TestRegression_J2_MemoryIsBoundedByTheFile(t *testing.T) {
	const fileBytes = 1 << 20
	good := appendBareFrame(nil, 0, CrcType)
	good, _ = appendFrame(good, 0, MetadataType, bytesMessage(member))
	for _, length := range []int{1 << 50, 1 << 40, fileBytes, fileBytes - len(good) - 8} {
		file := append(bytes.Clone(good), make([]byte, fileBytes-len(good))...)
		field, _ := lengthField(length)
		binary.LittleEndian.PutUint64(file[len(good):], field)
		copy(file[len(good)+8:], "no record")

		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		d := newDecoder(source{ReaderAt: bytes.NewReader(file), path: "lie.wal", size: fileBytes})
		err := scan(d, func(walpb.Record) error { return nil })
		runtime.ReadMemStats(&after)
		var damage *DamageError
		require.ErrorAs(t, err, &damage)
		require.EqualValues(t, len(good), damage.Offset)
		// The record, then instead of it the tail; the race detector makes more of both.
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(5*fileBytes), "a length of %d", length)
	}
}

// J3 (#11918, #15043): whoever checks, checks the checksum too, and says where it failed.
func TestRegression_J3_ChecksumErrorNamesFileAndOffset(t *testing.T) {
	w := cutLog(t)
	require.NoError(t, w.Close())
	victim := locate(t, w.dir)[3+4+3] // an entry of the second segment
	b := readFile(t, victim.File)
	b[victim.Offset+100] ^= 1
	require.NoError(t, os.WriteFile(victim.File, b, 0o600))

	_, valid := ValidSnapshotEntries(quiet, w.dir)
	_, read := reopen(w.dir)
	for name, err := range map[string]error{
		"Verify": Verify(quiet, w.dir, walpb.Snapshot{}), "ReadAll": read, "ValidSnapshotEntries": valid,
		"Scan": Scan(quiet, w.dir, func(Location, walpb.Record) error { return nil }),
	} {
		require.ErrorIs(t, err, ErrCRCMismatch, name)
		var damage *DamageError
		require.ErrorAs(t, err, &damage, name)
		require.Equal(t, victim.File, damage.File, name)
		require.Equal(t, victim.Offset, damage.Offset, name)
	}
}

// J5: a log that lost its tail at a record's boundary looks whole. Only what was promised on
// the strength of it can tell.
func TestRegression_J5_LostTailAtARecordsBoundaryIsTold(t *testing.T) {
	v := newVictim(t, 6)
	entry6 := v.records[len(v.records)-2]
	c, report, err := start(v.with(t, v.bytes[:entry6.Offset]))
	require.NoError(t, err)
	require.False(t, report.Repaired)
	last := c.ents[len(c.ents)-1].Index
	require.EqualValues(t, 5, last)

	require.NoError(t, CheckComplete(last, c.state.Commit, 5))
	err = CheckComplete(last, c.state.Commit, 6)
	require.ErrorIs(t, err, ErrLostEntries)
	require.ErrorContains(t, err, "ends at index 5, the backend's consistent index is 6")
	require.ErrorContains(t, CheckComplete(5, 7, 0), "HardState.Commit is 7")
}

// Whatever lies in a file: records, then the end or a *DamageError inside the file.
func FuzzDecoder(f *testing.F) {
	b := appendBareFrame(nil, 0, CrcType)
	b, crc := appendFrame(b, 0, MetadataType, bytesMessage(member))
	f.Add(b)
	b, _ = appendFrame(b, crc, StateType, state(1, 2, 3))
	f.Add(append(b, make([]byte, 100)...))
	f.Add(appendBareFrame(nil, 0, CrcType)[:12]) // without its padding
	f.Fuzz(func(t *testing.T, b []byte) {
		d := newDecoder(source{ReaderAt: bytes.NewReader(b), path: "fuzz.wal", size: int64(len(b))})
		for {
			_, err := d.decode()
			if err == nil {
				continue
			}
			var damage *DamageError
			if err != io.EOF {
				require.ErrorAs(t, err, &damage)
				require.LessOrEqual(t, damage.Offset, int64(len(b)+7), "the padding of the last record may be missing")
			}
			return
		}
	})
}
