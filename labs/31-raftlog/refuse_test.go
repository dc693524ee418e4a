package raftlog

import (
	"fmt"
	"math/rand/v2"
	"testing"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// Task 3.1.3: where two logs may agree. A leader asks node 1 about an entry that it lacks.

// refuses asks about the entry prev of prevTerm, and returns the refusal.
func (n *node) refuses(prev, prevTerm uint64) pb.Message {
	n.t.Helper()
	n.appends(3, 99, prev, prevTerm)
	m := n.answer(pb.MsgAppResp)
	expect(n, ruleRefuse, "refused", true, m.Reject)
	return m
}

// mayAgree is the last entry, up to index, whose term is not above term: by looking at all.
func mayAgree(terms []uint64, index, term uint64) (hint, hintTerm uint64) {
	for i, at := range terms {
		if uint64(i)+1 <= index && at <= term {
			hint, hintTerm = uint64(i)+1, at
		}
	}
	return hint, hintTerm
}

func TestARefusalNamesWhereLogsMayAgree(t *testing.T) {
	for _, c := range []struct {
		name        string
		mine        []uint64
		index, term uint64
		want        string // term/index of the hint
	}{
		{"the log is too short", []uint64{1, 1}, 7, 1, "1/2"},
		{"the log is too short, of an earlier term", []uint64{1, 1}, 7, 4, "1/2"},
		{"the log is empty", nil, 7, 4, "0/0"},
		{"one whole term is skipped", []uint64{1, 3, 3, 3, 5, 5, 5, 5, 5}, 8, 4, "3/4"},
		{"two whole terms are skipped", []uint64{1, 3, 3, 3, 5, 5, 5, 5, 5}, 8, 2, "1/1"},
		{"an entry of the asked term is near", []uint64{2, 2, 5, 5}, 4, 2, "2/2"},
		{"nothing can agree", []uint64{5, 5, 5}, 3, 2, "0/0"},
		{"too short, and of a later term", []uint64{1, 6, 6}, 9, 5, "1/1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := start(t, 1, c.mine...)
			m := n.refuses(c.index, c.term)
			expect(n, ruleHint, "hint, term/index", c.want, fmt.Sprintf("%d/%d", m.LogTerm, m.RejectHint))
		})
	}
}

func TestARefusalChangesNothing(t *testing.T) {
	n := start(t, 1, 1, 1, 1)
	n.hear(pb.Message{Type: pb.MsgApp, From: 2, Term: 4, Index: 3, LogTerm: 2, Commit: 3, Entries: entries(4, 4)})
	m := n.answer(pb.MsgAppResp)
	expect(n, ruleRefuse, "refused", true, m.Reject)
	expect(n, ruleRefuse, "to", 2, m.To)
	expect(n, ruleRefuse, "about index", 3, m.Index)
	expect(n, ruleRefuse, "commit", 0, n.Status().Commit)
	expect(n, ruleRefuse, "on disk", show(entries(1, 1, 1, 1)), show(n.stored()))
}

// drawLog is a log of n entries whose terms never fall.
func drawLog(rnd *rand.Rand, n int) (terms []uint64) {
	term := uint64(1)
	for range n {
		if rnd.IntN(3) == 0 {
			term += rnd.Uint64N(3)
		}
		terms = append(terms, term)
	}
	return terms
}

// drawnHints asks logs of a seed about entries that they lack.
func drawnHints(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 31))
	for range 20 {
		mine := drawLog(rnd, 1+rnd.IntN(12))
		index, term := 1+rnd.Uint64N(15), 1+rnd.Uint64N(9)
		if index <= uint64(len(mine)) && mine[index-1] == term {
			continue // it has that entry
		}
		n := start(t, 1, mine...)
		m := n.refuses(index, term)
		hint, hintTerm := mayAgree(mine, index, term)
		expect(n, ruleHint, "hint, term/index", fmt.Sprintf("%d/%d", hintTerm, hint), fmt.Sprintf("%d/%d", m.LogTerm, m.RejectHint))
	}
}
