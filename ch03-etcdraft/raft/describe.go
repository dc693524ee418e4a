package raft

import (
	"fmt"
	"strings"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// EntryFormatter makes the data of an entry readable; nil stands for %q.
type EntryFormatter func([]byte) string

// DescribeHardState returns a line without its end, as all Describe functions but
// DescribeEntries and DescribeReady do. Tools and golden scripts compare these
// texts, so they are the same as etcd's.
func DescribeHardState(hs pb.HardState) string {
	if hs.Vote == None {
		return fmt.Sprintf("Term:%d Commit:%d", hs.Term, hs.Commit)
	}
	return fmt.Sprintf("Term:%d Vote:%d Commit:%d", hs.Term, hs.Vote, hs.Commit)
}

// DescribeSoftState shows leader and role.
func DescribeSoftState(ss SoftState) string {
	return fmt.Sprintf("Lead:%d State:%s", ss.Lead, ss.RaftState)
}

// DescribeConfState shows the members by their role.
func DescribeConfState(cs pb.ConfState) string {
	return fmt.Sprintf("Voters:%v VotersOutgoing:%v Learners:%v LearnersNext:%v AutoLeave:%v",
		cs.Voters, cs.VotersOutgoing, cs.Learners, cs.LearnersNext, cs.AutoLeave)
}

// DescribeSnapshot shows what s covers, not its data.
func DescribeSnapshot(s pb.Snapshot) string {
	m := s.Metadata
	return fmt.Sprintf("Index:%d Term:%d ConfState:%s", m.Index, m.Term, DescribeConfState(m.ConfState))
}

// DescribeEntry shows term/index, type and data of e. Configuration changes are
// decoded.
func DescribeEntry(e pb.Entry, f EntryFormatter) string {
	if f == nil {
		f = func(data []byte) string { return fmt.Sprintf("%q", data) }
	}
	var data string
	if isConfChange(e) {
		cc, err := decodeConfChange(e)
		if data = pb.ConfChangesToString(cc.Changes); err != nil {
			data = err.Error()
		}
	} else {
		data = f(e.Data)
	}
	return strings.TrimRight(fmt.Sprintf("%d/%d %s %s", e.Term, e.Index, e.Type, data), " ")
}

// DescribeEntries shows one entry a line, each line ended.
func DescribeEntries(ents []pb.Entry, f EntryFormatter) string {
	var b strings.Builder
	for _, e := range ents {
		b.WriteString(DescribeEntry(e, f) + "\n")
	}
	return b.String()
}

// describeTarget is an ID, or the name of a thread (Config.AsyncStorageWrites).
func describeTarget(id uint64) string {
	switch id {
	case LocalAppendThread:
		return "AppendThread"
	case LocalApplyThread:
		return "ApplyThread"
	default:
		return fmt.Sprintf("%x", id)
	}
}

// DescribeMessage shows m: from->to, type and what it carries. The responses of work for a
// thread stand below it, a line each.
func DescribeMessage(m pb.Message, f EntryFormatter) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s->%s %s Term:%d Log:%d/%d", describeTarget(m.From), describeTarget(m.To), m.Type, m.Term, m.LogTerm, m.Index)
	if m.Reject {
		fmt.Fprintf(&b, " Rejected (Hint: %d)", m.RejectHint)
	}
	if m.Commit != 0 {
		fmt.Fprintf(&b, " Commit:%d", m.Commit)
	}
	if m.Vote != 0 {
		fmt.Fprintf(&b, " Vote:%d", m.Vote)
	}
	if len(m.Entries) > 0 {
		texts := make([]string, len(m.Entries))
		for i, e := range m.Entries {
			texts[i] = DescribeEntry(e, f)
		}
		fmt.Fprintf(&b, " Entries:[%s]", strings.Join(texts, ", "))
	}
	if !IsEmptySnap(m.Snapshot) {
		fmt.Fprintf(&b, " Snapshot: %s", DescribeSnapshot(m.Snapshot))
	}
	if len(m.Responses) > 0 {
		b.WriteString(" Responses:[\n")
		for _, response := range m.Responses {
			fmt.Fprintf(&b, "  %s\n", DescribeMessage(response, f))
		}
		b.WriteString("]")
	}
	return b.String()
}

// DescribeReady shows the parts of rd that are there, in the order of handling.
func DescribeReady(rd Ready, f EntryFormatter) string {
	var b strings.Builder
	if rd.SoftState != nil {
		b.WriteString(DescribeSoftState(*rd.SoftState) + "\n")
	}
	if !IsEmptyHardState(rd.HardState) {
		b.WriteString("HardState " + DescribeHardState(rd.HardState) + "\n")
	}
	if len(rd.ReadStates) > 0 {
		fmt.Fprintf(&b, "ReadStates %v\n", rd.ReadStates)
	}
	if len(rd.Entries) > 0 {
		b.WriteString("Entries:\n" + DescribeEntries(rd.Entries, f))
	}
	if !IsEmptySnap(rd.Snapshot) {
		b.WriteString("Snapshot " + DescribeSnapshot(rd.Snapshot) + "\n")
	}
	if len(rd.CommittedEntries) > 0 {
		b.WriteString("CommittedEntries:\n" + DescribeEntries(rd.CommittedEntries, f))
	}
	if len(rd.Messages) > 0 {
		b.WriteString("Messages:\n")
		for _, m := range rd.Messages {
			b.WriteString(DescribeMessage(m, f) + "\n")
		}
	}
	if b.Len() == 0 {
		return "<empty Ready>"
	}
	return fmt.Sprintf("Ready MustSync=%t:\n%s", rd.MustSync, b.String())
}
