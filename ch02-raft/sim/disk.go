package sim

import (
	"fmt"
	"slices"
)

// disk is what one server keeps through a crash.
//
// Invariants
//  1. synced is what survives any crash: a log without gaps behind its snapshot.
//  2. writing holds, oldest first, the Readies whose Save is not durable yet. A crash
//     leaves a prefix of what they wrote, record by record.
type disk struct {
	synced  Stored
	writing []Ready
}

// last is the index and term of the end of the synced log.
func (d *disk) last() (index, term uint64) {
	if n := len(d.synced.Entries); n > 0 {
		return d.synced.Entries[n-1].Index, d.synced.Entries[n-1].Term
	}
	return d.synced.Snapshot.Index, d.synced.Snapshot.Term
}

// holds tells whether the synced log holds, or its snapshot covers, the entry.
func (d *disk) holds(index, term uint64) bool {
	first := d.synced.Snapshot.Index + 1
	if index < first {
		return true
	}
	at := index - first
	return at < uint64(len(d.synced.Entries)) && d.synced.Entries[at].Term == term
}

// write makes a save durable.
func (d *disk) write(s Save) error {
	if s.Snapshot != nil {
		if err := d.writeSnapshot(*s.Snapshot); err != nil {
			return err
		}
	}
	if len(s.Entries) > 0 {
		if err := d.writeEntries(s.Entries); err != nil {
			return err
		}
	}
	if s.State != nil {
		d.synced.State = *s.State
	}
	return nil
}

func (d *disk) writeSnapshot(snap Snapshot) error {
	old := d.synced.Snapshot.Index
	if snap.Index < old {
		return fmt.Errorf("a snapshot up to %d is to replace the one up to %d", snap.Index, old)
	}
	if snap.Index > old && d.holds(snap.Index, snap.Term) {
		d.synced.Entries = slices.Clone(d.synced.Entries[snap.Index-old:])
	} else if snap.Index > old {
		d.synced.Entries = nil
	}
	d.synced.Snapshot = snap
	return nil
}

func (d *disk) writeEntries(entries []Entry) error {
	first := d.synced.Snapshot.Index + 1
	last, _ := d.last()
	from := entries[0].Index
	if from < first || from > last+1 {
		return fmt.Errorf("entries from %d on are to be saved into a log of %d to %d", from, first, last)
	}
	d.synced.Entries = append(d.synced.Entries[:from-first], entries...)
	return nil
}

// crash loses what is not synced. Of what was being written survive, in order, as many
// records as keep tells: the snapshot is one, each entry is one, the state is one.
func (d *disk) crash(keep int) (lost int, err error) {
	for _, rd := range d.writing {
		for _, part := range records(rd.Save) {
			if keep == 0 {
				lost++
				continue
			}
			keep--
			if err := d.write(part); err != nil {
				return lost, err
			}
		}
	}
	d.writing = nil
	return lost, nil
}

// pending counts the records that are being written.
func (d *disk) pending() (n int) {
	for _, rd := range d.writing {
		n += len(records(rd.Save))
	}
	return n
}

// records are the pieces of a save in the order in which they reach the disk.
func records(s Save) []Save {
	var parts []Save
	if s.Snapshot != nil {
		parts = append(parts, Save{Snapshot: s.Snapshot})
	}
	for i := range s.Entries {
		parts = append(parts, Save{Entries: s.Entries[i : i+1]})
	}
	if s.State != nil {
		parts = append(parts, Save{State: s.State})
	}
	return parts
}

// image is the state machine as it lies on disk beside the log: as of the entry index.
type image struct {
	index uint64
	store Store
}

// boot is what a server finds when it starts: the log, and the state machine, which is the
// newer of its own durable image and the log's snapshot.
func (d *disk) boot(kept image) (Stored, Store, error) {
	found := d.synced
	found.Entries = slices.Clone(found.Entries)
	found.Applied = max(found.Snapshot.Index, kept.index)
	if kept.index >= found.Snapshot.Index {
		return found, kept.store.clone(), nil
	}
	store, err := UnmarshalStore(found.Snapshot.State)
	return found, store, err
}
