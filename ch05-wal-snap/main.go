// Chapter 5 in one run: a log is written and shown byte by byte, a crash tears its tail, and
// it comes back with everything that was acknowledged. Then damage that no crash leaves.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/snap"
	"insideetcd/ch05-wal-snap/wal"
	"insideetcd/ch05-wal-snap/walpb"
)

var (
	quiet   = slog.New(slog.DiscardHandler)
	root, _ = os.MkdirTemp("", "ch05-")
	dir     = filepath.Join(root, "wal")
	segment = filepath.Join(dir, "0000000000000000-0000000000000000.wal")
)

func main() {
	records := savedMeansSynced()
	tornIsCutOff(records[len(records)-1])
	flippedIsRefused(records[5].Offset)
	lostIsNoticed(records[5].Offset)
	namedIsBelieved()

	say("Try next\n" +
		"  go test ./ch05-wal-snap/wal -run J1 -v                         every byte cut, zeroed, flipped\n" +
		"  go test ./ch05-wal-snap/wal -run PowerCut -v | grep outcomes  power fails before every call to the disk\n" +
		"  go test ./ch05-wal-snap/wal -run xxx -bench Save -benchmem")
	must(os.RemoveAll(root))
}

func savedMeansSynced() []wal.Location {
	say("1. Each Ready is saved: entries, then HardState, one sync. Then its client is answered.")
	w, err := wal.Create(quiet, dir, []byte("me"))
	must(err)
	for i, word := range []string{"to", "be", "read"} {
		save(w, uint64(i+1), word)
	}
	must(w.Close())
	return show()
}

func tornIsCutOff(last wal.Location) {
	say("2. Power fails in the middle of the fourth Save. Of its entry, 20 bytes reach the disk.")
	w, _, err := open()
	must(err)
	save(w, 4, "again")
	must(w.Close())
	patch(last.Offset+last.Bytes+20, make([]byte, 100)) // the file was preallocated: zeros where nothing arrived
	_, _, err = open()
	tell("open:   ", err)
	check(errors.Is(err, wal.ErrTorn), "half a record at the end is torn")
	report, err := wal.Repair(quiet, dir)
	must(err)
	tell("repair:  cut off at byte", report.Offset, "and kept as", report.Backup)
	w, words, err := open()
	must(err)
	must(w.Close())
	tell("read:   ", words)
	check(strings.Join(words, " ") == "to be read", "what was synced is there")
	tell(`"again" is gone, and nobody was told otherwise: its Save had not returned, so no client was`)
	tell("answered and no message sent. The words before it stand on Saves that had returned.")
}

func flippedIsRefused(secondEntry int64) {
	say("3. A bit flips in the second entry. No crash does that, so nothing is cut off.")
	patch(secondEntry+24, []byte("X"))
	_, _, err := open()
	tell("open:   ", err)
	check(errors.Is(err, wal.ErrCRCMismatch) && !errors.Is(err, wal.ErrTorn), "a flipped bit is not a torn write")
	_, err = wal.Repair(quiet, dir)
	check(err != nil, "Repair must refuse where it would have to guess")
}

func lostIsNoticed(secondEntry int64) {
	say("4. The log is lost from the second entry on, exactly between two records: it reads without error.\n" +
		"   Only what was promised on the strength of it can tell: the database has applied entry 3.")
	must(os.Truncate(segment, secondEntry))
	w, words, err := open()
	must(err)
	must(w.Close())
	err = wal.CheckComplete(uint64(len(words)), 1, 3)
	tell("read:   ", words)
	tell("check:  ", err)
	check(errors.Is(err, wal.ErrLostEntries), "a consistent index beyond the log's end is told")
}

func namedIsBelieved() {
	say("5. A snapshot counts when the log names it: file first, record second. A crash came between, at 2.")
	files := snap.New(quiet, root)
	w, _, err := open()
	must(err)
	save(w, 2, "be") // and so entry 1 is committed
	must(files.SaveSnap(snapshot(1)))
	must(w.SaveSnapshot(walpb.Snapshot{Index: 1, Term: 1}))
	must(w.Close())
	must(files.SaveSnap(snapshot(2)))
	named, err := wal.ValidSnapshotEntries(quiet, dir)
	must(err)
	start, err := files.LoadNewestAvailable(named)
	must(err)
	tell("files:  ", snap.FileName(1, 1), snap.FileName(1, 2))
	tell("start:   index", start.Metadata.Index)
	check(start.Metadata.Index == 1, "a snapshot that the log does not name is an orphan")
}

func save(w *wal.WAL, index uint64, word string) {
	must(w.Save(raftpb.HardState{Term: 1, Vote: 1, Commit: index - 1}, []raftpb.Entry{{Index: index, Term: 1, Data: []byte(word)}}))
}

func snapshot(index uint64) raftpb.Snapshot {
	return raftpb.Snapshot{Data: []byte("{}"), Metadata: raftpb.SnapshotMetadata{Index: index, Term: 1}}
}

// open reads the log and returns it, ready for Save, with the words in it.
func open() (w *wal.WAL, words []string, err error) {
	if w, err = wal.Open(quiet, dir, walpb.Snapshot{}); err != nil {
		return nil, nil, err
	}
	_, _, entries, err := w.ReadAll()
	if err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	for _, e := range entries {
		words = append(words, string(e.Data))
	}
	return w, words, nil
}

func say(s string) { fmt.Println("\n" + s) }
func tell(s ...any) {
	fmt.Print(strings.ReplaceAll(fmt.Sprintln(s...), root+string(filepath.Separator), ""))
}
func must(err error) { check(err == nil, fmt.Sprint(err)) }

func check(holds bool, what string) {
	if !holds {
		os.RemoveAll(root)
		fmt.Fprintln(os.Stderr, "ch05: does not hold:", what)
		os.Exit(1)
	}
}
