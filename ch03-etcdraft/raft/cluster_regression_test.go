package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// R1: a read that was asked again was confirmed by late answers to the first attempt, when
// another leader had been elected in between.
func TestRegression_R1_LateAnswersConfirmOnlyTheirOwnRound(t *testing.T) {
	c := newTestCluster(t, 3)
	c.elect(1)
	c.node(1).ReadIndex([]byte("first attempt"))
	c.handleReady()
	c.deliver(ofType(pb.MsgHeartbeat))
	c.handleReady()
	late := c.take(ofType(pb.MsgHeartbeatResp))
	require.Len(t, late, 2)

	c.isolated[1] = true
	c.elect(2)
	c.propose(2, "acknowledged by the new leader")
	c.settle()

	c.node(1).ReadIndex([]byte("second attempt"))
	c.handleReady()
	for _, m := range late {
		require.NoError(t, c.node(1).Step(m))
	}
	c.tick(5, 1)
	c.handleReady()
	for _, read := range c.reads[1] {
		require.Equal(t, "first attempt", string(read.RequestCtx), "R1: confirmed by answers to an earlier round: a stale read")
	}
	require.Len(t, c.reads[1], 1, "the first attempt came before the write and may be answered")
}

// R4: the ways around the guard: a transfer and a pre-vote.
func TestRegression_R4_NoWayToCampaignOverAnUnappliedConfChange(t *testing.T) {
	for name, attempt := range map[string]func(*cluster){
		"transfer": func(c *cluster) {
			_ = c.node(2).Step(pb.Message{Type: pb.MsgTimeoutNow, From: 1, To: 2, Term: c.node(2).BasicStatus().Term})
		},
		"the clock": func(c *cluster) { c.tick(30, 2) },
		"campaign":  func(c *cluster) { _ = c.node(2).Campaign() },
	} {
		for _, preVote := range []bool{false, true} {
			c := newTestCluster(t, 3, func(c *Config) { c.PreVote = preVote })
			c.elect(1)
			c.change(1, "r3")
			c.handleReady()
			c.deliver(ofType(pb.MsgApp))
			c.handleReady()
			c.deliver(ofType(pb.MsgAppResp))
			m := c.members[1]
			m.handle(m.rn.Ready(), rightOrder) // 1 knows that it is committed, and has applied it
			c.tick(1, 1)
			require.Equal(t, "voters=(1 2)", c.raft(1).prs.Config.String())

			c.raft(2).raftLog.commitTo(c.raft(1).raftLog.committed) // and 2 has not applied it
			require.NotZero(t, c.raft(2).unappliedConfChange())
			attempt(c)
			require.Equal(t, StateFollower, c.node(2).BasicStatus().RaftState,
				"R4, %s, pre-vote %t: it would count a majority of the members before the change", name, preVote)
		}
	}
}

// R6: the members that a snapshot names are those that the log makes, also for a voter that
// became a learner.
func TestRegression_R6_MembersFromASnapshotAreThoseOfTheLog(t *testing.T) {
	c := newTestCluster(t, 5)
	c.elect(1)
	c.isolated[5] = true
	for _, change := range []string{"l2", "r3", "l5"} {
		c.change(1, change)
		c.settle()
	}
	c.propose(1, "a")
	c.settle()
	c.members[1].snapshot(c.raft(1).raftLog.applied)
	c.isolated[5] = false
	for range 3 {
		c.tick(1, 1)
		c.settle()
	}
	require.Equal(t, "voters=(1 4) learners=(2 5)", c.raft(5).prs.Config.String(), "R6: from the snapshot")
	require.Equal(t, c.raft(5).prs.Config.String(), c.raft(4).prs.Config.String(), "R6: from the log")
	c.tick(100, 5)
	require.Equal(t, StateFollower, c.node(5).BasicStatus().RaftState, "R6: a learner does not campaign")
}

// R8, with asynchronous writes: the answer to a write of entries that were replaced, and
// put back by a later leader, says nothing about the disk.
func TestRegression_R8_AnswersOfAnEarlierTermConfirmNothing(t *testing.T) {
	c := newTestCluster(t, 3, func(c *Config) { c.AsyncStorageWrites = true })
	r, rn := c.raft(2), c.node(2)
	appended := func(term, leader uint64, e pb.Entry) pb.Message { // returns the log thread's answer
		require.NoError(t, rn.Step(pb.Message{Type: pb.MsgApp, From: leader, To: 2, Term: term, Index: 1, LogTerm: 1, Entries: []pb.Entry{e}}))
		for _, m := range rn.Ready().Messages {
			if m.Type == pb.MsgStorageAppend {
				return m.Responses[len(m.Responses)-1]
			}
		}
		t.Fatal("nothing to append")
		return pb.Message{}
	}
	first := appended(2, 1, pb.Entry{Index: 2, Term: 2})
	appended(3, 3, pb.Entry{Index: 2, Term: 3})
	third := appended(4, 1, pb.Entry{Index: 2, Term: 2}) // of the log of a leader of term 4

	require.NoError(t, c.members[2].store.Append([]pb.Entry{{Index: 2, Term: 2}}))
	require.NoError(t, rn.Step(first))
	require.EqualValues(t, 1, r.raftLog.stableIndex(), "R8: the disk may hold (2, term 3) now")
	require.NoError(t, rn.Step(third))
	require.EqualValues(t, 2, r.raftLog.stableIndex())
}
