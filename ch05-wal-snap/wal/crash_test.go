package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/walpb"
)

// witness remembers what a log promised.
type witness struct {
	created bool
	ents    []raftpb.Entry // acknowledged
	state   raftpb.HardState
	snaps   []walpb.Snapshot
}

// live is a member's life on a disk: create, then entries, votes and snapshots, over several
// segments, until the power is cut or the story ends.
func live(disk disk, dir string) (is witness) {
	w, err := create(quiet, disk, dir, member, 2048)
	if err != nil {
		return is
	}
	defer w.Close()
	is.created = true
	for i := uint64(1); i <= 6; i++ {
		st, ents := state(i, i%3+1, i-1), []raftpb.Entry{bigEntry(i, i, 900), entry(i+1, i)}
		if w.Save(st, ents) != nil {
			return is
		}
		is.ents = append(is.ents[:i-1], ents...)
		is.state = st
		if s := (walpb.Snapshot{Index: i - 1, Term: i}); i%2 == 0 {
			if w.SaveSnapshot(s) != nil {
				return is
			}
			is.snaps = append(is.snaps, s)
		}
	}
	return is
}

// check compares what a member finds after the crash with what it had promised.
func (is witness) check(t *testing.T, dir string, refusalAllowed bool) (outcome string) {
	if !Exist(dir) {
		require.False(t, is.created, "a log that was created is gone")
		w, err := Create(quiet, dir, member)
		require.NoError(t, err, "creating again")
		require.NoError(t, w.Close())
		return "created again"
	}
	c, repaired, err := start(dir)
	if err != nil {
		var damage *DamageError
		require.True(t, refusalAllowed && errors.As(err, &damage), "%v", err)
		return "refused"
	}
	require.Equal(t, member, c.metadata)
	require.GreaterOrEqual(t, len(c.ents), len(is.ents))
	for i, e := range is.ents {
		// A later, unacknowledged entry may have taken the last place (Raft §5.3).
		if c.ents[i].Term == e.Term {
			require.Equal(t, e, c.ents[i])
		} else {
			require.Greater(t, c.ents[i].Term, e.Term, "entry %d went back", e.Index)
		}
	}
	require.GreaterOrEqual(t, c.state.Term, is.state.Term, "the term went back")
	if c.state.Term == is.state.Term {
		require.Equal(t, is.state.Vote, c.state.Vote, "the vote is forgotten")
	}
	snaps, err := ValidSnapshotEntries(quiet, dir)
	require.NoError(t, err)
	for _, s := range is.snaps {
		require.Contains(t, snaps, s)
	}
	if repaired.Repaired {
		return "repaired"
	}
	return "opened"
}

// The power is cut before every call that a log makes to its disk in turn: in the middle of
// Create, Save and cut. Of what was not synced, sectors arrive in order up to some one.
// Whatever was promised is there after the restart, and the log opens.
func TestPowerCutBeforeEveryCall(t *testing.T) {
	everyCall(t, func(rng *rand.Rand) func(int) bool {
		last := rng.IntN(8) - 1
		return func(sector int) bool { return sector <= last }
	}, false)
}

// The same, but sectors arrive in any order. Then a log may also refuse to open: it never
// forgets silently.
func TestPowerCutWithSectorsInAnyOrder(t *testing.T) {
	everyCall(t, func(rng *rand.Rand) func(int) bool {
		return func(int) bool { return rng.IntN(2) == 0 }
	}, true)
}

func everyCall(t *testing.T, sectors func(*rand.Rand) func(int) bool, refusalAllowed bool) {
	whole := steadyDisk()
	live(whole, filepath.Join(t.TempDir(), "wal"))
	require.Greater(t, whole.count("rename"), 3, "the story has segments")
	root, outcomes := t.TempDir(), map[string]int{}
	for calls := range len(whole.calls) + 1 {
		for seed := range uint64(8) {
			rng := rand.New(rand.NewPCG(uint64(calls), seed))
			dir := filepath.Join(root, fmt.Sprint(calls, "-", seed), "wal")
			disk := &testDisk{callsLeft: calls}
			is := live(disk, dir)
			disk.powerCut(t, rng, sectors(rng))
			ok := t.Run(fmt.Sprintf("call %d seed %d", calls, seed), func(t *testing.T) {
				outcomes[is.check(t, dir, refusalAllowed)]++
			})
			if !ok {
				t.Fatalf("power cut before call %d of %v", calls, whole.calls[:min(calls+1, len(whole.calls))])
			}
			require.NoError(t, os.RemoveAll(filepath.Dir(dir)))
		}
	}
	t.Log("outcomes:", outcomes)
	for _, o := range []string{"created again", "opened", "repaired"} {
		require.NotZero(t, outcomes[o], "no power cut led to %q: the test proves less than it says", o)
	}
}

// What a crash of Create leaves is thrown away by the next one, also when it is complete.
func TestLeftoverOfCreateIsThrownAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "wal")
	require.NoError(t, os.MkdirAll(dir+".tmp", 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir+".tmp", segmentName{}.String()), []byte("half a segment"), 0o600))
	require.False(t, Exist(dir))
	w, err := Create(quiet, dir, member)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoDirExists(t, dir+".tmp")
	_, err = reopen(dir)
	require.NoError(t, err)
}

func TestLogThatCannotBeOpenedAfterCreationIsSetAside(t *testing.T) {
	disk := steadyDisk()
	disk.fail = map[string]error{"open": errors.New("no")}
	dir := filepath.Join(t.TempDir(), "wal")
	_, err := create(quiet, disk, dir, member, 4096)
	require.ErrorContains(t, err, "no")
	require.NoDirExists(t, dir)
	broken, err := filepath.Glob(dir + ".broken.*")
	require.NoError(t, err)
	require.Len(t, broken, 1)
	require.Regexp(t, `\.broken\.\d{8}\.\d{6}\.\d{6}$`, broken[0])
}

// The order in which names become durable.
func TestNamesAreSyncedBeforeAnythingDependsOnThem(t *testing.T) {
	disk := steadyDisk()
	live(disk, filepath.Join(t.TempDir(), "wal"))
	for i, c := range disk.calls {
		if c == "rename" {
			require.Contains(t, []string{"sync", "syncDir"}, disk.calls[i-1], "the content comes before the name")
			require.Equal(t, "syncDir", disk.calls[i+1], "and the name before the first write")
		}
		if c == "truncate" {
			require.Equal(t, "sync", disk.calls[i+1], "a segment that has a successor is complete")
		}
	}
	require.Equal(t, []string{"create", "write", "sync", "syncDir", "rename", "syncDir", "open"}, disk.calls[:7])
	require.True(t, slices.Contains(disk.calls, "truncate"))
}
