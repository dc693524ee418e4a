package sim

import (
	"fmt"

	"insideetcd/ch02-raft/trace"
)

// emit numbers an event, takes it into the run's fingerprint and hands it on.
func (c *Cluster) emit(e trace.Event) {
	c.seq++
	e.Seq, e.At = c.seq, c.now
	c.hash.Event(&e)
	if c.sink != nil {
		c.sink.Event(e)
	}
}

// tellChanges tells what observe found new in a server's status.
func (c *Cluster) tellChanges(m *member, st *Status) {
	p := &m.shadow.prev
	if st.Term != p.Term || st.Vote != p.Vote {
		c.emit(trace.Event{Kind: trace.Term, Node: m.id, Peer: st.Vote, Term: st.Term})
	}
	if st.Role != p.Role || st.Leader != p.Leader {
		c.emit(trace.Event{Kind: trace.Role, Node: m.id, Peer: st.Leader, Term: st.Term, Index: st.Commit, Last: st.Last,
			Value: uint64(st.Role), Text: st.Role.String()})
	}
	if st.Commit != p.Commit {
		c.emit(trace.Event{Kind: trace.Commit, Node: m.id, Term: st.Term, Index: p.Commit, Last: st.Commit})
	}
}

func (c *Cluster) tellSave(m *member, s *Save) {
	if s.IsEmpty() {
		return
	}
	e := trace.Event{Kind: trace.Save, Node: m.id}
	if s.State != nil {
		e.Term = s.State.Term
	}
	if n := len(s.Entries); n > 0 {
		e.Index, e.Last = s.Entries[0].Index, s.Entries[n-1].Index
	}
	if s.Snapshot != nil {
		e.Value = s.Snapshot.Index
	}
	if c.sink != nil {
		e.Text = saveText(s)
	}
	c.emit(e)
}

func saveText(s *Save) string {
	text := ""
	add := func(format string, args ...any) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf(format, args...)
	}
	if s.Snapshot != nil {
		add("snapshot up to %d", s.Snapshot.Index)
	}
	if n := len(s.Entries); n == 1 {
		add("entry %d", s.Entries[0].Index)
	} else if n > 1 {
		add("entries %d–%d", s.Entries[0].Index, s.Entries[n-1].Index)
	}
	if s.State != nil && s.State.Vote != 0 {
		add("term %d with the vote for S%d", s.State.Term, s.State.Vote)
	} else if s.State != nil {
		add("term %d", s.State.Term)
	}
	return text
}
