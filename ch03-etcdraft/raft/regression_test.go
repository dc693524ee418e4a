package raft

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// The names are rows of the list of faults that etcd and its peers have had.

// S2: a single node acknowledged before its WAL was synced. Whatever a Ready lists
// as committed must be on disk already or be among its Entries.
func TestRegression_S2_CommittedEntriesCanBePersistedFirst(t *testing.T) {
	m := startMember(t)
	for round := range 50 {
		for i := range round % 4 {
			m.propose(fmt.Sprintf("%d.%d", round, i))
		}
		for m.rn.HasReady() {
			rd := m.rn.Ready()
			stored, err := m.store.LastIndex()
			require.NoError(t, err)
			safe := stored
			if n := len(rd.Entries); n > 0 {
				safe = rd.Entries[n-1].Index
				require.True(t, rd.MustSync, "S2: a Ready with entries demands an fsync")
			}
			for _, e := range rd.CommittedEntries {
				require.LessOrEqual(t, e.Index, safe, "S2: entry %d is committed, and the application was never told to persist it", e.Index)
			}
			m.handle(rd, rightOrder)
		}
	}
}

// S2, the application's half: crash after each part of the right order.
func TestRegression_S2_CrashAfterEachPart(t *testing.T) {
	for n := range len(rightOrder) + 1 {
		t.Run(fmt.Sprintf("after %d parts", n), func(t *testing.T) {
			m := startMember(t)
			m.propose("safe")
			m.settle()
			m.propose("a", "b")
			m.handle(m.rn.Ready(), rightOrder[:n])

			m.crash()
			m.settle()
			m.elect()
			require.Empty(t, m.lost(), "S2: acknowledged ⊆ disk, crashed after %v", rightOrder[:n])
			m.propose("after")
			m.settle()
			require.Equal(t, "after", m.applied[len(m.applied)-1])
		})
	}
}

// The same crash with the parts in a wrong order loses an acknowledged proposal: so
// the test above can fail, and this is why the contract says BEFORE.
func TestRegression_S2_AnsweringFirstLosesWrites(t *testing.T) {
	m := startMember(t)
	m.propose("a")
	m.handle(m.rn.Ready(), []part{applyAndAnswer}) // and the power fails

	m.crash()
	m.settle()
	m.elect()
	require.Equal(t, []string{"a"}, m.lost(), "answered before it was on disk")
}

// S13: HardState was saved before the snapshot that its commit index covers; a
// crash between them left a commit index beyond the log.
func TestRegression_S13_SnapshotAndEntriesBeforeHardState(t *testing.T) {
	leaderSendsSnapshot := func(m *member) {
		m.rn.raft.becomeFollower(m.rn.raft.Term, None)
		m.rn.raft.raftLog.restore(pb.Snapshot{Data: []byte("state"), Metadata: pb.SnapshotMetadata{
			Index: 50, Term: m.rn.raft.Term, ConfState: pb.ConfState{Voters: []uint64{1}},
		}})
	}
	t.Run("right order", func(t *testing.T) {
		for n := range len(rightOrder) + 1 {
			m := startMember(t)
			leaderSendsSnapshot(m)
			m.handle(m.rn.Ready(), rightOrder[:n])
			if 0 < n && n < 3 {
				// The snapshot is there and no HardState covers it yet: who reads the
				// disk passes over such a snapshot, as the WAL's reader does.
				m.disk.snap = pb.Snapshot{}
			}
			require.NotPanics(t, m.crash, "S13: crashed after %v", rightOrder[:n])
		}
	})
	t.Run("HardState first is refused at the next start", func(t *testing.T) {
		m := startMember(t)
		leaderSendsSnapshot(m)
		m.handle(m.rn.Ready(), []part{hardStateToDisk})
		requirePanicHas(t, m.crash, "HardState.Commit 50 is out of range [0, 2]")
	})
	t.Run("HardState before entries is refused at the next start", func(t *testing.T) {
		m := startMember(t)
		m.propose("a")
		m.handle(m.rn.Ready(), []part{hardStateToDisk})
		requirePanicHas(t, m.crash, "HardState.Commit 3 is out of range [0, 2]")
	})
}

