// Package paperengine lets the simulator run package paper: it carries values from one
// vocabulary to the other and decides nothing.
package paperengine

import (
	"insideetcd/ch02-raft/paper"
	"insideetcd/ch02-raft/sim"
)

// Engine is the engine "paper".
type Engine struct{}

// Name is "paper".
func (Engine) Name() string { return "paper" }

// Start makes a server from what its disk holds; it refuses what no run can have stored.
func (Engine) Start(cfg sim.Config, disk sim.Stored) (sim.Node, error) {
	server, err := paper.New(paper.Config{
		ID:             cfg.ID,
		Servers:        cfg.Voters,
		ElectionTicks:  cfg.ElectionTicks,
		HeartbeatTicks: cfg.HeartbeatTicks,
		Rand:           cfg.Rand,
		PreVote:        cfg.PreVote,
		CheckQuorum:    cfg.CheckQuorum,
		LeaseRead:      cfg.LeaseRead,
		DriftPercent:   cfg.DriftPercent,
		Explain:        cfg.Explain,
	}, paper.Stored{
		CurrentTerm: disk.State.Term,
		VotedFor:    disk.State.Vote,
		Snapshot:    paper.Snapshot{Index: disk.Snapshot.Index, Term: disk.Snapshot.Term, State: disk.Snapshot.State},
		Entries:     toPaper(disk.Entries),
		Applied:     disk.Applied,
	})
	if err != nil {
		return nil, err
	}
	return &node{server: server, explain: cfg.Explain}, nil
}

type node struct {
	server  *paper.Server
	explain bool
}

func (n *node) Tick()                     { n.server.Tick() }
func (n *node) Propose(data []byte) error { return n.server.Propose(data) }
func (n *node) Read(id uint64) error      { return n.server.Read(id) }
func (n *node) Transfer(to uint64)        { n.server.Transfer(to) }

// Step takes a message of this engine; the simulator brings no others.
func (n *node) Step(m sim.Message) {
	body, _ := m.Body.(paper.Body)
	n.server.Step(paper.Message{From: m.From, To: m.To, Term: m.Term, Body: body})
}

// Compact is asked for applied entries only, so a refusal is the caller's mistake.
func (n *node) Compact(index uint64, state []byte) {
	if err := n.server.Compact(index, state); err != nil {
		panic(err)
	}
}

func (n *node) Ready() (sim.Ready, bool) {
	out, ok := n.server.Take()
	if !ok {
		return sim.Ready{}, false
	}
	r := sim.Ready{
		Save:          sim.Save{Entries: toSim(out.Save.Entries), Snapshot: snapshot(out.Save.Snapshot)},
		Send:          messages(out.Send),
		SendAfterSave: messages(out.SendAfterSave),
		Snapshot:      snapshot(out.Snapshot),
		Committed:     toSim(out.Committed),
	}
	if s := out.Save.State; s != nil {
		r.Save.State = &sim.HardState{Term: s.CurrentTerm, Vote: s.VotedFor}
	}
	for _, read := range out.Reads {
		r.Reads = append(r.Reads, sim.ReadState(read))
	}
	for _, rule := range out.Rules {
		r.Rules = append(r.Rules, rule.String())
	}
	return r, true
}

func (n *node) Saved(r sim.Ready) {
	if !r.Save.IsEmpty() {
		n.server.Saved()
	}
}

func (n *node) Applied(r sim.Ready) {
	if r.Snapshot != nil {
		n.server.Applied(r.Snapshot.Index)
	}
	if committed := r.Committed; len(committed) > 0 {
		n.server.Applied(committed[len(committed)-1].Index)
	}
}

func (n *node) Status() sim.Status {
	s := n.server.Status()
	status := sim.Status{
		ID: s.ID, Term: s.Term, Vote: s.VotedFor, Leader: s.Leader, Role: simRoles[s.Role],
		Commit: s.CommitIndex, Applied: s.LastApplied, First: s.FirstIndex, Last: s.LastIndex, LastTerm: s.LastTerm,
	}
	if n.explain && s.Role == paper.Leader {
		status.Match, status.Next = map[uint64]uint64{}, map[uint64]uint64{}
		n.server.EachPeer(func(id, next, match uint64) { status.Next[id], status.Match[id] = next, match })
	}
	return status
}

func (n *node) EntryAt(index uint64) (sim.Entry, bool) {
	e, ok := n.server.EntryAt(index)
	return sim.Entry{Index: e.Index, Term: e.Term, Data: e.Command}, ok
}
