package sim

import (
	"fmt"
	"math"
	"runtime/debug"

	"insideetcd/ch02-raft/trace"
)

// Sim runs a case, one event at a time.
//
// Invariants
//  1. Everything that happens follows from the case: no clock, no goroutine, no map order.
//  2. Each link, disk and clock has dice of its own, so that leaving out an action disturbs
//     the rest as little as possible; that is what lets failures be shrunk.
//  3. The first phase lasts Rates.Ticks ticks, with all faults. Then they end, and the
//     second phase lasts until the cluster has healed (see calm).
type Sim struct {
	*Cluster
	plan    Case
	queue   queue
	links   []link
	clocks  []clock
	disks   []diskMood
	next    int // of plan.Actions
	cuts    uint64
	severed []severance
	hunts   []Action // that wait for an election
	healing healing
	done    bool

	elections int64 // that hunts have seen
}

// clock is a server's own clock.
type clock struct {
	next   int64 // when it ticks
	period int64
}

// diskMood is how fast a server's disk is.
type diskMood struct {
	dice   stream
	factor uint64
	busyTo int64
	// crash on the next write, with so much of it kept, to restart after so long
	doomed    bool
	doom      uint64
	doomedFor int64
}

// Option is a way to run a case that does not change what happens.
type Option func(*Sim)

// Explain has the engine tell the rules that fire, and fills Status.Match and Status.Next.
func Explain(s *Sim) { s.config.Explain = true }

// To has every event handed to a sink.
func To(sink trace.Sink) Option { return func(s *Sim) { s.sink = sink } }

// New prepares a run. The error tells what is wrong with the case.
func New(engine Engine, plan Case, options ...Option) (*Sim, error) {
	r := plan.Rates
	switch {
	case plan.Nodes < 1 || plan.Nodes > 63:
		return nil, fmt.Errorf("sim: a cluster of %d servers; 1 to 63 can be simulated", plan.Nodes)
	case plan.Spares < 0 || plan.Spares >= plan.Nodes:
		return nil, fmt.Errorf("sim: %d of %d servers are spare; one has to be a member", plan.Spares, plan.Nodes)
	case r.ElectionTicks < 2 || r.HeartbeatTicks < 1 || r.HeartbeatTicks >= r.ElectionTicks:
		return nil, fmt.Errorf("sim: a heartbeat every %d ticks with elections after %d", r.HeartbeatTicks, r.ElectionTicks)
	case r.DelayMax < r.DelayMin || r.SyncMax < r.SyncMin || r.DelayMin < 0 || r.SyncMin < 0:
		return nil, fmt.Errorf("sim: a range that ends before it begins: delay %d to %d, sync %d to %d", r.DelayMin, r.DelayMax, r.SyncMin, r.SyncMax)
	case r.DriftPercent < 0 || r.DriftPercent > 50:
		return nil, fmt.Errorf("sim: clocks that drift by %d per cent; 0 to 50 can be simulated", r.DriftPercent)
	}
	s := &Sim{plan: plan}
	config := Config{ElectionTicks: r.ElectionTicks, HeartbeatTicks: r.HeartbeatTicks, PreVote: r.PreVote,
		CheckQuorum: r.CheckQuorum, LeaseRead: r.LeaseRead, DriftPercent: r.DriftPercent}
	if t, ok := engine.(Tailor); ok {
		config = t.Tailor(config)
	}
	s.Cluster = newCluster(engine, config, plan.Nodes, plan.Seed, s, nil)
	s.config.Voters = s.config.Voters[:plan.Nodes-plan.Spares]
	s.changing = changesMembers(plan)
	for _, o := range options {
		o(s)
	}
	s.emit(trace.Event{Kind: trace.Run, Value: plan.Seed, Text: fmt.Sprintf("engine %s, %d servers, seed %d", plan.Engine, plan.Nodes, plan.Seed)})
	s.links = make([]link, plan.Nodes*plan.Nodes)
	for from := range uint64(plan.Nodes) {
		for to := range uint64(plan.Nodes) { // the same dice in a smaller cluster
			s.link(from+1, to+1).dice = newStream(plan.Seed, 1000+64*from+to)
		}
	}
	for i := range plan.Nodes {
		dice := newStream(plan.Seed, uint64(i))
		drift := int64(r.DriftPercent) * 10
		period := int64(Tick) * 1000 / (1000 + dice.between(-drift, drift))
		s.clocks = append(s.clocks, clock{next: dice.between(1, period), period: period})
		s.disks = append(s.disks, diskMood{dice: newStream(plan.Seed, 500+uint64(i)), factor: 1})
	}
	s.guard(func() {
		for _, m := range s.members {
			s.start(m)
		}
	})
	return s, nil
}

