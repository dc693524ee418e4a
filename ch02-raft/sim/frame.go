package sim

import (
	"slices"
	"strings"
)

// Frame is a still picture of a run: all that a page or a terminal can show of it. It
// shares nothing with the run.
type Frame struct {
	At      int64         `json:"at"`
	Events  uint64        `json:"events"` // told so far
	Healing bool          `json:"healing"`
	Over    bool          `json:"over"`
	Servers []ServerFrame `json:"servers"`
	Wire    []FlightFrame `json:"wire"`
	Cuts    [][2]uint64   `json:"cuts,omitempty"` // from, to
	History []Op          `json:"history,omitempty"`
	Failure *Violation    `json:"failure,omitempty"`
}

// ServerFrame is one server. Of a server that is down only the disk is shown.
type ServerFrame struct {
	ID       uint64            `json:"id"`
	Up       bool              `json:"up"`
	Role     string            `json:"role,omitempty"`
	Term     uint64            `json:"term"`
	Vote     uint64            `json:"vote,omitempty"`
	Leader   uint64            `json:"leader,omitempty"`
	Commit   uint64            `json:"commit"`
	Applied  uint64            `json:"applied"`
	Snapshot uint64            `json:"snapshot"` // index of the last entry that the snapshot covers
	Log      []EntryFrame      `json:"log"`
	Match    map[uint64]uint64 `json:"match,omitempty"`
	Next     map[uint64]uint64 `json:"next,omitempty"`
	State    []string          `json:"state,omitempty"` // "a=17"
	Writing  int               `json:"writing,omitempty"`
	NextTick int64             `json:"nextTick,omitempty"` // when its clock ticks
}

// EntryFrame is an entry of a log. Synced tells that it is on disk.
type EntryFrame struct {
	Index  uint64 `json:"index"`
	Term   uint64 `json:"term"`
	Data   string `json:"data"`
	Synced bool   `json:"synced"`
}

// FlightFrame is a message under way.
type FlightFrame struct {
	Seq  uint64 `json:"seq"` // of the event of its sending
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
	Term uint64 `json:"term"`
	Kind string `json:"kind"`
	Text string `json:"text,omitempty"`
	Sent int64  `json:"sent"`
	Due  int64  `json:"due"`
}

// Frame is the run as it stands.
func (s *Sim) Frame() Frame {
	f := s.Cluster.frame()
	f.Healing, f.Over = s.healing.on, s.done || s.failed != nil
	for i := range f.Servers {
		f.Servers[i].NextTick = s.clocks[i].next
	}
	flying := slices.Clone(s.queue.heap)
	slices.SortFunc(flying, func(a, b key) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	for _, k := range flying {
		if e := &s.queue.slots[k.slot]; e.kind == messageArrives {
			f.Wire = append(f.Wire, flight(e.msg, e.node, int64(e.arg), e.at))
		}
	}
	for _, from := range s.members {
		for _, to := range s.members {
			if s.link(from.id, to.id).cut {
				f.Cuts = append(f.Cuts, [2]uint64{from.id, to.id})
			}
		}
	}
	return f
}

// Frame is the cluster as it stands.
func (b *Bench) Frame() Frame {
	f := b.Cluster.frame()
	for _, m := range b.wire {
		f.Wire = append(f.Wire, flight(m.Message, m.Seq, 0, 0))
	}
	for _, from := range b.members {
		for _, to := range b.members {
			if b.cut[[2]uint64{from.id, to.id}] {
				f.Cuts = append(f.Cuts, [2]uint64{from.id, to.id})
			}
		}
	}
	return f
}

func flight(m Message, seq uint64, sent, due int64) FlightFrame {
	f := FlightFrame{Seq: seq, From: m.From, To: m.To, Term: m.Term, Kind: m.Kind, Sent: sent, Due: due}
	if m.Body != nil {
		f.Text = m.Body.String()
	}
	return f
}

func (c *Cluster) frame() Frame {
	f := Frame{At: c.now, Events: c.seq, History: slices.Clone(c.history), Failure: c.failed}
	for _, m := range c.members {
		f.Servers = append(f.Servers, m.frame())
	}
	return f
}

func (m *member) frame() ServerFrame {
	if !m.up {
		return m.diskFrame()
	}
	st := m.node.Status()
	f := ServerFrame{ID: m.id, Up: true, Role: st.Role.String(), Term: st.Term, Vote: st.Vote, Leader: st.Leader, Commit: st.Commit,
		Applied: m.applied, Snapshot: st.First - 1, Match: st.Match, Next: st.Next, Writing: len(m.disk.writing)}
	for i := st.First; i <= st.Last; i++ {
		if e, ok := m.node.EntryAt(i); ok {
			f.Log = append(f.Log, EntryFrame{e.Index, e.Term, string(e.Data), m.disk.holds(e.Index, e.Term)})
		}
	}
	f.State = strings.Fields(string(m.store.Marshal()))
	return f
}

func (m *member) diskFrame() ServerFrame {
	d := &m.disk.synced
	f := ServerFrame{ID: m.id, Term: d.State.Term, Vote: d.State.Vote, Applied: m.image.index, Snapshot: d.Snapshot.Index}
	for _, e := range d.Entries {
		f.Log = append(f.Log, EntryFrame{e.Index, e.Term, string(e.Data), true})
	}
	return f
}
