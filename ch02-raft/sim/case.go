package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Tick is the time between two ticks of a clock that runs right, in microseconds.
const Tick = 10_000

// Case is all that a run depends on: the same case gives the same run, event by event.
type Case struct {
	Engine  string   `json:"engine"`
	Nodes   int      `json:"nodes"`
	Spares  int      `json:"spares,omitempty"` // the last of Nodes, no members at first
	Seed    uint64   `json:"seed"`
	Rates   Rates    `json:"rates"`
	Actions []Action `json:"actions"`
}

// Rates are the settings of a run. Zero switches a fault off. Times are microseconds of
// virtual time, rates are per mille.
type Rates struct {
	Ticks          int64 `json:"ticks"` // length of the first phase, in ticks of a right clock
	ElectionTicks  int   `json:"electionTicks"`
	HeartbeatTicks int   `json:"heartbeatTicks"`
	PreVote        bool  `json:"preVote,omitempty"`
	CheckQuorum    bool  `json:"checkQuorum,omitempty"`
	LeaseRead      bool  `json:"leaseRead,omitempty"`
	DriftPercent   int   `json:"driftPercent,omitempty"` // each clock runs at its own rate within this bound

	DelayMin int64 `json:"delayMin"` // of a message
	DelayMax int64 `json:"delayMax"`
	Late     int   `json:"late,omitempty"` // messages that take up to LateMax
	LateMax  int64 `json:"lateMax,omitempty"`
	Loss     int   `json:"loss,omitempty"`
	Repeat   int   `json:"repeat,omitempty"` // messages that arrive twice
	Ordered  bool  `json:"ordered,omitempty"`

	SyncMin  int64 `json:"syncMin,omitempty"` // of a write to disk
	SyncMax  int64 `json:"syncMax,omitempty"`
	ApplyMax int64 `json:"applyMax,omitempty"` // of a state machine
	LoseTail bool  `json:"loseTail,omitempty"` // a crash loses what is not synced …
	Torn     bool  `json:"torn,omitempty"`     // … at any record; else whole writes only

	CompactEvery uint64 `json:"compactEvery,omitempty"` // entries between snapshots
	KeepEvery    uint64 `json:"keepEvery,omitempty"`    // entries between durable states of a state machine
	TimeoutTicks int64  `json:"timeoutTicks"`           // after which a client gives up
}

// Action is something that the world or a client does at a time.
type Action struct {
	At   int64  `json:"at"`
	Kind string `json:"kind"`
	Node uint64 `json:"node,omitempty"` // 0: the leader elected last; of requests: see Put
	Peer uint64 `json:"peer,omitempty"`
	For  int64  `json:"for,omitempty"` // until it ends by itself; 0: it does not
	Arg  uint64 `json:"arg,omitempty"`
	Key  string `json:"key,omitempty"`
}

// The kinds of actions.
const (
	Crash        = "crash"         // Node stops; Arg draws how much of an unfinished write survives
	CrashWriting = "crash-writing" // the same, as soon as Node is writing
	Restart      = "restart"       // Node, or with 0 every server that is down
	Partition    = "partition"     // servers whose bit is set in Arg (1<<(id-1)) against the others
	Isolate      = "isolate"       // Node against all others
	Mute         = "mute"          // nothing that Node sends arrives
	Deafen       = "deafen"        // nothing arrives at Node
	Cut          = "cut"           // nothing arrives from Node at Peer
	Heal         = "heal"          // all cuts end
	Lag          = "lag"           // messages to Node take Arg microseconds longer
	SlowDisk     = "slow-disk"     // writes of Node take Arg times as long
	Change       = "change"        // Node is asked to change the members, in the way that Arg draws
	Transfer     = "transfer"      // Node is asked to hand over to Peer
	CompactLog   = "compact"       // Node makes a snapshot
	Hurry        = "hurry"         // Node's clock ticks Arg times at once (for runs made by hand: it breaks the drift bound)

	// These wait for the next election and hit the new leader Arg microseconds later.
	CrashElected   = "crash-elected"
	IsolateElected = "isolate-elected"
	MuteElected    = "mute-elected"
	DeafenElected  = "deafen-elected"

	// A client asks Node first, then the others. With Node 0 it asks a server that takes
	// itself for the leader: for a write the one of the highest term, for a read the one
	// of the lowest, which may have been deposed.
	Put = "put" // a client writes Key
	CAS = "cas" // a client replaces the value of Key that clients saw last
	Get = "get" // a client reads Key
)

