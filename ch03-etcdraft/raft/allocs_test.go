package raft_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// A heartbeat that brings no news costs no memory, in any member: a leader with a thousand
// quiet groups would otherwise feed the garbage collector day and night.
func TestAHeartbeatAllocatesNothing(t *testing.T) {
	c := newBench(t, 3)
	beat := func() {
		c.nodes[0].Tick()
		c.settle()
	}
	beat() // the arrays of messages take their size
	beat()
	require.Zero(t, testing.AllocsPerRun(1000, beat), "tick, two heartbeats, two answers")
}

// What a proposal costs the leader of three, from Propose until it is told to apply: its
// own Readies, its storage, and the answers of both followers.
func TestAProposalAllocatesLittleAtTheLeader(t *testing.T) {
	c := newBench(t, 3)
	leader, term, data := c.nodes[0], c.nodes[0].BasicStatus().Term, make([]byte, 256)
	propose := func() {
		if err := leader.Propose(data); err != nil {
			panic(err)
		}
		rd := leader.Ready()
		index := rd.Entries[0].Index
		_ = c.storage[0].Append(rd.Entries)
		leader.Advance(rd)
		for _, follower := range []uint64{2, 3} {
			_ = leader.Step(pb.Message{Type: pb.MsgAppResp, From: follower, To: 1, Term: term, Index: index})
		}
		for leader.HasReady() {
			c.handle(0, leader)
		}
		c.network = c.network[:0]
	}
	propose()
	require.LessOrEqual(t, testing.AllocsPerRun(1000, propose), 6.0)
	require.Equal(t, 1002, c.committed, "each was committed")
	require.Equal(t, raft.StateLeader, leader.BasicStatus().RaftState)
}
