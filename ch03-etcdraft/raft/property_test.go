package raft

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// A generated life: proposals, reads, changes of members, snapshots and crashes at
// any part of any Ready. After each crash everything acknowledged must be there,
// in the order of the first time; and no invariant may break on the way (the
// package panics if one does). A failure prints its rapid seed.
func TestAnyLifeKeepsAcknowledgedProposals(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		page := rapid.SampledFrom([]uint64{1, 40, 200, noLimit}).Draw(rt, "bytes a page")
		m := startMember(t, func(c *Config) {
			c.MaxCommittedSizePerReady = page
			c.MaxUncommittedEntriesSize = 200
		})
		l := &life{member: m, rt: rt}
		rt.Repeat(map[string]func(*rapid.T){
			"propose":  l.proposeSome,
			"member":   l.proposeMember,
			"read":     func(*rapid.T) { m.rn.ReadIndex([]byte("ctx")) },
			"tick":     func(*rapid.T) { m.rn.Tick() },
			"handle":   func(*rapid.T) { l.handleOne(rightOrder) },
			"crash":    l.crashInside,
			"snapshot": l.takeSnapshot,
		})
		l.recover()
	})
}

// life is a member whose state machine is in its snapshots.
type life struct {
	*member
	rt    *rapid.T
	count int
	order []string // acknowledged, in the order of the first time
}

func (l *life) proposeSome(rt *rapid.T) {
	for range rapid.IntRange(1, 5).Draw(rt, "proposals") {
		l.count++
		if err := l.rn.Propose(fmt.Appendf(nil, "p%d", l.count)); err != nil {
			require.ErrorIs(rt, err, ErrProposalDropped)
		}
	}
}

func (l *life) proposeMember(rt *rapid.T) {
	text := rapid.SampledFrom([]string{"l2", "l3", "r2", "r3", "u1", "v1", "r1", "l1"}).Draw(rt, "change")
	cs, err := pb.ConfChangesFromString(text)
	require.NoError(rt, err)
	_ = l.rn.ProposeConfChange(pb.ConfChangeV2{Changes: cs}) // without a leader it is dropped
}

// handleOne handles one Ready as far as the given parts go.
func (l *life) handleOne(parts []part) {
	if !l.rn.HasReady() {
		return
	}
	known := len(l.applied)
	l.handle(l.rn.Ready(), parts)
	for _, a := range l.applied[known:] {
		if !slices.Contains(l.order, a) {
			l.order = append(l.order, a)
		}
	}
}

func (l *life) crashInside(rt *rapid.T) {
	done := rapid.IntRange(0, len(rightOrder)).Draw(rt, "parts done before the crash")
	l.handleOne(rightOrder[:done])
	l.recover()
}

// recover crashes, starts again, and compares with what clients were told.
func (l *life) recover() {
	saved := l.fromSnapshot()
	l.crash()
	l.applied = saved
	for l.rn.HasReady() {
		l.handleOne(rightOrder)
	}
	require.NoError(l.rt, l.rn.Campaign())
	for l.rn.HasReady() {
		l.handleOne(rightOrder)
	}
	require.Equal(l.rt, StateLeader, l.rn.BasicStatus().RaftState)
	require.Equal(l.rt, l.order, l.applied, "acknowledged before the crash, and applied after it")
}

func (l *life) takeSnapshot(rt *rapid.T) {
	if l.cursor <= l.disk.snap.Metadata.Index {
		return
	}
	cs := l.rn.Status().Config.ConfState()
	snap, err := l.store.CreateSnapshot(l.cursor, &cs, []byte(fmt.Sprint(len(l.applied))))
	require.NoError(rt, err)
	l.disk.snap = snap
	if rapid.Bool().Draw(rt, "compact") {
		// Never beyond what raft counts as applied: it may still read from there.
		if applied := l.rn.BasicStatus().Applied; applied > 0 {
			_ = l.store.Compact(min(l.cursor, applied)) // ErrCompacted: nothing to do
		}
	}
}

// fromSnapshot returns the state machine's state that the snapshot holds.
func (l *life) fromSnapshot() []string {
	var n int
	if !IsEmptySnap(l.disk.snap) {
		_, err := fmt.Sscan(string(l.disk.snap.Data), &n)
		require.NoError(l.rt, err)
	}
	return slices.Clone(l.applied[:n])
}