// String is the action in one line.
func (a Action) String() string {
	s := fmt.Sprintf("%9.3f ms %s", float64(a.At)/1000, a.Kind)
	switch a.Kind {
	case Put, CAS, Get:
		return fmt.Sprintf("%s %s at %s", s, a.Key, server(a.Node))
	case CrashElected, IsolateElected, MuteElected, DeafenElected:
		s += fmt.Sprintf(" after %.1f ms", float64(a.Arg)/1000)
	case Partition:
		s += " " + mask(a.Arg)
	case Heal:
	default:
		s += " " + server(a.Node)
	}
	if a.Peer != 0 {
		s += fmt.Sprintf(" → S%d", a.Peer)
	}
	if a.Kind == Lag {
		s += fmt.Sprintf(" by %.1f ms", float64(a.Arg)/1000)
	}
	if a.Kind == SlowDisk || a.Kind == Hurry {
		s += fmt.Sprintf(" ×%d", a.Arg)
	}
	if a.For != 0 {
		s += fmt.Sprintf(" for %.1f ms", float64(a.For)/1000)
	}
	return s
}

func server(id uint64) string {
	if id == 0 {
		return "the leader"
	}
	return fmt.Sprintf("S%d", id)
}

func mask(bits uint64) string {
	s := ""
	for id := uint64(1); bits != 0; id, bits = id+1, bits>>1 {
		if bits&1 != 0 {
			s += fmt.Sprintf("S%d ", id)
		}
	}
	return s + "| others"
}

// Draw makes the case of a seed. One seed draws everything, also which faults there are at
// all: runs with few kinds of faults go deeper than runs with all of them (swarm testing).
func Draw(engine string, nodes int, seed uint64) Case {
	d := dice{rand.New(rand.NewPCG(seed, uint64(nodes)))}
	c := Case{Engine: engine, Nodes: nodes, Seed: seed, Rates: drawRates(d)}
	for _, draw := range []func(dice, *Case){drawRequests, drawCrashes, drawCuts, drawHunts, drawLags, drawDisks, drawTransfers} {
		draw(d, &c)
	}
	slices.SortStableFunc(c.Actions, func(a, b Action) int { return int(a.At - b.At) })
	return c
}

// dice are what a case is drawn with.
type dice struct{ *rand.Rand }

// oneIn is true once in n times.
func (d dice) oneIn(n int) bool { return d.IntN(n) == 0 }

// between is in [low, high].
func (d dice) between(low, high int64) int64 { return low + d.Int64N(high-low+1) }

// choose is one of the choices.
func (d dice) choose(choices ...int64) int64 { return choices[d.IntN(len(choices))] }

func drawRates(d dice) Rates {
	r := Rates{
		Ticks:          d.between(300, 900),
		ElectionTicks:  int(d.choose(5, 10, 10, 20)),
		HeartbeatTicks: int(d.choose(1, 2, 3)),
		PreVote:        d.oneIn(2),
		CheckQuorum:    d.oneIn(2),
		DelayMin:       d.between(50, 1000),
	}
	r.DelayMax = r.DelayMin + d.choose(0, 2000, 5000, Tick, 2*Tick)
	r.LeaseRead = r.CheckQuorum && d.oneIn(2)
	r.TimeoutTicks = d.choose(1, 2, 4) * int64(r.ElectionTicks)
	if d.oneIn(2) {
		r.DriftPercent = int(d.between(1, 10))
	} else if d.oneIn(3) && r.ElectionTicks >= 10 {
		r.DriftPercent = 30 // more than clocks do, and enough to show who trusts them
	}
	if d.oneIn(2) {
		r.Late, r.LateMax = int(d.choose(1, 10, 50, 200)), d.between(Tick, 60*Tick)
	}
	if d.oneIn(2) {
		r.Loss = int(d.choose(1, 10, 50, 150))
	}
	if d.oneIn(2) {
		r.Repeat = int(d.choose(1, 10, 100))
	}
	r.Ordered = d.oneIn(4)
	if !d.oneIn(3) {
		r.SyncMin = d.between(0, 500)
		r.SyncMax = r.SyncMin + d.choose(1000, 5000, Tick, 3*Tick)
	}
	if d.oneIn(4) {
		r.ApplyMax = d.choose(1000, Tick, 3*Tick)
	}
	r.LoseTail, r.Torn = !d.oneIn(4), d.oneIn(2)
	if !d.oneIn(3) {
		r.CompactEvery = uint64(d.between(2, 30))
	}
	r.KeepEvery = uint64(d.choose(0, 1, 1, 5))
	return r
}