// A batch of the log may tear between its entries and its HardState. Then the log
// holds entries of a term that the HardState does not know yet.
func TestCrashBetweenEntriesAndHardState(t *testing.T) {
	m := startMember(t)
	m.propose("a")
	m.settle()
	require.EqualValues(t, 2, m.disk.hs.Term)
	m.disk.hs = pb.HardState{Term: 1, Commit: 1} // the one before the election

	m.crash()
	m.settle()
	m.elect()
	require.Equal(t, []string{"a"}, m.applied)
	require.EqualValues(t, 2, m.rn.BasicStatus().Term)
}

// R3: a new leader answered reads before it had committed in its own term, with a
// commit index behind what its predecessor had acknowledged.
func TestRegression_R3_ReadWaitsForACommitInTheLeadersTerm(t *testing.T) {
	m := startMember(t)
	m.propose("acknowledged by the old leader")
	m.settle()
	m.disk.hs.Commit = 1 // its followers had not heard of that commit yet
	m.crash()
	m.settle()

	r := m.rn.raft
	r.becomeCandidate()
	r.becomeLeader() // elected; nothing of the new term is committed
	m.rn.ReadIndex([]byte("early"))
	require.Empty(t, r.readStates, "R3: the commit index %d may be behind an acknowledged write", r.raftLog.committed)

	r.advanceCommit()
	require.Equal(t, []ReadState{{Index: 4, RequestCtx: []byte("early")}}, m.rn.Ready().ReadStates,
		"the read is answered once the empty entry is committed")
}

// R3, through the front door: as soon as the single voter leads, it answers.
func TestRegression_R3_SingleVoterAnswersAtOnce(t *testing.T) {
	m := startMember(t)
	m.rn.ReadIndex([]byte("r1"))
	m.rn.ReadIndex([]byte("r2"))
	rd := m.rn.Ready()
	require.Equal(t, []ReadState{{2, []byte("r1")}, {2, []byte("r2")}}, rd.ReadStates)
	require.False(t, rd.MustSync, "a read costs no fsync")
	m.rn.Advance(rd)
	require.False(t, m.rn.HasReady())
}

// R4: a node campaigned with a committed configuration change that it had not
// applied, and two leaders arose. etcd 3.4 looks for changes of version 1 only.
func TestRegression_R4_NoCampaignOverAnUnappliedConfChange(t *testing.T) {
	v1 := pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 2}
	for name, cc := range map[string]pb.ConfChangeI{"version 1": v1, "version 2": v1.AsV2()} {
		t.Run(name, func(t *testing.T) {
			m := startMember(t)
			m.snapshot(2) // so that the node knows after the crash that it is a voter
			m.propose("before")
			require.NoError(t, m.rn.ProposeConfChange(cc))
			m.propose("behind")
			m.handle(m.rn.Ready(), []part{entriesToDisk, hardStateToDisk})
			m.crash() // everything is committed, nothing is applied

			for range 10 * m.c.ElectionTick {
				m.rn.Tick()
			}
			require.NoError(t, m.rn.Campaign())
			require.True(t, m.rn.raft.promotable(), "nothing but the unapplied change holds it back")
			require.Equal(t, StateFollower, m.rn.BasicStatus().RaftState, "R4: campaigned over an unapplied change")

			m.settle()
			m.elect()
		})
	}
}

// R4, at most one in flight: others become empty entries in their place.
func TestRegression_R4_OneConfChangeAtATime(t *testing.T) {
	m := startMember(t)
	addLearner := func(id uint64) pb.ConfChange {
		return pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: id}
	}
	require.NoError(t, m.rn.ProposeConfChange(addLearner(2)))
	require.NoError(t, m.rn.ProposeConfChange(addLearner(3)))
	rd := m.rn.Ready()
	require.Equal(t, []pb.EntryType{pb.EntryConfChange, pb.EntryNormal}, types(rd.Entries), "R4: two changes unapplied at once")
	m.handle(rd, rightOrder)

	require.NoError(t, m.rn.ProposeConfChange(addLearner(3)))
	m.settle()
	require.Equal(t, []uint64{2, 3}, m.rn.Status().Config.ConfState().Learners, "the next one goes through once the first is applied")
}

// R4, a new leader cannot know whether its log holds an unapplied change.
func TestRegression_R4_NewLeaderWaitsForItsLog(t *testing.T) {
	m := startMember(t)
	m.crash()
	m.settle()
	require.NoError(t, m.rn.Campaign())
	r := m.rn.raft
	require.Equal(t, r.raftLog.lastIndex()-1, r.pendingConfIndex)
}

