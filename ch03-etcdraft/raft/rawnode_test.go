package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

func TestBootstrapFirstReady(t *testing.T) {
	rn := newTestRawNode(t, testConfig(NewMemoryStorage()))
	require.EqualError(t, rn.Bootstrap(nil), "must provide at least one peer to Bootstrap")
	require.NoError(t, rn.Bootstrap([]Peer{{ID: 1, Context: []byte("urls")}}))

	data, err := pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: 1, Context: []byte("urls")}.Marshal()
	require.NoError(t, err)
	entry := pb.Entry{Type: pb.EntryConfChange, Term: 1, Index: 1, Data: data}
	require.Equal(t, Ready{
		HardState:        pb.HardState{Term: 1, Commit: 1},
		Entries:          []pb.Entry{entry},
		CommittedEntries: []pb.Entry{entry},
		MustSync:         true,
	}, rn.Ready())

	used := newTestRawNode(t, testConfig(storageOf(3, 1, []uint64{1}, nil)))
	require.EqualError(t, used.Bootstrap([]Peer{{ID: 1}}), "can't bootstrap a nonempty Storage")
}

func TestRestartFirstReady(t *testing.T) {
	s := storageOf(3, 1, []uint64{1}, ents(4, 1, 1))
	require.NoError(t, s.SetHardState(pb.HardState{Term: 1, Commit: 4}))
	rn := newTestRawNode(t, testConfig(s))
	rd := rn.Ready()
	require.Equal(t, Ready{CommittedEntries: ents(4, 1)}, rd, "what is on disk is not handed out to be written again")
	rn.Advance(rd)
	require.False(t, rn.HasReady())
}

// Without a configuration a node waits to be told of one.
func TestNodeWithoutClusterNeverCampaigns(t *testing.T) {
	rn := newTestRawNode(t, testConfig(NewMemoryStorage()))
	for range 100 {
		rn.Tick()
	}
	require.NoError(t, rn.Campaign())
	require.Equal(t, StateFollower, rn.BasicStatus().RaftState)
	require.ErrorIs(t, rn.Propose([]byte("x")), ErrProposalDropped)
	require.False(t, rn.HasReady())
}

// A learner's clock runs, but it never campaigns.
func TestLearnerNeverCampaigns(t *testing.T) {
	s := storageOf(3, 1, []uint64{2}, nil)
	s.snapshot.Metadata.ConfState.Learners = []uint64{1}
	rn := newTestRawNode(t, testConfig(s))
	for range 100 {
		rn.Tick()
	}
	require.NoError(t, rn.Campaign())
	require.Equal(t, StateFollower, rn.BasicStatus().RaftState)
}

func TestReadyMustBeAdvanced(t *testing.T) {
	m := startMember(t)
	m.propose("a")
	rd := m.rn.Ready()
	requirePanicHas(t, func() { m.rn.Ready() }, "invariant N1")
	m.handle(rd, rightOrder)
	requirePanicHas(t, func() { m.rn.Advance(rd) }, "invariant N1")
}

func TestAdvanceChecksThatEntriesAreStored(t *testing.T) {
	m := startMember(t)
	m.propose("a")
	requirePanicHas(t, func() { m.handle(m.rn.Ready(), []part{advance}) },
		"invariant U2: Advance before the entries of the Ready, up to index 3, are in Storage, whose last index is 2")
}

func TestTickQuiesced(t *testing.T) {
	m := startMember(t)
	m.crash()
	m.settle()
	for range 9 {
		m.rn.TickQuiesced()
	}
	require.Equal(t, StateFollower, m.rn.BasicStatus().RaftState)
	m.rn.Tick()
	require.Equal(t, StateLeader, m.rn.BasicStatus().RaftState, "quiesced ticks count")
}

// A removed member, or one of another cluster, asks for votes with a high term. With
// CheckQuorum the voter that leads hears itself, so to speak, and does not listen.
func TestStrangersCannotDeposeALeaderWithCheckQuorum(t *testing.T) {
	for _, typ := range []pb.MessageType{pb.MsgVote, pb.MsgPreVote} {
		m := startMember(t, func(c *Config) { c.CheckQuorum = true })
		for range 5 * m.c.ElectionTick {
			m.rn.Tick()
			require.NoError(t, m.rn.Step(pb.Message{Type: typ, From: 9, To: 1, Term: 99, Index: 77, LogTerm: 98}))
		}
		m.settle()
		require.Equal(t, StateLeader, m.rn.BasicStatus().RaftState, typ)
		require.EqualValues(t, 2, m.rn.BasicStatus().Term, typ)
	}
}

