package raft

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/datadriven"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// The words of scripts with several members (N: a member; FILTER: any of from=N to=N
// type=NAME n=COUNT):
//
//	cluster N [prevote] [checkquorum] [async] [stepdown] [window=MESSAGES] [msgsize=BYTES]
//	                            N voters; their disks hold a snapshot at index 1, term 1
//	join N                      a new member with an empty disk, which nobody knows of
//	elect N                     N campaigns and everything arrives, untold
//	deliver [FILTER]            what is under way now arrives, and is shown
//	drop [FILTER] [quietly]     … is lost
//	wire                        what is under way, and what waits for the threads
//	settle [quietly]            everything arrives, and what follows from it, until nothing is under way
//	isolate N | rejoin N        what N sends and what is sent to it is lost | no longer
//	transfer N TO               N is asked to hand over to TO
//	unreachable N PEER          N's transport reports that a message to PEER failed
//	sent N PEER [failed]        N's transport reports how sending a snapshot to PEER ended
//	restart N                   N forgets all but its disk
//	append N | apply N          with async: the thread does its next piece of work
//	progress N                  what the leader N knows of each member
//	members                     role, term, vote, leader and log of each
func (s *script) runCluster() error {
	if s.d.Cmd == "cluster" {
		s.newCluster()
		return nil
	}
	err := s.clusterVerb()
	s.comeToRest()
	return err
}

func (s *script) clusterVerb() error {
	c := s.c
	switch s.d.Cmd {
	case "deliver":
		c.deliver(s.filter())
	case "drop":
		for _, msg := range c.take(s.filter()) {
			if !s.d.HasArg("quietly") {
				s.tell(msg, false)
			}
		}
	case "wire":
		for _, msg := range c.network {
			s.out.WriteString(describe(msg) + "\n")
		}
		for _, id := range c.ids() {
			for _, msg := range c.work[id] {
				msg.Responses = nil // shown when the work is done
				s.out.WriteString("waiting: " + describe(msg) + "\n")
			}
		}
	case "settle":
		s.settle()
	case "members":
		s.members()
	default:
		if !s.address() {
			return nil
		}
		return s.addressed()
	}
	return nil
}

// addressed carries out a word that is for s.m.
func (s *script) addressed() error {
	id := s.m.c.ID
	switch s.d.Cmd {
	case "elect":
		told := s.out.String()
		s.c.elect(id)
		s.out.Reset()
		fmt.Fprintf(&s.out, "%s%d leads term %d\n", told, id, s.c.raft(id).Term)
	case "isolate":
		s.c.isolated[id] = true
	case "rejoin":
		delete(s.c.isolated, id)
	case "transfer":
		s.m.rn.TransferLeader(s.peer())
	case "unreachable":
		s.m.rn.ReportUnreachable(s.peer())
	case "sent":
		status := SnapshotFinish
		if s.d.HasArg("failed") {
			status = SnapshotFailure
		}
		s.m.rn.ReportSnapshot(s.peer(), status)
	case "restart":
		s.m.crash()
		s.c.work[id], s.told[id] = nil, 0
	case "append", "apply":
		s.work(id)
	case "progress":
		s.out.WriteString(s.c.raft(id).prs.Progress.String())
	default:
		return s.runMember()
	}
	return nil
}

// address takes the member's number from the words, and makes it the one addressed.
func (s *script) address() bool {
	if len(s.d.CmdArgs) == 0 {
		s.d.Fatalf(s.m.t, "%s of which member?", s.d.Cmd)
	}
	id := s.peerAt(0)
	s.d.CmdArgs = s.d.CmdArgs[1:]
	if s.d.Cmd == "join" {
		s.join(id)
		return false
	}
	if s.c.members[id] == nil {
		s.d.Fatalf(s.m.t, "there is no member %d", id)
	}
	s.m = s.c.members[id]
	return true
}

func (s *script) peer() uint64 { return s.peerAt(0) }

func (s *script) peerAt(i int) uint64 {
	id, err := strconv.ParseUint(s.d.CmdArgs[i].String(), 10, 64)
	if err != nil {
		s.d.Fatalf(s.m.t, "%v", err)
	}
	return id
}

func (s *script) newCluster() {
	t, n := s.m.t, s.number()
	s.c = newTestCluster(t, n, s.configure(slices.Clone(s.d.CmdArgs[1:])...))
	s.c.tell, s.m, s.told = s.tell, s.c.members[1], map[uint64]int{}
	s.out.Reset() // each says that it starts
}

// join starts a member on an empty disk. It has the options of the cluster.
func (s *script) join(id uint64) {
	m := &member{t: s.m.t, acked: map[string]bool{}, store: NewMemoryStorage()}
	m.c = s.m.c
	m.c.ID, m.c.Storage = id, m.store
	m.rn = newTestRawNode(m.t, &m.c)
	s.c.members[id] = m
}

