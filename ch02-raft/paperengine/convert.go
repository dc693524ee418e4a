package paperengine

import (
	"insideetcd/ch02-raft/paper"
	"insideetcd/ch02-raft/sim"
)

var simRoles = [...]sim.Role{
	paper.Follower:     sim.Follower,
	paper.PreCandidate: sim.PreCandidate,
	paper.Candidate:    sim.Candidate,
	paper.Leader:       sim.Leader,
}

func toPaper(entries []sim.Entry) []paper.Entry {
	if len(entries) == 0 {
		return nil
	}
	out := make([]paper.Entry, len(entries))
	for i, e := range entries {
		out[i] = paper.Entry{Index: e.Index, Term: e.Term, Command: e.Data}
	}
	return out
}

func toSim(entries []paper.Entry) []sim.Entry {
	if len(entries) == 0 {
		return nil
	}
	out := make([]sim.Entry, len(entries))
	for i, e := range entries {
		out[i] = sim.Entry{Index: e.Index, Term: e.Term, Data: e.Command}
	}
	return out
}

func snapshot(s *paper.Snapshot) *sim.Snapshot {
	if s == nil {
		return nil
	}
	return &sim.Snapshot{Index: s.Index, Term: s.Term, State: s.State}
}

func messages(in []paper.Message) []sim.Message {
	if len(in) == 0 {
		return nil
	}
	out := make([]sim.Message, len(in))
	for i, m := range in {
		out[i] = sim.Message{From: m.From, To: m.To, Term: m.Term, Kind: m.Body.Kind().String(), Body: m.Body}
	}
	return out
}
