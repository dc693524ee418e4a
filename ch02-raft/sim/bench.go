package sim

import (
	"fmt"
	"slices"

	"insideetcd/ch02-raft/trace"
)

// Bench is a cluster that nothing happens to unless told: each tick, each message, each
// crash is a call. Scripts and tests of one situation use it; the invariants are watched
// as in any run.
type Bench struct {
	*Cluster
	wire []Flight
	cut  map[[2]uint64]bool
	slow map[uint64]bool
}

// Flight is a message under way.
type Flight struct {
	Message
	Seq uint64 // number of the event of its sending
}

// NewBench starts a cluster. Of config count all fields but ID, Voters and Rand. Every event
// goes to sink, which may be nil.
func NewBench(engine Engine, config Config, nodes int, seed uint64, sink trace.Sink) (*Bench, error) {
	if nodes < 1 || nodes > 63 {
		return nil, fmt.Errorf("sim: a cluster of %d servers; 1 to 63 can be simulated", nodes)
	}
	b := &Bench{cut: map[[2]uint64]bool{}, slow: map[uint64]bool{}}
	if t, ok := engine.(Tailor); ok {
		config = t.Tailor(config)
	}
	b.Cluster = newCluster(engine, config, nodes, seed, b, sink)
	for _, m := range b.members {
		b.start(m)
	}
	return b, b.Err()
}

// Err is the invariant that was violated, nil while all hold.
func (b *Bench) Err() error {
	if b.failed == nil {
		return nil
	}
	return b.failed
}

func (b *Bench) post(m Message)    { b.wire = append(b.wire, Flight{m, b.seq}) }
func (b *Bench) apply(m *member)   { b.finishApply(m) }
func (b *Bench) applied(m *member) { m.keep() }

func (b *Bench) write(m *member) {
	if !b.slow[m.id] || m.disk.writing[0].Save.IsEmpty() {
		b.finishWrite(m)
	}
}

// Wire is what is under way, oldest first.
func (b *Bench) Wire() []Flight { return slices.Clone(b.wire) }

// Up tells whether a server runs.
func (b *Bench) Up(id uint64) bool { m := b.member(id); return m != nil && m.up }

// Servers are the numbers of all servers.
func (b *Bench) Servers() []uint64 { return b.config.Voters }

// Tick lets the clock of a server tick once.
func (b *Bench) Tick(id uint64) { b.tick(b.members[id-1]) }

// Pass lets time pass for the trace; clocks do not tick by it.
func (b *Bench) Pass(micros int64) { b.now += micros }

// Deliver hands over one message that is under way, or drops it if it cannot arrive.
func (b *Bench) Deliver(seq uint64) {
	f, ok := b.lift(seq)
	switch {
	case !ok || b.failed != nil:
	case b.cut[[2]uint64{f.From, f.To}]:
		b.drop(f.Message, f.Seq, "cut")
	case !b.Up(f.To):
		b.drop(f.Message, f.Seq, "down")
	default:
		b.deliver(f.Message, f.Seq)
	}
}

// Drop loses one message that is under way.
func (b *Bench) Drop(seq uint64) {
	if f, ok := b.lift(seq); ok {
		b.drop(f.Message, f.Seq, "loss")
	}
}

func (b *Bench) lift(seq uint64) (f Flight, ok bool) {
	at := slices.IndexFunc(b.wire, func(f Flight) bool { return f.Seq == seq })
	if at < 0 {
		return f, false
	}
	f = b.wire[at]
	b.wire = slices.Delete(b.wire, at, at+1)
	return f, true
}

// Cut lets no message arrive that goes from one server to the other.
func (b *Bench) Cut(from, to uint64) { b.cut[[2]uint64{from, to}] = true }

// Heal ends all cuts.
func (b *Bench) Heal() { clear(b.cut) }

// Slow has a server's disk finish writes only when Sync is called; Fast ends that.
func (b *Bench) Slow(id uint64) { b.slow[id] = true }

// Fast has a server's disk write at once again.
func (b *Bench) Fast(id uint64) {
	delete(b.slow, id)
	b.Sync(id)
}

// Sync finishes what a server is writing.
func (b *Bench) Sync(id uint64) {
	m := b.members[id-1]
	for m.up && len(m.disk.writing) > 0 && b.failed == nil {
		b.finishWrite(m)
	}
	b.settle(m)
}

// Crash stops a server; of what it was writing survive the first keep records.
func (b *Bench) Crash(id uint64, keep int) { b.crash(b.members[id-1], keep) }

// Start starts a server from its disk.
func (b *Bench) Start(id uint64) { b.start(b.members[id-1]) }

// Request has a client ask a server. The number of the request is that of its place in
// History, from 1; false if it was refused.
func (b *Bench) Request(id uint64, op Op) (number uint64, taken bool) {
	if !b.Up(id) {
		return 0, false
	}
	number = uint64(len(b.history)) + 1
	return number, b.call(b.members[id-1], op)
}

// ReadLocally answers a read from a server's own state machine, without asking anybody: what
// a server that calls itself leader must not do.
func (b *Bench) ReadLocally(id uint64, key string) (number uint64) {
	m := b.members[id-1]
	op := Op{ID: uint64(len(b.history) + 1), Kind: "get", Key: key, Node: id}
	b.emit(trace.Event{Kind: trace.Call, Node: id, Msg: "get", Value: op.ID, Text: key + " (from its own state)"})
	op.Call, op.Seen, op.Index = int64(b.seq), m.store.Get(key), m.applied
	b.history = append(b.history, op)
	b.answer(&b.history[op.ID-1])
	return op.ID
}

// GiveUp ends a client's wait.
func (b *Bench) GiveUp(number uint64) { b.giveUp(&b.history[number-1]) }

// Transfer asks a server to hand leadership over.
func (b *Bench) Transfer(id, to uint64) {
	if m := b.members[id-1]; m.up {
		m.node.Transfer(to)
		b.settle(m)
	}
}

// Compact has a server make a snapshot of all it has applied.
func (b *Bench) Compact(id uint64) {
	m := b.members[id-1]
	b.compact(m)
	b.settle(m)
}

// History is all requests so far.
func (b *Bench) History() []Op { return slices.Clone(b.history) }

// Watch has every further event handed to sink.
func (b *Bench) Watch(sink trace.Sink) { b.sink = sink }
