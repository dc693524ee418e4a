package sim

import "insideetcd/ch02-raft/trace"

// Result is how a run ended.
type Result struct {
	Case  Case
	Stats Stats
	Hash  trace.Hash
	// Failure is nil if every invariant held.
	Failure *Violation
}

// Run runs a case to its end. The error tells that the case cannot be run.
func Run(engine Engine, c Case, options ...Option) (Result, error) {
	s, err := New(engine, c, options...)
	if err != nil {
		return Result{Case: c}, err
	}
	for s.Step() {
	}
	return Result{Case: c, Stats: s.Stats(), Hash: s.hash, Failure: s.failed}, nil
}
