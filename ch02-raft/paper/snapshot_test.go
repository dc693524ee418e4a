package paper

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALaggardGetsTheSnapshot(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	c.Isolate(3)
	c.Fill(1, 1, 50)
	require.NoError(t, s.Compact(40, []byte("the state after 40")))
	c.Propose(1, "after")
	require.EqualValues(t, 41, s.log.first())
	require.EqualValues(t, 40, c.disks[1].Snapshot.Index, "the snapshot is on disk")
	require.EqualValues(t, 41, c.disks[1].Entries[0].Index)
	c.Heal()
	c.Tick(6)
	require.Equal(t, c.Terms(1), c.Terms(3))
	require.Equal(t, "the state after 40", c.applied[3][0], "the state replaces what the follower had (InstallSnapshot receiver 8, §7)")
	require.Equal(t, "after", c.applied[3][len(c.applied[3])-1])
	c.Restart(3)
	require.EqualValues(t, 52, c.servers[3].lastApplied, "and it is on the follower's disk")
}

// A snapshot is big and slow: it arrives after the entries that it stands for.
func TestALateSnapshotTakesNothingBack(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	c.Propose(1, "a", "b", "c")
	c.Tick(2)
	require.NoError(t, c.servers[2].Compact(3, []byte("own")))
	c.Deliver()
	before := *c.disks[2]
	var answer Body
	require.NotPanics(t, func() {
		answer = c.Ask(Message{From: 1, To: 2, Term: 1, Body: &InstallSnapshot{Snapshot: Snapshot{Index: 2, Term: 1, State: []byte("old")}}})
	}, "a snapshot of the past changes nothing (InstallSnapshot, §7)")
	require.Equal(t, &InstallSnapshotReply{MatchIndex: 4}, answer, "the follower says what it has (InstallSnapshot, §7)")
	require.Equal(t, before, *c.disks[2], "a snapshot of the past changes nothing (InstallSnapshot, §7)")
	require.Equal(t, []string{"a", "b", "c"}, c.applied[2])
	require.EqualValues(t, 4, s.commitIndex)
}

func TestASnapshotOfWhatTheLogHolds(t *testing.T) {
	c := newCluster(t, 3)
	c.Logs(1, 1, 1, 1, 1)
	c.Ask(Message{From: 2, To: 1, Term: 2, Body: &InstallSnapshot{Snapshot: Snapshot{Index: 2, Term: 1, State: []byte("s")}}})
	require.Len(t, c.Terms(1), 4, "the entries stay, and what follows them (InstallSnapshot receiver 6, §7)")
	require.Equal(t, []string{"1/t1", "2/t1"}, c.applied[1], "and are committed up to the snapshot")
}

func TestASnapshotReplacesALogThatConflicts(t *testing.T) {
	c := newCluster(t, 3)
	c.Logs(1, 1, 1, 1, 1)
	c.Ask(Message{From: 2, To: 1, Term: 3, Body: &InstallSnapshot{Snapshot: Snapshot{Index: 3, Term: 2, State: []byte("s")}}})
	require.Empty(t, c.Terms(1), "entry 3 is of another term, so nothing behind it can stay (InstallSnapshot receiver 7, §7)")
	require.Equal(t, []string{"s"}, c.applied[1])
	require.Equal(t, Snapshot{Index: 3, Term: 2, State: []byte("s")}, c.disks[1].Snapshot)
	require.Empty(t, c.disks[1].Entries)
	require.Equal(t, &AppendEntriesReply{Success: true, MatchIndex: 4},
		c.Ask(Message{From: 2, To: 1, Term: 3, Body: &AppendEntries{PrevLogIndex: 3, PrevLogTerm: 2, Entries: []Entry{{Index: 4, Term: 3}}}}),
		"and the log goes on behind the snapshot")
}

func TestALostSnapshotIsSentAgain(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	c.Isolate(3)
	c.Fill(1, 1, 10)
	require.NoError(t, s.Compact(10, nil))
	c.Heal()
	lost := 0
	c.hold = func(m Message) bool {
		if m.Body.Kind() == KindInstallSnapshot && lost < 3 {
			lost++
			return true
		}
		return false
	}
	c.Tick(8)
	require.Equal(t, 3, lost)
	require.Equal(t, c.Terms(1), c.Terms(3), "the answer to the next heartbeat asks for it again")
}

func TestOnlyAppliedEntriesAreCompacted(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	c.Propose(1, "a")
	require.ErrorContains(t, s.Compact(3, nil), "compact up to 3: applied are entries up to 2")
	require.NoError(t, s.Compact(2, nil))
	require.NoError(t, s.Compact(1, nil), "less than before is nothing to do")
	require.EqualValues(t, 3, s.log.first())
	_, ok := s.EntryAt(2)
	require.False(t, ok)
}

// The leader and the follower compact on their own. An append can begin before the
// follower's snapshot ends.
func TestAnAppendThatBeginsInsideTheSnapshot(t *testing.T) {
	c := newCluster(t, 3)
	s := c.Elect(1)
	c.Fill(1, 1, 5)
	c.Tick(2)
	require.NoError(t, c.servers[2].Compact(4, nil))
	all := s.log.entries
	answer := c.Ask(Message{From: 1, To: 2, Term: 1, Body: &AppendEntries{Entries: all}})
	require.Equal(t, &AppendEntriesReply{Success: true, MatchIndex: 6}, answer)
	answer = c.Ask(Message{From: 1, To: 2, Term: 1, Body: &AppendEntries{Entries: all[:2]}})
	require.Equal(t, &AppendEntriesReply{Success: true, MatchIndex: 2}, answer)
	require.EqualValues(t, 6, c.servers[2].log.last())
}
