package raft

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// TestScripts plays the scripts under testdata. They are written to be read: each
// step says what it proves, its output is what the node said and did. Several lines
// without output between them are one step. After a change, read the difference before
// you accept it with -rewrite.
//
//	start [applied=N] [page=BYTES] [uncommitted=BYTES]   build a node on what is on disk
//	bootstrap                                            begin a cluster of node 1
//	tick N | campaign                                    time passes | do not wait for it
//	propose WORD… | propose-conf CHANGE… [v1|explicit]   CHANGE as in "v1 l2 r3 u4"; then v1: version 1,
//	                                                     explicit: the application ends the transition
//	read CTX                                             ask for a read index
//	ready                                                take a Ready and show it
//	persist entries|hardstate|all                        write parts of it
//	apply | advance                                      go on with it
//	handle                                               ready, persist, apply, advance until there is none
//	snapshot N [compact]                                 snapshot at index N
//	crash                                                forget all but the disk
//	log | status                                         look inside
//
// A script that begins with "cluster" has several members, and the words of
// script_cluster_test.go besides. There the first word after one of the above that has a
// meaning for a member is its number, as in "propose 1 a b", and Readies are handled as
// soon as they are due: what members send then waits in the network.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{m: &member{t: t, acked: map[string]bool{}, store: NewMemoryStorage()}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.m.t, s.d = t, d
			s.out.Reset()
			s.block()
			if s.out.Len() == 0 {
				return "ok\n"
			}
			return s.out.String()
		})
	})
}

// script is a member that is driven by the words of a file, or a cluster of them.
type script struct {
	m    *member  // the one that the words are for
	c    *cluster // nil: m is alone
	d    *datadriven.TestData
	rd   Ready
	out  strings.Builder
	told map[uint64]int // how many of the applied entries of each member were told
}

// block carries out the lines up to the next "----".
func (s *script) block() {
	for line := ""; ; { // the first is parsed already
		if err := s.run(); err != nil {
			fmt.Fprintf(&s.out, "error: %v\n", err)
		}
		if s.d.Input == "" {
			return
		}
		line, s.d.Input, _ = strings.Cut(s.d.Input, "\n")
		var err error
		s.d.Cmd, s.d.CmdArgs, err = datadriven.ParseLine(line)
		require.NoError(s.m.t, err, s.d.Pos)
	}
}

func (s *script) run() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	if s.c != nil || s.d.Cmd == "cluster" {
		return s.runCluster()
	}
	return s.runMember()
}

// runMember carries out a word that is for one member.
func (s *script) runMember() error {
	m := s.m
	switch s.d.Cmd {
	case "start":
		s.start()
	case "bootstrap":
		return m.rn.Bootstrap([]Peer{{ID: 1}})
	case "tick":
		for range s.number() {
			m.rn.Tick()
		}
	case "campaign":
		return m.rn.Campaign()
	case "propose":
		for _, word := range s.d.CmdArgs {
			if err := m.rn.Propose([]byte(word.String())); err != nil {
				return fmt.Errorf("%s: %w", word.String(), err)
			}
		}
	case "propose-conf":
		return s.proposeConf()
	case "read":
		m.rn.ReadIndex([]byte(s.d.CmdArgs[0].String()))
	case "ready":
		s.rd = m.rn.Ready()
		s.out.WriteString(DescribeReady(s.rd, nil))
	case "persist":
		m.handle(s.rd, map[string][]part{
			"entries": {entriesToDisk}, "hardstate": {hardStateToDisk}, "all": rightOrder[:3],
		}[s.d.CmdArgs[0].String()])
	case "apply":
		m.handle(s.rd, []part{applyAndAnswer})
	case "advance":
		m.handle(s.rd, []part{advance})
	case "handle":
		for m.rn.HasReady() {
			s.rd = m.rn.Ready()
			s.out.WriteString(DescribeReady(s.rd, nil))
			m.handle(s.rd, rightOrder)
		}
	case "snapshot":
		return s.snapshot()
	case "crash":
		m.store, m.applied, m.cursor = m.disk.read(), nil, m.disk.snap.Metadata.Index
	case "log":
		s.showLog()
	case "status":
		s.out.WriteString(m.rn.Status().String() + "\n")
	default:
		s.d.Fatalf(m.t, "unknown command %q", s.d.Cmd)
	}
	return nil
}