// recur calls f at random times of the run, about every mean microseconds, but not without
// measure: what happens all the time is what nothing else can happen beside.
func recur(d dice, c *Case, mean int64, f func(at int64)) {
	const most = 2000
	at := d.between(0, 2*mean)
	for n := 0; n < most && at < c.Rates.Ticks*Tick; n++ {
		f(at)
		at += d.between(1, 2*mean)
	}
}

func (c *Case) add(a Action) { c.Actions = append(c.Actions, a) }

// someone is a server, or with 0 the leader.
func someone(d dice, c *Case) uint64 {
	if d.oneIn(3) {
		return 0
	}
	return uint64(d.between(1, int64(c.Nodes)))
}

// timeouts is a time of up to most election timeouts. Faults have the measure of elections:
// it is while one leader follows another that something can go wrong.
func (c *Case) timeouts(d dice, most int64) int64 {
	return d.between(1, most*int64(c.Rates.ElectionTicks)*Tick)
}

func drawRequests(d dice, c *Case) {
	if d.oneIn(16) {
		return
	}
	keys := d.between(1, 4)
	reads, swaps := int(d.between(0, 6)), int(d.between(0, 3))
	requests := d.between(20, 150)
	toLeaders := int(d.between(0, 3))
	recur(d, c, c.Rates.Ticks*Tick/requests, func(at int64) {
		kind := Put
		switch n := d.IntN(10); {
		case n < reads:
			kind = Get
		case n < reads+swaps:
			kind = CAS
		}
		for range d.choose(1, 1, 1, 3) { // now and then several at once
			a := Action{At: at, Kind: kind, Node: uint64(d.between(1, int64(c.Nodes))), Key: string(rune('a' + d.Int64N(keys)))}
			if d.IntN(4) < toLeaders {
				a.Node = 0
			}
			c.add(a)
		}
	})
}

func drawCrashes(d dice, c *Case) {
	if d.oneIn(3) {
		return
	}
	down := d.choose(Tick/5, 2*Tick, c.timeouts(d, 2), c.timeouts(d, 10))
	writing := d.IntN(5)
	recur(d, c, c.timeouts(d, 15), func(at int64) {
		a := Action{At: at, Kind: Crash, Node: someone(d, c), For: d.between(1, 2*down), Arg: d.Uint64() >> 40}
		if d.IntN(4) < writing {
			a.Kind = CrashWriting
		}
		c.add(a)
		if d.oneIn(20) { // the power fails
			for id := 1; id <= c.Nodes; id++ {
				c.add(Action{At: at + d.between(0, 3000), Kind: Crash, Node: uint64(id), For: d.between(1, 2*down), Arg: d.Uint64() >> 40})
			}
		}
	})
}

func drawCuts(d dice, c *Case) {
	if d.oneIn(3) || c.Nodes == 1 {
		return
	}
	var kinds []string // with repetition: a run may know only one kind
	for range d.between(1, 3) {
		kinds = append(kinds, []string{Partition, Isolate, Mute, Deafen, Cut}[d.IntN(5)])
	}
	length := c.timeouts(d, 6)
	recur(d, c, c.timeouts(d, 15), func(at int64) {
		a := Action{At: at, Kind: kinds[d.IntN(len(kinds))], Node: someone(d, c), For: d.between(1, 2*length)}
		switch a.Kind {
		case Partition:
			a.Node, a.Arg = 0, uint64(d.between(1, 1<<c.Nodes-2))
		case Cut:
			a.Peer = uint64(d.between(1, int64(c.Nodes)))
		}
		c.add(a)
	})
}