// configure sets what the words after "cluster" ask for.
func (s *script) configure(words ...datadriven.CmdArg) func(*Config) {
	return func(c *Config) {
		c.Logger = scriptLogger{Logger: DiscardLogger(), out: &s.out}
		for _, word := range words {
			switch word.Key {
			case "prevote":
				c.PreVote = true
			case "checkquorum":
				c.CheckQuorum = true
			case "async":
				c.AsyncStorageWrites = true
			case "stepdown":
				c.StepDownOnRemoval = true
			case "window":
				word.Scan(s.m.t, 0, &c.MaxInflightMsgs)
			case "msgsize":
				word.Scan(s.m.t, 0, &c.MaxSizePerMsg)
			default:
				s.d.Fatalf(s.m.t, "a cluster has no option %q", word.Key)
			}
		}
	}
}

// filter chooses the messages that the words name; all if there are none.
func (s *script) filter() func(pb.Message) bool {
	words, count := slices.DeleteFunc(slices.Clone(s.d.CmdArgs), func(a datadriven.CmdArg) bool { return a.Key == "quietly" }), -1
	for _, word := range words {
		if word.Key == "n" {
			word.Scan(s.m.t, 0, &count)
		}
	}
	return func(m pb.Message) bool {
		for _, word := range words {
			got := map[string]string{
				"from": fmt.Sprint(m.From), "to": fmt.Sprint(m.To), "type": m.Type.String(), "n": word.Vals[0],
			}[word.Key]
			if got != word.Vals[0] {
				return false
			}
		}
		count--
		return count != -1
	}
}

// settle delivers until nothing is under way.
func (s *script) settle() {
	told := s.out.String()
	for s.comeToRest(); len(s.c.network) > 0; s.comeToRest() {
		s.c.deliver(func(pb.Message) bool { return true })
	}
	if s.d.HasArg("quietly") {
		s.out.Reset()
		s.out.WriteString(told)
	}
}

// comeToRest handles all Readies, and tells what members applied and which reads they may
// answer.
func (s *script) comeToRest() {
	s.c.handleReady()
	for _, id := range s.c.ids() {
		applied := s.c.members[id].applied
		if news := applied[s.told[id]:]; len(news) > 0 {
			fmt.Fprintf(&s.out, "%d applies %s\n", id, strings.Join(news, " "))
		}
		s.told[id] = len(applied)
		for _, r := range s.c.reads[id] {
			fmt.Fprintf(&s.out, "%d may answer %s from its state as of index %d\n", id, r.RequestCtx, r.Index)
		}
		s.c.reads[id] = nil
	}
}

func (s *script) tell(m pb.Message, delivered bool) {
	if !delivered {
		s.out.WriteString("✗ ")
	}
	s.out.WriteString(describe(m) + "\n")
}

// describe shows a message, and the number of the round of reads that a heartbeat carries.
func describe(m pb.Message) string {
	text := DescribeMessage(m, nil)
	if len(m.Context) == 8 {
		text += fmt.Sprintf(" round %d", m.Context[7])
	}
	return text
}

// work does the next piece of work that waits for the thread of a member with
// asynchronous storage writes, and delivers what the thread answers.
func (s *script) work(id uint64) {
	to := map[string]uint64{"append": LocalAppendThread, "apply": LocalApplyThread}[s.d.Cmd]
	at := slices.IndexFunc(s.c.work[id], func(m pb.Message) bool { return m.To == to })
	if at < 0 {
		s.d.Fatalf(s.m.t, "there is nothing to %s", s.d.Cmd)
	}
	m := s.c.work[id][at]
	s.c.work[id] = slices.Delete(s.c.work[id], at, at+1)
	s.out.WriteString(describe(m) + "\n")
	rd := Ready{Snapshot: m.Snapshot, Entries: m.Entries, HardState: pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}}
	if to == LocalApplyThread {
		s.m.apply(Ready{CommittedEntries: m.Entries})
	} else {
		s.m.handle(rd, rightOrder[:3])
		s.m.apply(Ready{Snapshot: m.Snapshot})
	}
	for _, response := range m.Responses {
		if response.To == id {
			_ = s.m.rn.Step(response)
		} else {
			s.c.send(id, response)
		}
	}
}

// members shows a member a line. Behind the bar is what is not known to be committed.
func (s *script) members() {
	for _, id := range s.c.ids() {
		r, l := s.c.raft(id), s.c.raft(id).raftLog
		fmt.Fprintf(&s.out, "%d %-17s term %d vote %x lead %x log", id, r.state, r.Term, r.Vote, r.lead)
		if first := l.firstIndex(); first > 1 {
			fmt.Fprintf(&s.out, " [..%d]", first-1)
		}
		if l.committed < l.firstIndex() {
			s.out.WriteString(" |")
		}
		for i := l.firstIndex(); i <= l.lastIndex(); i++ {
			term, _ := l.term(i)
			fmt.Fprintf(&s.out, " %d/%d", term, i)
			if i == l.committed {
				s.out.WriteString(" |")
			}
		}
		s.out.WriteString("\n")
	}
}
