package raftlog

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/labs/explain"

	"github.com/stretchr/testify/require"
)

// seed makes a run a student's own; 0 stands for the seeds that everybody sees.
var seed = flag.Uint64("lab.seed", 0, "run this seed only")

// disk is what a node has stored. Its cluster is 1, 2 and 3 from the beginning, so that every
// log starts at index 1.
type disk struct{ *raft.MemoryStorage }

func (d disk) InitialState() (pb.HardState, pb.ConfState, error) {
	hs, _, err := d.MemoryStorage.InitialState()
	return hs, pb.ConfState{Voters: []uint64{1, 2, 3}}, err
}

// node is the one node that a test looks at. The others are the test itself.
type node struct {
	*raft.RawNode
	t    testing.TB
	disk disk
	told []string // what was done to it
}

// start makes node id with a stored log of entries of these terms, from index 1 on, in the
// term of the last one, or in term 1 if there is none.
func start(t testing.TB, id uint64, terms ...uint64) *node {
	t.Helper()
	n := &node{t: t, disk: disk{raft.NewMemoryStorage()}}
	term := uint64(1)
	if len(terms) > 0 {
		term = slices.Max(terms)
	}
	require.NoError(t, n.disk.SetHardState(pb.HardState{Term: term}))
	require.NoError(t, n.disk.Append(entries(1, terms...)))
	rn, err := raft.NewRawNode(&raft.Config{
		ID: id, ElectionTick: 10, HeartbeatTick: 1, Storage: n.disk, MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 16,
		Logger: raft.DiscardLogger(), RandIntn: func(int) int { return 0 },
	})
	require.NoError(t, err)
	n.RawNode = rn
	n.tell("node %d starts in term %d with the log %s", id, term, show(entries(1, terms...)))
	return n
}

// entries are consecutive, from index first on, of these terms.
func entries(first uint64, terms ...uint64) (list []pb.Entry) {
	for i, term := range terms {
		index := first + uint64(i)
		list = append(list, pb.Entry{Index: index, Term: term, Data: fmt.Appendf(nil, "%d of term %d", index, term)})
	}
	return list
}

// show writes entries as term/index, like the library.
func show(list []pb.Entry) string {
	var b strings.Builder
	for _, e := range list {
		fmt.Fprintf(&b, "%d/%d ", e.Term, e.Index)
	}
	return "[" + strings.TrimSpace(b.String()) + "]"
}

func (n *node) tell(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	n.told = append(n.told, line)
	n.t.Log(line)
}

// story is the given of a failure.
func (n *node) story() string { return strings.Join(n.told, "\n") }

// does runs one input, and explains an invariant that the library found broken.
func (n *node) does(what string, input func()) {
	n.t.Helper()
	n.tell("%s", what)
	defer func() {
		n.t.Helper()
		found := recover()
		if text := fmt.Sprint(found); found != nil && strings.Contains(text, "invariant ") {
			explain.That(n.t, false, explain.Case{Given: n.story(), Expected: "the library's invariants hold", Got: text, Rule: ruleInvariants})
		} else if found != nil {
			panic(found) // still to be written, or a mistake of another kind
		}
	}()
	input()
}

// hear hands in a message from another node.
func (n *node) hear(m pb.Message) {
	n.t.Helper()
	m.To = n.Status().ID
	n.does("hears "+raft.DescribeMessage(m, nil), func() { require.NoError(n.t, n.Step(m)) })
}

// appends is a MsgApp of leader from in its term: entries of these terms behind the entry
// prev of term prevTerm.
func (n *node) appends(from, term, prev, prevTerm uint64, terms ...uint64) {
	n.t.Helper()
	n.hear(pb.Message{Type: pb.MsgApp, From: from, Term: term, Index: prev, LogTerm: prevTerm, Entries: entries(prev+1, terms...)})
}

// hands takes a Ready, whose entries are to be written.
func (n *node) hands() (rd raft.Ready) {
	n.t.Helper()
	n.does("hands out a Ready", func() { rd = n.Ready() })
	rd.Messages = slices.Clone(rd.Messages) // Advance takes the array back
	n.tell("it is to be written: %s", show(rd.Entries))
	return rd
}

// wrote stores what a Ready asks for, and says so.
func (n *node) wrote(rd raft.Ready) {
	n.t.Helper()
	n.does("is told that "+show(rd.Entries)+" are written", func() {
		if !raft.IsEmptyHardState(rd.HardState) {
			require.NoError(n.t, n.disk.SetHardState(rd.HardState))
		}
		require.NoError(n.t, n.disk.Append(rd.Entries))
		n.Advance(rd)
	})
}

// writes hands out a Ready and stores it at once; the result is that Ready.
func (n *node) writes() raft.Ready {
	n.t.Helper()
	rd := n.hands()
	n.wrote(rd)
	return rd
}

// stored is the log on the disk.
func (n *node) stored() []pb.Entry {
	last, err := n.disk.LastIndex()
	require.NoError(n.t, err)
	if last == 0 {
		return nil
	}
	list, err := n.disk.Entries(1, last+1, 1<<30)
	require.NoError(n.t, err)
	return list
}

// answer is the one message of that type that the node has to say.
func (n *node) answer(kind pb.MessageType) (found pb.Message) {
	n.t.Helper()
	rd := n.writes()
	for _, m := range rd.Messages {
		if m.Type == kind {
			n.tell("it answers: %s", raft.DescribeMessage(m, nil))
			return m
		}
	}
	expect(n, "answer: whoever asks gets an answer (Raft Figure 2)", "messages of type "+kind.String(), 1, 0)
	return found
}

// expect ends the test with an explanation unless got is want.
func expect[V any](n *node, rule, what string, want, got V) {
	n.t.Helper()
	explain.Equal(n.t, fmt.Sprint(want), fmt.Sprint(got), explain.Case{Given: n.story(), Expected: what + ": ", Got: what + ": ", Rule: rule})
}

// The rules of this lab, with their sources.
const (
	ruleInvariants = "the numbered invariants above raftLog and unstable: L1 to L3, U1 to U5 (ch03-etcdraft/raft/raftlog.go, ch03-etcdraft/raft/unstable.go)"
	ruleUpTo       = "up-to-date: the log whose last entry has the later term; in the same term, the longer one; equal logs are up-to-date (Raft §5.4.1)"
	ruleLate       = "late append: what the log holds already is not touched; only an entry of another term at the same index deletes it and what follows (Raft Figure 2, AppendEntries 3)"
	ruleConflict   = "conflict: an entry of another term at the same index deletes the one that is there and all that follow (Raft Figure 2, AppendEntries 3)"
	ruleOnce       = "handed out once: an entry goes to the disk once, and again only if it was replaced (book §3.1.3)"
	ruleLent       = "U4: what was lent out in a Ready is never overwritten (ch03-etcdraft/raft/unstable.go)"
	ruleWritten    = "R8: a write counts only for the entry that was written; stableTo compares the term (etcd #1690)"
	ruleHint       = "hint: a refusal names the last entry that may agree, the newest whose term is not above the one asked about, and its term (Raft §5.3; book §3.1.4)"
	ruleRefuse     = "refusal: it names the index that was asked about, goes to the asker, and changes nothing (Raft Figure 2, AppendEntries 2)"
)