// Step lets the next event happen. False when the run is over; then Err tells how it ended.
func (s *Sim) Step() bool {
	if s.done || s.failed != nil {
		return false
	}
	s.guard(s.step)
	return !s.done && s.failed == nil
}

// guard turns a panic of the engine into a violation of its contract.
func (s *Sim) guard(f func()) {
	defer func() {
		if v := recover(); v != nil {
			s.fail(EngineContract, 0, "panic: %v\n%s", v, debug.Stack())
		}
	}()
	f()
}

// step does what comes first: an action, an event, or the tick of a clock.
func (s *Sim) step() {
	tick := 0
	for i := 1; i < len(s.clocks); i++ {
		if s.clocks[i].next < s.clocks[tick].next {
			tick = i
		}
	}
	at := s.clocks[tick].next
	event := int64(math.MaxInt64)
	if len(s.queue.heap) > 0 {
		event = s.queue.heap[0].at
	}
	switch {
	case s.next < len(s.plan.Actions) && s.plan.Actions[s.next].At <= min(at, event):
		action := s.plan.Actions[s.next]
		s.now = max(s.now, action.At)
		s.next++
		s.act(action)
	case event <= at:
		s.now = event
		s.happen(s.queue.pop())
	default:
		s.now = at
		s.clocks[tick].next += s.clocks[tick].period
		s.tick(s.members[tick])
	}
	s.watchElections()
	if s.now >= s.plan.Rates.Ticks*Tick {
		s.calm()
	}
}

// happen carries out a planned event, unless it is about what is no more.
func (s *Sim) happen(e event) {
	m := s.member(e.node)
	switch e.kind {
	case messageArrives:
		s.arrive(e)
	case writeEnds:
		if m.up && m.life == e.arg {
			s.finishWrite(m)
			s.settle(m)
		}
	case applyEnds:
		if m.up && m.life == e.arg {
			s.finishApply(m)
			s.settle(m)
		}
	case requestTimesOut:
		s.giveUp(&s.history[e.node-1])
	case serverRestarts:
		if m.life == e.arg {
			s.start(m)
		}
	case cutHeals:
		s.healCut(e.arg)
	case lagEnds:
		s.lag(m.id, 0)
	case huntStrikes:
		s.strike(e)
	case diskRecovers:
		s.disks[m.id-1].factor = 1
	}
}

// Err is the violation that ended the run, nil if there was none.
func (s *Sim) Err() error {
	if s.failed == nil {
		return nil
	}
	return s.failed
}

// Stats is what happened so far.
func (s *Sim) Stats() Stats {
	stats := s.stats
	stats.Micros = s.now
	return stats
}

// Hash is the fingerprint of all events so far.
func (s *Sim) Hash() trace.Hash { return s.hash }

// stream is a small generator of random numbers (splitmix64).
type stream uint64

func newStream(seed, number uint64) stream { return stream(trace.Mix(seed, number+1)) }

func (d *stream) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// between is in [low, high].
func (d *stream) between(low, high int64) int64 {
	if high <= low {
		return low
	}
	return low + int64(d.next()%uint64(high-low+1))
}

// happens is true so many times in a thousand.
func (d *stream) happens(perMille int) bool {
	return perMille > 0 && d.between(0, 999) < int64(perMille)
}
