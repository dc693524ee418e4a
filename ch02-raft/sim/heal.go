package sim

import (
	"fmt"

	"insideetcd/ch02-raft/trace"
)

// After the faults, all servers run, every message arrives, and messages, disks and state
// machines take at most a part of calmShare of an election timeout (the timing that Raft
// asks for, §5.6). Within healTicks election timeouts a leader is to be elected, a write to be committed and every server to have
// applied it. The bound is generous, for elections are a matter of luck: with the shortest
// timeouts five servers split the vote about every second time.
const (
	healTicks = 60
	calmShare = 20
)

// healing is the second phase of a run.
//
//  1. probe 0: a leader is waited for.
//  2. probe set: that request is to be answered, then applied by all.
type healing struct {
	on    bool
	since int64
	probe uint64 // number of the request
	asked int64  // when a leader was last asked for it
}

// calm begins the second phase, and ends it when the cluster has healed.
func (s *Sim) calm() {
	h := &s.healing
	if !h.on {
		s.endFaults()
		return
	}
	if s.failed != nil {
		return
	}
	ticks := (s.now - h.since) / Tick
	if s.healed() {
		s.stats.HealTicks = ticks
		s.judge()
		s.done = true
		return
	}
	if bound := int64(healTicks * s.plan.Rates.ElectionTicks); ticks > bound {
		s.failLiveness(bound)
	}
}

func (s *Sim) endFaults() {
	s.healing = healing{on: true, since: s.now}
	s.emit(trace.Event{Kind: trace.Fault, Msg: "calm", Text: "all faults end"})
	s.next = len(s.plan.Actions)
	s.heal()
	r := &s.plan.Rates
	limit := int64(r.ElectionTicks) * Tick / calmShare
	r.DelayMin, r.DelayMax = min(r.DelayMin, limit), min(r.DelayMax, limit)
	r.SyncMin, r.SyncMax, r.ApplyMax = min(r.SyncMin, limit), min(r.SyncMax, limit), min(r.ApplyMax, limit)
	r.Loss, r.Repeat, r.Late = 0, 0, 0
	for i := range s.disks {
		s.disks[i].factor, s.disks[i].doomed = 1, false
	}
	s.restart(0)
}

// healed moves the second phase on.
func (s *Sim) healed() bool {
	h := &s.healing
	if h.probe == 0 || s.history[h.probe-1].Outcome > Answered {
		h.probe = s.sendProbe()
		return false
	}
	op := &s.history[h.probe-1]
	if op.Outcome != Answered {
		return false
	}
	for _, m := range s.members {
		if m.applied < op.Index {
			return false
		}
	}
	return true
}

// sendProbe asks the leader of the highest term for a write; 0 if there is none.
func (s *Sim) sendProbe() uint64 {
	var leader *member
	for _, m := range s.members {
		if p := &m.shadow.prev; m.up && p.Role == Leader && (leader == nil || p.Term > leader.shadow.prev.Term) {
			leader = m
		}
	}
	if leader == nil || s.now < s.healing.asked+Tick {
		return 0 // a leader that refuses is asked again a tick later
	}
	s.healing.asked = s.now
	if !s.call(leader, Op{Kind: "put", Key: "probe"}) {
		return 0
	}
	id := uint64(len(s.history))
	s.queue.push(event{at: s.now + 4*int64(s.plan.Rates.ElectionTicks)*Tick, kind: requestTimesOut, node: id})
	return id
}

func (s *Sim) failLiveness(bound int64) {
	h := &s.healing
	var roles []string
	for _, m := range s.members {
		p := &m.shadow.prev
		roles = append(roles, fmt.Sprintf("S%d %v term %d log %d commit %d applied %d", m.id, p.Role, p.Term, p.Last, p.Commit, m.applied))
	}
	what := "no server leads"
	if h.probe != 0 {
		what = fmt.Sprintf("%v, not applied by all", s.history[h.probe-1])
	}
	s.fail(Liveness, 0, "%d ticks after all faults ended %s: %v", bound, what, roles)
}

// judge looks at the run as a whole: the second half of invariant 7, and invariant 10.
func (s *Sim) judge() {
	want := string(s.truth.Marshal())
	for _, m := range s.members {
		if m.applied != s.check.applied {
			continue // it may be applying what came after the probe
		}
		if got := string(m.store.Marshal()); got != want {
			s.fail(NothingAcknowledgedLost, m.id, "after entry %d its state machine holds %q; the committed entries make %q", m.applied, got, want)
		}
	}
	for i := range s.history {
		if op := &s.history[i]; op.Outcome == Answered && op.Index > s.check.applied {
			s.fail(NothingAcknowledgedLost, op.Node, "%v was answered at index %d, beyond all that is applied", op, op.Index)
		}
	}
	if err := Linearizable(s.history); err != nil {
		s.fail(Linearizability, 0, "%v", err)
	}
}
