package raft

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// FuzzMessages steps messages, most of them such as no node sends, into a node of three in
// every state. Whatever comes, the node goes on, with its invariants checked after every
// step; only its leader, in the present term, can prove that one of the two has lost what
// it promised, and that ends the node with a *Contradiction.
//
//	go test ./ch03-etcdraft/raft -fuzz FuzzMessages -fuzztime 1m
func FuzzMessages(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, []byte{byte(seed), 3, 200, 17, 90, 4, 4, 8})
	}
	f.Fuzz(func(t *testing.T, seed uint64, script []byte) { stormOfMessages(t, seed, script) })
}

func TestNoMessageMakesANodePanic(t *testing.T) {
	contradictions := 0
	for seed := range uint64(600) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		script := make([]byte, 120)
		for i := range script {
			script[i] = byte(rnd.Uint32())
		}
		if stormOfMessages(t, seed, script) {
			contradictions++
		}
	}
	require.Positive(t, contradictions, "the storm is strong enough to reach the two allowed panics")
	require.Less(t, contradictions, 500, "and not so strong that nothing else is reached")
}

// stormOfMessages plays script, a few bytes a step, and reports whether the node ended with
// a contradiction.
func stormOfMessages(t *testing.T, seed uint64, script []byte) (contradiction bool) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1))
	m := stormMember(t, rnd)
	at := "before the first step"
	defer func() {
		if v := recover(); v != nil {
			var c *Contradiction
			if err, ok := v.(error); !ok || !errors.As(err, &c) {
				t.Fatalf("seed %d, script %v, %s: panic: %v", seed, script, at, v)
			}
			contradiction = true
		}
	}()
	for i, b := range script {
		r := m.rn.raft
		switch b % 8 {
		case 0:
			m.rn.Tick()
		case 1:
			_ = m.rn.Campaign()
		case 2:
			_ = m.rn.Propose([]byte{b})
		case 3:
			m.settle()
		case 4:
			m.rn.ReadIndex([]byte{b, byte(i)})
		default:
			msg := anyMessage(rnd, r)
			at = fmt.Sprintf("step %d: %s at %s of term %d, %s", i, DescribeMessage(msg, nil), r.state, r.Term, r.raftLog)
			_ = r.Step(msg)
		}
	}
	return false
}

// stormMember is a node of three with options drawn by rnd.
func stormMember(t *testing.T, rnd *rand.Rand) *member {
	c := newTestCluster(t, 3, func(c *Config) {
		c.CheckQuorum, c.PreVote = rnd.IntN(2) == 0, rnd.IntN(2) == 0
		if c.CheckQuorum && rnd.IntN(2) == 0 {
			c.ReadOnlyOption = ReadOnlyLeaseBased
		}
		c.MaxInflightMsgs = 1 + rnd.IntN(3)
		c.MaxSizePerMsg = uint64(rnd.IntN(40))
	})
	return c.members[1]
}

// anyMessage is near enough to what the node would hear that much of it is taken in.
func anyMessage(rnd *rand.Rand, r *raft) pb.Message {
	near := func(x uint64) uint64 {
		if rnd.IntN(40) == 0 {
			return rnd.Uint64()
		}
		return x + uint64(rnd.IntN(5)) - min(x, 2)
	}
	m := pb.Message{
		Type: pb.MessageType(rnd.IntN(numMessageTypes)), From: uint64(1 + rnd.IntN(4)), To: 1,
		Term: near(r.Term), Index: near(r.raftLog.lastIndex()), LogTerm: near(r.raftLog.lastTerm()),
		Commit: near(r.raftLog.committed), Reject: rnd.IntN(3) == 0, RejectHint: near(r.raftLog.lastIndex()),
	}
	if rnd.IntN(8) == 0 { // a change that is always possible: what is impossible no leader appends
		learner := pb.ConfChangeV2{Changes: []pb.ConfChangeSingle{{Type: pb.ConfChangeAddLearnerNode, NodeID: 9}}}
		data, _ := learner.Marshal()
		m.Entries = []pb.Entry{{Index: m.Index + 1, Term: m.Term, Type: pb.EntryConfChangeV2, Data: data}}
	}
	for i := range rnd.IntN(4) {
		m.Entries = append(m.Entries, pb.Entry{Index: m.Index + 1 + uint64(len(m.Entries)), Term: near(m.Term), Data: []byte{byte(i)}})
	}
	if rnd.IntN(4) == 0 {
		m.Context = []byte(campaignTransfer)
	} else if rnd.IntN(2) == 0 {
		m.Context = []byte{0, 0, 0, 0, 0, 0, 0, byte(rnd.IntN(4))}
	}
	if m.Type == pb.MsgSnap {
		m.Snapshot = pb.Snapshot{Metadata: pb.SnapshotMetadata{
			Index: near(r.raftLog.committed + 1), Term: near(r.Term),
			ConfState: pb.ConfState{Voters: []uint64{uint64(rnd.IntN(3)), 1, 2}, Learners: []uint64{uint64(rnd.IntN(9))}},
		}}
	}
	return m
}