func types(es []pb.Entry) (out []pb.EntryType) {
	for _, e := range es {
		out = append(out, e.Type)
	}
	return out
}

// R9: paging of committed entries together with size limits lost entries after a
// restart, because the applied mark followed the commit index and not the page.
func TestRegression_R9_PagesWithoutGaps(t *testing.T) {
	size := func(data string) int {
		return pb.Entry{Type: pb.EntryNormal, Term: 2, Index: 100, Data: []byte(data)}.Size()
	}
	const data = "0123456789"
	for _, perPage := range []int{1, 2, 3, 7} {
		t.Run(fmt.Sprintf("%d a page", perPage), func(t *testing.T) {
			limit := func(c *Config) { c.MaxCommittedSizePerReady = uint64(perPage * size(data)) }
			m := startMember(t, limit)
			want := slices.Repeat([]string{data}, 20)
			m.propose(want...)

			pages := 0
			for m.rn.HasReady() && pages < 3 { // and then the process dies
				rd := m.rn.Ready()
				require.LessOrEqual(t, len(rd.CommittedEntries), perPage)
				m.handle(rd, rightOrder)
				pages++
			}
			m.crash()
			m.settle() // apply checks that indexes are continuous
			require.Equal(t, want, m.applied, "R9: entries lost between pages")
		})
	}
}

// R9, the application tells where it was.
func TestRegression_R9_RestartFromApplied(t *testing.T) {
	m := startMember(t)
	m.propose("a", "b", "c")
	m.settle()
	m.c.Applied = 3
	m.crash()
	m.cursor = 3
	m.settle()
	require.Equal(t, []string{"b", "c"}, m.applied)
}

// R10: without a limit, proposals that nobody commits fill the memory.
func TestRegression_R10_UncommittedSizeIsLimited(t *testing.T) {
	m := startMember(t, func(c *Config) { c.MaxUncommittedEntriesSize = 100 })
	data := []byte(strings.Repeat("x", 30))
	dropped := 0
	for range 1000 {
		if err := m.rn.Propose(data); err != nil {
			require.ErrorIs(t, err, ErrProposalDropped)
			dropped++
		}
	}
	require.Equal(t, 997, dropped, "R10: 100 bytes hold three proposals of 30")

	m.settle()
	require.Zero(t, m.rn.raft.uncommittedSize, "handing entries out frees their room")
	big := []byte(strings.Repeat("x", 5000))
	require.NoError(t, m.rn.Propose(big), "when nothing waits, any size is let in")
	require.ErrorIs(t, m.rn.Propose([]byte("x")), ErrProposalDropped)
	require.NoError(t, m.rn.Propose(nil), "an empty entry is never refused")
	m.settle()
	m.propose("room again")
}

// R10, a refused proposal leaves no trace: not in the log, not in the rule for
// configuration changes.
func TestRegression_R10_RefusedProposalChangesNothing(t *testing.T) {
	m := startMember(t, func(c *Config) { c.MaxUncommittedEntriesSize = 10 })
	m.propose("1234567890")
	before := *m.rn.raft
	err := m.rn.ProposeConfChange(pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 2})
	require.ErrorIs(t, err, ErrProposalDropped)
	require.Equal(t, before.pendingConfIndex, m.rn.raft.pendingConfIndex)
	require.Equal(t, before.raftLog.lastIndex(), m.rn.raft.raftLog.lastIndex())
}

// R8: an entry counted as stored although another had taken its index.
func TestRegression_R8_StableToAsksForTheTerm(t *testing.T) {
	u := newUnstable(6, DiscardLogger())
	u.append(ents(6, 2, 2, 2)) // 6 to 8 of term 2, handed out to be written
	u.append(ents(7, 3, 3))    // meanwhile 7 and 8 are replaced by term 3

	u.stableTo(8, 2)
	require.Equal(t, ents(6, 2, 3, 3), u.entries, "R8: (8, term 2) was written, the log says (8, term 3)")
	u.stableTo(8, 3)
	require.Empty(t, u.entries)
	require.EqualValues(t, 9, u.offset)
}

func requirePanicHas(t *testing.T, f func(), text string) {
	t.Helper()
	defer func() {
		t.Helper()
		v := recover()
		require.NotNil(t, v, "want a panic with %q", text)
		require.Contains(t, fmt.Sprint(v), text)
	}()
	f()
}
