package sim

import (
	"fmt"

	"insideetcd/ch02-raft/trace"
)

// After the faults, all servers run, every message arrives, and messages, disks and state
// machines take at most a part of calmShare of an election timeout (the timing that Raft
// asks for, §5.6). Within healTicks election timeouts a leader is to be elected, a write to
// be committed and every server to have applied it. The bound is generous, for elections
// are a matter of luck: with the shortest timeouts five servers split the vote about every
// second time. Then, when the last message from before the calm has arrived, the leader is
// to stay for stayTicks election timeouts. If it does not, because old messages had to be
// digested, that begins anew, within the same bound.
const (
	healTicks = 60
	stayTicks = 4
	calmShare = 20
)

// healing is the second phase of a run.
//
//  1. probe 0: a leader is waited for.
//  2. probe set: that request is to be answered, then applied by all.
//  3. stayFrom set: from then on nothing is to change until stayTo.
type healing struct {
	on       bool
	since    int64
	old      int64  // when the last message from before the calm arrives
	probe    uint64 // number of the request
	asked    int64  // when a leader was last asked for it
	stayFrom int64
	stayTo   int64
	term     uint64 // at stayFrom
	fell     int    // leaders that did not stay
}

// calm begins the second phase, and ends it when the cluster has healed.
func (s *Sim) calm() {
	h := &s.healing
	switch {
	case !h.on:
		s.endFaults()
	case s.failed != nil:
	case h.stayFrom > 0:
		s.stay()
	case s.healed():
		s.stats.HealTicks = (s.now - h.since) / Tick
		timeout := int64(s.plan.Rates.ElectionTicks) * Tick
		h.stayFrom = max(s.now, h.old) + timeout // a transfer may be under way
		h.stayTo = h.stayFrom + stayTicks*timeout
	default:
		if bound := int64(healTicks * s.plan.Rates.ElectionTicks); s.now-max(h.since, h.old) > bound*Tick {
			s.failLiveness(bound)
		}
	}
}

// stay ends the run well if the terms stay what they are for some time.
func (s *Sim) stay() {
	h := &s.healing
	term := uint64(0)
	for _, m := range s.members {
		term = max(term, m.shadow.prev.Term)
	}
	switch {
	case s.now < h.stayFrom:
		h.term = term
	case h.term != 0 && term != h.term && !s.changing: // a leader that is removed hands over
		h.fell++
		h.stayFrom, h.term, h.probe = 0, 0, 0
	case s.now >= h.stayTo:
		s.judge()
		s.done = true
	}
}

func (s *Sim) endFaults() {
	s.healing = healing{on: true, since: s.now}
	s.emit(trace.Event{Kind: trace.Fault, Msg: "calm", Text: "all faults end"})
	s.next, s.hunts = len(s.plan.Actions), nil
	s.heal()
	for _, k := range s.queue.heap {
		switch e := &s.queue.slots[k.slot]; e.kind {
		case messageArrives:
			s.healing.old = max(s.healing.old, e.at)
		case huntStrikes:
			e.kind = nothing
		}
	}
	for _, m := range s.members {
		s.lag(m.id, 0)
	}
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
	s.stopStrangers()
	if h.probe == 0 || s.history[h.probe-1].Outcome > Answered {
		h.probe = s.sendProbe()
		return false
	}
	op := &s.history[h.probe-1]
	if op.Outcome != Answered {
		return false
	}
	for _, m := range s.members {
		if m.applied < op.Index && s.belongs(m) {
			return false
		}
	}
	return true
}

// sendProbe asks the leader of the highest term for a write; 0 if there is none.
func (s *Sim) sendProbe() uint64 {
	leader := s.highestLeader()
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

// highestLeader is the leader of the highest term; nil if there is none.
func (s *Sim) highestLeader() (leader *member) {
	for _, m := range s.members {
		if p := &m.shadow.prev; m.up && p.Role == Leader && (leader == nil || p.Term > leader.shadow.prev.Term) {
			leader = m
		}
	}
	return leader
}

func (s *Sim) failLiveness(bound int64) {
	h := &s.healing
	what := "no server leads"
	if h.probe != 0 {
		what = fmt.Sprintf("%v, not applied by all", s.history[h.probe-1])
	}
	if h.fell > 0 {
		what += fmt.Sprintf(" and %d leaders did not stay for %d election timeouts", h.fell, stayTicks)
	}
	s.fail(Liveness, 0, "%d ticks after all faults ended %s: %v", bound, what, s.roles())
}

func (s *Sim) roles() (list []string) {
	for _, m := range s.members {
		p := &m.shadow.prev
		list = append(list, fmt.Sprintf("S%d %v term %d log %d commit %d applied %d", m.id, p.Role, p.Term, p.Last, p.Commit, m.applied))
	}
	return list
}

// judge looks at the run as a whole: the second half of invariant 7, and invariant 10.
func (s *Sim) judge() {
	want := string(s.truth.Marshal())
	for _, m := range s.members {
		if m.applied != s.check.applied || !m.up {
			continue // it may be applying what came after the probe, or was removed
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
