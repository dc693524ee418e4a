package e2e

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// walFile is the newest segment of the log below dir, taken apart into frames.
type walFile struct {
	path   string
	bytes  []byte
	frames []frameAt
}

// frameAt is where a record lies: an 8-byte length, then the record with its
// padding (facts of the 3.4 format: the top byte of the length counts padding).
type frameAt struct{ offset, size int }

func readWAL(t *testing.T, dir string) *walFile {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "member", "wal", "*.wal"))
	require.NoError(t, err)
	require.NotEmpty(t, segments)
	w := &walFile{path: slices.Max(segments)}
	w.bytes, err = os.ReadFile(w.path)
	require.NoError(t, err)
	for at := 0; at+8 <= len(w.bytes); {
		length := binary.LittleEndian.Uint64(w.bytes[at:])
		if length == 0 {
			break
		}
		size := 8 + int(length&(1<<56-1))
		if length>>56 != 0 {
			size += int(length >> 56 & 7)
		}
		w.frames = append(w.frames, frameAt{at, size})
		at += size
	}
	require.Greater(t, len(w.frames), 10)
	return w
}

func (w *walFile) end() int { last := w.frames[len(w.frames)-1]; return last.offset + last.size }

func (w *walFile) write(t *testing.T) {
	t.Helper()
	require.NoError(t, os.WriteFile(w.path, w.bytes, 0o600))
}

// killed is the data directory of a server that was killed.
func killed(t *testing.T, program string) (dir, content string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	s := open(t, program, dir, Options{FixedIdentity: true})
	work(t, s, 1)
	content = contentOf(t, s)
	s.Kill()
	s.Close()
	return dir, content
}

// TestTornTailIsRepairedAndReported: a crash in the middle of a write leaves
// half a record behind the last synced one. Nobody was told it is there, so it
// is cut off, with a copy kept and a word in the log.
func TestTornTailIsRepairedAndReported(t *testing.T) {
	program := ours(t)
	rows := []struct {
		name string
		tear func(w *walFile, record []byte)
	}{
		{"half a record, then the end of the file", func(w *walFile, record []byte) {
			w.bytes = append(w.bytes[:w.end():w.end()], record[:len(record)/2]...)
		}},
		{"half a record, then zeros", func(w *walFile, record []byte) {
			copy(w.bytes[w.end():], record[:len(record)/2])
		}},
		{"only the length", func(w *walFile, record []byte) {
			copy(w.bytes[w.end():], record[:8])
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir, content := killed(t, program)
			w := readWAL(t, dir)
			sample := w.frames[len(w.frames)/2]
			record := append([]byte(nil), w.bytes[sample.offset:sample.offset+sample.size]...)
			row.tear(w, record)
			w.write(t)

			s := open(t, program, dir, Options{FixedIdentity: true})
			require.Equal(t, content, contentOf(t, s), "everything synced is there")
			require.Regexp(t, `(?i)repair|torn`, s.Log())
			require.FileExists(t, w.path+".broken", "a copy of the torn file is kept")
			put(t, s, "goes", "on")
			content = contentOf(t, s)
			s.Kill()
			require.NoError(t, s.Start())
			require.Equal(t, content, contentOf(t, s))
		})
	}
}

// TestOtherDamageRefusesToStart: what a crash cannot have done is not repaired.
// The error names file and offset, and no file changes.
func TestOtherDamageRefusesToStart(t *testing.T) {
	program := ours(t)
	for _, part := range []string{"length", "record"} {
		t.Run("a flipped bit in a "+part, func(t *testing.T) {
			t.Parallel()
			dir, _ := killed(t, program)
			w := readWAL(t, dir)
			victim := w.frames[len(w.frames)/2]
			if part == "length" {
				w.bytes[victim.offset+1] ^= 0x40 // 16 KiB longer
			} else {
				w.bytes[victim.offset+victim.size/2] ^= 1
			}
			w.write(t)
			before := fingerprint(t, filepath.Join(dir, "member", "wal"))
			refuses(t, program, serverArgs(dir), filepath.Base(w.path), fmt.Sprint(victim.offset))
			require.Equal(t, before, fingerprint(t, filepath.Join(dir, "member", "wal")), "a refused log is left as it is")
		})
	}
}

// TestRegression_J5_LostTailRefusesToStart: the log ends cleanly, but the
// backend knows of later entries, which therefore were synced and are lost.
func TestRegression_J5_LostTailRefusesToStart(t *testing.T) {
	program := ours(t)
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, program, dir, Options{FixedIdentity: true})
	work(t, s, 1)
	stop(t, s) // commits the backend
	s.Close()
	w := readWAL(t, dir)
	clear(w.bytes[w.frames[len(w.frames)-9].offset:])
	w.write(t)
	before := fingerprint(t, filepath.Join(dir, "member", "wal"))
	refuses(t, program, serverArgs(dir), "consistent index")
	require.Equal(t, before, fingerprint(t, filepath.Join(dir, "member", "wal")))
}
