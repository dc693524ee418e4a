package wal

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// frameOf is the frame of an entry whose data holds no zeros, 8 bytes from a sector's start.
func frameOf(dataBytes int) []byte {
	frame, _ := appendFrame(nil, 77, EntryType, bytesMessage(bytes.Repeat([]byte{'x'}, dataBytes)))
	return frame
}

func zeros(n int) []byte { return make([]byte, n) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestTornTells(t *testing.T) {
	const offset = 1024 - 8 // the record begins at a sector, its length field lies in the one before
	frame := frameOf(1600)
	end := len(bytes.TrimRight(frame, "\x00")) // of the record; padding follows

	flip := func(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 0x10; return b }
	lose := func(b []byte, from, to int) []byte { b = bytes.Clone(b); clear(b[from:to]); return b }

	for _, row := range []struct {
		name string
		tail []byte
		torn bool
		why  string
	}{
		{"cut in the length field", frame[:5], true, "T1: the file ends in it"},
		{"cut behind the length field", frame[:8], true, "T1"},
		{"cut in the data", frame[:100], true, "T1"},
		{"zeros from within the length field", join(frame[:1], zeros(5000)), true, "T1: zeros run to the end"},
		{"zeros from within the head", join(frame[:17], zeros(5000)), true, "T1"},
		{"zeros from within the data", join(frame[:700], zeros(5000)), true, "T1"},
		{"zeros in the last byte only", join(frame[:end-1], zeros(5000)), true, "T1"},
		{"a sector in the middle is lost", join(lose(frame, 8+512, 8+1024), zeros(5000)), true, "T1: sectors arrive in any order"},
		{"the first sector of the record is lost", join(lose(frame, 8, 8+512), zeros(5000)), true, "T1: its head too, so nothing contradicts"},
		{"a sector is lost, at the end of the file", lose(frame, 8+512, 8+1024), true, "T1"},

		{"a flipped byte", join(flip(frame, 700), zeros(5000)), false, "not T1: nothing is missing"},
		{"a flipped byte, at the end of the file", flip(frame, 700), false, "not T1"},
		{"half a sector is zero", join(lose(frame, 8+512, 8+768), zeros(5000)), false, "not T1: disks write whole sectors"},
		{"512 zeros that are no sector", join(lose(frame, 8+100, 8+612), zeros(5000)), false, "not T1"},
		{"a lost sector, and another record behind", join(lose(frame, 8+512, 8+1024), frameOf(20)), false, "not T2"},
		{"a lost end, and something far behind", join(frame[:700], zeros(5000), []byte{1}), false, "not T2"},
		{"the sector of the length field is lost", lose(frame, 0, 8), false, "not T2: where it ends is unknown"},
		{"a length field that nobody writes", join([]byte{0xff}, frame[1:700], zeros(5000)), false, "T3: altered, not cut"},
		{"a length far beyond the file", join(frame[:4], []byte{1}, frame[5:], frameOf(20)), false, "T3: the inner length says 1600"},
		{"a length beyond the record, zeros behind", join(flip(frame, 1), zeros(50000)), false, "T3"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.torn, torn(row.tail, offset), row.why)
		})
	}
}

// Cut at any byte, or zero from any byte on: a record is always torn while a byte of it is
// missing.
func TestRecordCutAnywhereIsTorn(t *testing.T) {
	for _, size := range []int{0, 1, 13, 120, 130, 600, 17_000} {
		frame := frameOf(size)
		written := len(bytes.TrimRight(frame, "\x00"))
		for at := 1; at < written; at++ {
			require.True(t, torn(frame[:at], 0), "%d bytes of data, cut at %d", size, at)
			require.True(t, torn(join(frame[:at], zeros(999)), 0), "%d bytes of data, zeros from %d", size, at)
		}
	}
}

// No single flipped bit in a record makes it torn, wherever the bit is.
func TestFlippedBitIsNotATear(t *testing.T) {
	for _, size := range []int{1, 13, 130, 1600} {
		frame := frameOf(size)
		written := len(bytes.TrimRight(frame, "\x00"))
		for at := range written {
			for bit := range 8 {
				bad := bytes.Clone(frame)
				bad[at] ^= 1 << bit
				for _, tail := range [][]byte{bad, join(bad, zeros(5000)), join(bad, frameOf(20))} {
					if cannotTell(bad, at) {
						continue
					}
					require.False(t, torn(tail, 0), "%d bytes of data, bit %d of byte %d", size, bit, at)
				}
			}
		}
	}
}

// cannotTell: the flip made the record's last byte zero, as zeros running to the end would.
func cannotTell(frame []byte, at int) bool {
	return frame[at] == 0 && len(bytes.Trim(frame[at:], "\x00")) == 0
}

func FuzzTornNeverPanics(f *testing.F) {
	f.Add(frameOf(30), int64(500))
	f.Add(frameOf(1600)[:900], int64(8))
	f.Fuzz(func(t *testing.T, tail []byte, offset int64) {
		torn(tail, offset&^7)
	})
}
