package sim

import (
	"math/rand/v2"
	"slices"
)

// Changer is a Node of an engine whose clusters change their members.
type Changer interface {
	// Change asks for a change of members, which draw chooses among all there are. The
	// error tells that it certainly was not taken.
	Change(draw uint64) error
}

// Reshaper is an engine whose nodes are Changers: runs of its own cases change members.
type Reshaper interface {
	Engine
	Reshapes() bool
}

// DrawFor makes the case of a seed for an engine: Draw's, and for an engine that changes
// members with changes under way all the time, and servers that wait to be added. They
// come from dice of their own, so the rest is as in the run without changes.
func DrawFor(engine Engine, nodes int, seed uint64) Case {
	c := Draw(engine.Name(), nodes, seed)
	if r, ok := engine.(Reshaper); ok && r.Reshapes() {
		drawChanges(dice{rand.New(rand.NewPCG(seed, 1<<32|uint64(nodes)))}, &c)
		slices.SortStableFunc(c.Actions, func(a, b Action) int { return int(a.At - b.At) })
	}
	return c
}

func drawChanges(d dice, c *Case) {
	if d.oneIn(4) {
		return
	}
	c.Spares = int(d.between(0, max(0, int64(c.Nodes-2)/2)))
	recur(d, c, Tick+c.timeouts(d, 10), func(at int64) {
		a := Action{At: at, Kind: Change, Arg: d.Uint64() >> 16}
		if d.oneIn(4) {
			a.Node = uint64(d.between(1, int64(c.Nodes)))
		}
		c.add(a)
	})
}

// changesMembers tells whether the members of a case are not all of its servers for good.
func changesMembers(c Case) bool {
	return c.Spares > 0 || slices.ContainsFunc(c.Actions, func(a Action) bool { return a.Kind == Change })
}

func (s *Sim) changeMembers(m *member, draw uint64) {
	if node, ok := m.node.(Changer); ok && m.up {
		_ = node.Change(draw) // refused: there is no leader, or it hands over
		s.settle(m)
	}
}

// belongs tells whether a server is a member, as the leader of the highest term sees it.
func (s *Sim) belongs(m *member) bool {
	leader := s.highestLeader()
	if !s.changing || leader == nil {
		return true
	}
	members := leader.node.Status().Members
	return members == nil || slices.Contains(members, m.id)
}

// stopStrangers stops the servers that were removed, as an operator does: one that does
// not know of its removal asks for votes for ever. Who is added again is started again.
func (s *Sim) stopStrangers() {
	leader := s.highestLeader()
	if !s.changing || leader != nil && !s.belongs(leader) {
		return
	}
	for _, m := range s.members {
		switch belongs := s.belongs(m); {
		case belongs && !m.up:
			s.start(m)
		case !belongs && m.up:
			s.crash(m, m.disk.pending())
		}
	}
}