func TestMessagesThatNobodySendsAreIgnored(t *testing.T) {
	for typ := pb.MsgHup; typ <= pb.MsgForgetLeader; typ++ {
		m := startMember(t)
		before := m.rn.BasicStatus()
		// No log that ends before 77 has an entry without an index behind 77.
		err := m.rn.Step(pb.Message{Type: typ, From: 9, To: 1, Term: 1 << 63, Index: 77, LogTerm: 98, Entries: []pb.Entry{{}}})
		switch {
		case IsLocalMsg(typ):
			require.Equal(t, ErrStepLocalMsg, err)
		case IsResponseMsg(typ):
			require.Equal(t, ErrStepPeerNotFound, err)
		case typ == pb.MsgProp:
			require.Equal(t, ErrProposalDropped, err)
		default:
			require.NoError(t, err)
		}
		require.Equal(t, before, m.rn.BasicStatus(), typ)
		require.False(t, m.rn.HasReady(), typ)
	}
	m := startMember(t)
	require.NoError(t, m.rn.Step(pb.Message{Type: 99, From: 9}), "an unknown type is ignored")
	require.NoError(t, m.rn.Step(pb.Message{Type: -1, From: 9}))
}

func TestReportsAndTransferWithoutPeersChangeNothing(t *testing.T) {
	m := startMember(t)
	before := m.rn.BasicStatus()
	m.rn.ReportUnreachable(2)
	m.rn.ReportSnapshot(2, SnapshotFailure)
	m.rn.TransferLeader(2)
	m.rn.TransferLeader(1)
	require.Equal(t, before, m.rn.BasicStatus())
	require.False(t, m.rn.HasReady())
}

func TestProposalWithoutEntriesIsDropped(t *testing.T) {
	require.Equal(t, ErrProposalDropped, startMember(t).rn.Step(pb.Message{Type: pb.MsgProp}))
}

// The data of a proposal is kept, its entry is copied.
func TestProposalSliceStaysTheCallers(t *testing.T) {
	m := startMember(t)
	es := []pb.Entry{{Data: []byte("a")}, {Data: []byte("b")}}
	require.NoError(t, m.rn.Step(pb.Message{Type: pb.MsgProp, Entries: es}))
	clear(es)
	m.settle()
	require.Equal(t, []string{"a", "b"}, m.applied)
}

// Entries of an earlier term are committed with one of the new term, never alone.
func TestOnlyEntriesOfTheCurrentTermAreCounted(t *testing.T) {
	c := newTestCluster(t, 3)
	c.elect(1)
	committed := c.raft(1).raftLog.committed
	c.isolated[1] = true
	c.propose(1, "old")
	c.settle()
	r := c.raft(1)
	r.becomeFollower(r.Term, None)
	r.becomeCandidate()
	r.becomeLeader()
	hold := func(index uint64) {
		r.prs.Progress[1].Match, r.prs.Progress[2].Match = index, index
		r.advanceCommit()
	}
	hold(committed + 1) // all that two of three hold for sure is of the old term
	require.Equal(t, committed, r.raftLog.committed, "Raft §5.4.2: an entry of an earlier term must not be committed by counting")
	hold(committed + 2)
	require.Equal(t, committed+2, r.raftLog.committed)
}

// A vote belongs to its term (Raft §5.2).
func TestNewTermForgetsTheVote(t *testing.T) {
	r := startMember(t).rn.raft
	require.EqualValues(t, 1, r.Vote)
	r.becomeFollower(r.Term, None)
	require.EqualValues(t, 1, r.Vote, "still the same term")
	r.becomeFollower(r.Term+1, None)
	require.Equal(t, None, r.Vote)
}

func TestMustSync(t *testing.T) {
	prev := pb.HardState{Term: 1, Vote: 1, Commit: 1}
	for _, row := range []struct {
		name string
		st   pb.HardState
		n    int
		want bool
	}{
		{"nothing new", prev, 0, false},
		{"commit can be found out again", pb.HardState{Term: 1, Vote: 1, Commit: 2}, 0, false},
		{"term", pb.HardState{Term: 2, Vote: 1, Commit: 1}, 0, true},
		{"vote", pb.HardState{Term: 1, Vote: 2, Commit: 1}, 0, true},
		{"entries", prev, 1, true},
	} {
		require.Equal(t, row.want, MustSync(row.st, prev, row.n), row.name)
	}
}

// Each invariant that check asserts, broken by hand.
func TestInvariantsAreAsserted(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(*raft)
		text  string
	}{
		"I1": {func(r *raft) { r.raftLog.committed = 99 }, "broken invariant I1: applied 2 ≤ committed 99 ≤ last index 2"},
		"I2": {func(r *raft) { r.Term = 1 }, "broken invariant I2"},
		"I3": {func(r *raft) { r.Vote = 7 }, "broken invariant I3: vote of term 2 changed from 1 to 7"},
		"I4": {func(r *raft) { r.lead = 7 }, "broken invariant I4: StateLeader of term 2 believes that 7 leads"},
		"I6": {func(r *raft) { r.pendingConfIndex = 99 }, "broken invariant I6"},
	} {
		t.Run(name, func(t *testing.T) {
			r := startMember(t).rn.raft
			row.spoil(r)
			requirePanicHas(t, r.check, row.text)
		})
	}
}
