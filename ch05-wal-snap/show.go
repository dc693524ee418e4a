package main

import (
	"errors"
	"fmt"
	"os"

	"insideetcd/ch05-wal-snap/wal"
	"insideetcd/ch05-wal-snap/walpb"
)

// show prints every record: where it lies, its kind, and its bytes as they are in the file.
func show() (records []wal.Location) {
	file, err := os.Open(segment)
	must(err)
	defer file.Close()
	tell("  byte  record    length, padding   type 08, checksum 10, data 1a, padding")
	must(wal.Scan(quiet, dir, func(l wal.Location, rec walpb.Record) error {
		records = append(records, l)
		frame := make([]byte, l.Bytes)
		_, err := file.ReadAt(frame, l.Offset)
		tell(fmt.Sprintf("%6d  %-8s  %x  %x", l.Offset, wal.TypeName(rec.Type), frame[:8], frame[8:]))
		return err
	}))
	return records
}

// patch does to the segment what crashes and bad disks do.
func patch(offset int64, b []byte) {
	f, err := os.OpenFile(segment, os.O_WRONLY, 0)
	must(err)
	_, err = f.WriteAt(b, offset)
	must(errors.Join(err, f.Close()))
}