// drawHunts lets leaders live for a short time only, so that logs diverge and terms are
// many: the story of Raft Figure 8.
func drawHunts(d dice, c *Case) {
	if d.oneIn(2) {
		return
	}
	kinds := []string{CrashElected, IsolateElected, MuteElected, DeafenElected}
	kinds = kinds[:d.between(1, 4)]
	delay := d.choose(Tick/2, 2*Tick, c.timeouts(d, 2))
	length := d.choose(Tick, c.timeouts(d, 3), c.timeouts(d, 6))
	recur(d, c, c.timeouts(d, 6), func(at int64) {
		c.add(Action{At: at, Kind: kinds[d.IntN(len(kinds))], For: d.between(1, 2*length), Arg: uint64(d.between(0, delay))})
	})
}

func drawLags(d dice, c *Case) {
	if d.oneIn(2) {
		return
	}
	recur(d, c, c.timeouts(d, 10), func(at int64) {
		c.add(Action{At: at, Kind: Lag, Node: someone(d, c), For: c.timeouts(d, 3), Arg: uint64(c.timeouts(d, 4))})
	})
}

func drawDisks(d dice, c *Case) {
	if c.Rates.SyncMax == 0 || d.oneIn(2) {
		return
	}
	recur(d, c, d.between(100, 300)*Tick, func(at int64) {
		c.add(Action{At: at, Kind: SlowDisk, Node: someone(d, c), For: d.between(1, 100*Tick), Arg: uint64(d.choose(5, 20, 100))})
	})
}

func drawTransfers(d dice, c *Case) {
	if d.oneIn(2) {
		return
	}
	recur(d, c, d.between(30, 200)*Tick, func(at int64) {
		c.add(Action{At: at, Kind: Transfer, Peer: uint64(d.between(1, int64(c.Nodes)))})
	})
}

// String is the settings in a few lines, faults that are off left out.
func (r Rates) String() string {
	s := fmt.Sprintf("%d ticks; election after %d–%d ticks, heartbeat every %d", r.Ticks, r.ElectionTicks, 2*r.ElectionTicks-1, r.HeartbeatTicks)
	add := func(on bool, format string, args ...any) {
		if on {
			s += fmt.Sprintf(", "+format, args...)
		}
	}
	add(r.PreVote, "pre-vote")
	add(r.CheckQuorum, "check quorum")
	add(r.LeaseRead, "lease reads")
	add(r.DriftPercent > 0, "clocks ±%d %%", r.DriftPercent)
	s += fmt.Sprintf("\nmessages take %s", millis(r.DelayMin, r.DelayMax))
	add(r.Late > 0, "%d ‰ up to %s", r.Late, millis(r.LateMax, r.LateMax))
	add(r.Loss > 0, "%d ‰ are lost", r.Loss)
	add(r.Repeat > 0, "%d ‰ come twice", r.Repeat)
	add(r.Ordered, "in order")
	s += fmt.Sprintf("\nwrites take %s", millis(r.SyncMin, r.SyncMax))
	add(r.LoseTail && r.Torn, "a crash tears them")
	add(r.LoseTail && !r.Torn, "a crash loses them")
	add(r.ApplyMax > 0, "applying up to %s", millis(r.ApplyMax, r.ApplyMax))
	add(r.CompactEvery > 0, "a snapshot every %d entries", r.CompactEvery)
	add(r.KeepEvery > 0, "durable state every %d", r.KeepEvery)
	return s
}

func millis(low, high int64) string {
	if low == high {
		return fmt.Sprintf("%.3g ms", float64(low)/1000)
	}
	return fmt.Sprintf("%.3g–%.3g ms", float64(low)/1000, float64(high)/1000)
}
