package sim

import "slices"

// Shrunk is a failing case made small.
type Shrunk struct {
	Case    Case
	Failure *Violation
	Runs    int // that it took
}

// Shrink looks, in at most so many runs, for a smaller case that violates the same
// invariant: fewer actions, then fewer servers, then fewer kinds of faults. It is
// deterministic.
func Shrink(engine Engine, c Case, failure *Violation, runs int) Shrunk {
	s := &shrinker{engine: engine, best: Shrunk{Case: c, Failure: failure}, runs: runs}
	s.dropRest()
	s.dropActions()
	s.dropServers()
	s.dropFaults()
	s.dropActions()
	s.dropRest()
	return s.best
}

type shrinker struct {
	engine Engine
	best   Shrunk
	runs   int
}

// try takes the case if it still fails in the same way.
func (s *shrinker) try(c Case) bool {
	if s.best.Runs >= s.runs {
		return false
	}
	s.best.Runs++
	r, err := Run(s.engine, c)
	if err != nil || r.Failure == nil || r.Failure.Invariant != s.best.Failure.Invariant {
		return false
	}
	s.best.Case, s.best.Failure = c, r.Failure
	return true
}

// dropRest ends the first phase where the failure happened.
func (s *shrinker) dropRest() {
	c, at := s.best.Case, s.best.Failure.At
	c.Actions = slices.DeleteFunc(slices.Clone(c.Actions), func(a Action) bool { return a.At > at })
	c.Rates.Ticks = min(c.Rates.Ticks, at/Tick+1)
	s.try(c)
}

// dropActions leaves out halves, quarters, … single actions, as long as that succeeds.
func (s *shrinker) dropActions() {
	for size := len(s.best.Case.Actions); size > 0; size /= 2 {
		for from := 0; from < len(s.best.Case.Actions); {
			c := s.best.Case
			to := min(from+size, len(c.Actions))
			c.Actions = slices.Concat(c.Actions[:from], c.Actions[to:])
			if !s.try(c) {
				from = to
			}
		}
	}
}

// dropServers tries the smallest cluster first. Other servers have other luck, so each
// size is given a few seeds.
func (s *shrinker) dropServers() {
	for nodes := 1; nodes < s.best.Case.Nodes; nodes++ {
		for luck := range uint64(8) {
			c := fit(s.best.Case, nodes)
			c.Seed += luck
			if s.try(c) {
				return
			}
		}
	}
}

// fit is the case on fewer servers: what happened to the others happens to those that are left.
func fit(c Case, nodes int) Case {
	all := uint64(1)<<nodes - 1
	fold := func(id uint64) uint64 {
		if id == 0 {
			return 0
		}
		return (id-1)%uint64(nodes) + 1
	}
	c.Nodes, c.Spares = nodes, min(c.Spares, nodes-1)
	var kept []Action
	for _, a := range c.Actions {
		a.Node, a.Peer = fold(a.Node), fold(a.Peer)
		if a.Kind == Partition {
			a.Arg &= all
		}
		if a.Kind != Partition || a.Arg != 0 && a.Arg != all {
			kept = append(kept, a)
		}
	}
	c.Actions = kept
	return c
}

// dropFaults switches one setting after the other to the harmless side.
func (s *shrinker) dropFaults() {
	for _, off := range []func(*Rates){
		func(r *Rates) { r.Loss = 0 },
		func(r *Rates) { r.Repeat = 0 },
		func(r *Rates) { r.Late, r.LateMax = 0, 0 },
		func(r *Rates) { r.Ordered = true },
		func(r *Rates) { r.DelayMax = r.DelayMin },
		func(r *Rates) { r.Torn = false },
		func(r *Rates) { r.LoseTail = false },
		func(r *Rates) { r.SyncMin, r.SyncMax = 0, 0 },
		func(r *Rates) { r.ApplyMax = 0 },
		func(r *Rates) { r.DriftPercent = 0 },
		func(r *Rates) { r.CompactEvery = 0 },
		func(r *Rates) { r.KeepEvery = 0 },
		func(r *Rates) { r.LeaseRead = false },
		func(r *Rates) { r.CheckQuorum = r.LeaseRead },
		func(r *Rates) { r.PreVote = false },
	} {
		c := s.best.Case
		off(&c.Rates)
		if c.Rates != s.best.Case.Rates {
			s.try(c)
		}
	}
}