func (s *script) number() (n int) {
	_, err := fmt.Sscan(s.d.CmdArgs[0].String(), &n)
	require.NoError(s.m.t, err, s.d.Pos)
	return n
}

func (s *script) start() {
	c := testConfig(s.m.store)
	s.d.MaybeScanArgs(s.m.t, "applied", &c.Applied)
	s.d.MaybeScanArgs(s.m.t, "page", &c.MaxCommittedSizePerReady)
	s.d.MaybeScanArgs(s.m.t, "uncommitted", &c.MaxUncommittedEntriesSize)
	c.Logger = scriptLogger{Logger: DiscardLogger(), out: &s.out}
	s.m.c = *c
	s.m.cursor = max(s.m.cursor, c.Applied)
	s.m.rn = newTestRawNode(s.m.t, c)
}

func (s *script) proposeConf() error {
	v1, explicit := false, false
	var words []string
	for i, arg := range s.d.CmdArgs {
		switch word := arg.String(); {
		case word == "v1" && i > 0:
			v1 = true
		case word == "explicit":
			explicit = true
		default:
			words = append(words, word)
		}
	}
	cs, err := pb.ConfChangesFromString(strings.Join(words, " "))
	if err != nil {
		return err
	}
	if v1 {
		return s.m.rn.ProposeConfChange(pb.ConfChange{Type: cs[0].Type, NodeID: cs[0].NodeID})
	}
	change := pb.ConfChangeV2{Changes: cs}
	if explicit {
		change.Transition = pb.ConfChangeTransitionJointExplicit
	}
	return s.m.rn.ProposeConfChange(change)
}

func (s *script) snapshot() error {
	cs := s.m.rn.Status().Config.ConfState()
	snap, err := s.m.store.CreateSnapshot(uint64(s.number()), &cs, []byte("state"))
	if err != nil {
		return err
	}
	s.m.disk.snap = snap
	s.out.WriteString(DescribeSnapshot(snap) + "\n")
	if s.d.HasArg("compact") {
		return s.m.store.Compact(snap.Metadata.Index)
	}
	return nil
}

// showLog draws a ruler: what is where, and the marks under it.
func (s *script) showLog() {
	l := s.m.rn.raft.raftLog
	first, last := l.firstIndex(), l.lastIndex()
	rows := []string{"index     ", "term      ", "in Storage", "unstable  ", "mark      "}
	for i := first - 1; i <= last; i++ {
		term, err := l.term(i)
		require.NoError(s.m.t, err)
		cells := []string{fmt.Sprint(i), fmt.Sprint(term), "", "", ""}
		if stored, _ := s.m.store.LastIndex(); i >= first && i <= stored {
			cells[2] = "■"
		}
		if i >= l.unstable.offset {
			cells[3] = "□"
		}
		if i == l.applied {
			cells[4] += "A"
		}
		if i == l.committed {
			cells[4] += "C"
		}
		if i == first-1 {
			cells[2] = "·"
		}
		for r, c := range cells {
			rows[r] += fmt.Sprintf(" %3s", c)
		}
	}
	for _, row := range rows {
		s.out.WriteString(strings.TrimRight(row, " ") + "\n")
	}
}

// scriptLogger shows what the node says from Info up.
type scriptLogger struct {
	Logger // panics
	out    *strings.Builder
}

func (l scriptLogger) Infof(f string, v ...any)    { fmt.Fprintf(l.out, "INFO  "+f+"\n", v...) }
func (l scriptLogger) Warningf(f string, v ...any) { fmt.Fprintf(l.out, "WARN  "+f+"\n", v...) }
