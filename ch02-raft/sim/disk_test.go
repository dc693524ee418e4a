package sim

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func entries(from, to, term uint64) (list []Entry) {
	for i := from; i <= to; i++ {
		list = append(list, Entry{Index: i, Term: term})
	}
	return list
}

func describe(d *disk) string {
	s := fmt.Sprintf("term %d snapshot %d/%d:", d.synced.State.Term, d.synced.Snapshot.Index, d.synced.Snapshot.Term)
	for _, e := range d.synced.Entries {
		s += fmt.Sprintf(" %d/%d", e.Index, e.Term)
	}
	return s
}

// A save that a crash cuts off after each of its records: snapshot, entries, state.
func TestATornWriteLeavesAPrefix(t *testing.T) {
	save := Save{Snapshot: &Snapshot{Index: 2, Term: 1}, Entries: entries(4, 5, 2), State: &HardState{Term: 2}}
	for keep, want := range []string{
		"term 1 snapshot 0/0: 1/1 2/1 3/1 4/1",
		"term 1 snapshot 2/1: 3/1 4/1",
		"term 1 snapshot 2/1: 3/1 4/2",
		"term 1 snapshot 2/1: 3/1 4/2 5/2",
		"term 2 snapshot 2/1: 3/1 4/2 5/2",
	} {
		d := disk{synced: Stored{State: HardState{Term: 1}, Entries: entries(1, 4, 1)}, writing: []Ready{{Save: save}}}
		require.Equal(t, 4, d.pending())
		lost, err := d.crash(keep)
		require.NoError(t, err)
		require.Equal(t, 4-keep, lost)
		require.Equal(t, want, describe(&d))
		require.Empty(t, d.writing)
	}
}

func TestASnapshotReplacesWhatItCovers(t *testing.T) {
	for _, c := range []struct {
		name string
		snap Snapshot
		want string
	}{
		{"its last entry is in the log", Snapshot{Index: 3, Term: 1}, "term 0 snapshot 3/1: 4/1"},
		{"the log has another entry there", Snapshot{Index: 3, Term: 2}, "term 0 snapshot 3/2:"},
		{"beyond the log", Snapshot{Index: 9, Term: 2}, "term 0 snapshot 9/2:"},
	} {
		d := disk{synced: Stored{Entries: entries(1, 4, 1)}}
		require.NoError(t, d.write(Save{Snapshot: &c.snap}))
		require.Equal(t, c.want, describe(&d), c.name)
	}
}

func TestADiskRefusesGaps(t *testing.T) {
	d := disk{synced: Stored{Snapshot: Snapshot{Index: 5, Term: 1}, Entries: entries(6, 7, 1)}}
	require.ErrorContains(t, d.write(Save{Entries: entries(9, 9, 1)}), "entries from 9 on are to be saved into a log of 6 to 7")
	require.ErrorContains(t, d.write(Save{Entries: entries(5, 9, 1)}), "entries from 5 on")
	require.ErrorContains(t, d.write(Save{Snapshot: &Snapshot{Index: 4}}), "a snapshot up to 4 is to replace the one up to 5")
}

// A state machine may be durable beside the log; the newer of it and the snapshot counts.
func TestBootTakesTheNewerState(t *testing.T) {
	d := disk{synced: Stored{Snapshot: Snapshot{Index: 5, Term: 1, State: []byte("a=5\n")}, Entries: entries(6, 9, 1)}}
	stored, store, err := d.boot(image{index: 7, store: Store{pairs: []pair{{"a", "7"}}}})
	require.NoError(t, err)
	require.Equal(t, uint64(7), stored.Applied)
	require.Equal(t, "7", store.Get("a"))
	stored, store, err = d.boot(image{index: 3})
	require.NoError(t, err)
	require.Equal(t, uint64(5), stored.Applied)
	require.Equal(t, "5", store.Get("a"))
}
