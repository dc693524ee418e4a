package sim

import (
	"fmt"
	"math/rand/v2"

	"insideetcd/ch02-raft/trace"
)

// Cluster is the servers of a run: each an engine's node with a disk, a state machine and
// waiting clients. It does at once what it is told (tick, deliver, crash …), watches the
// invariants while it does, and leaves to a world what is a matter of time and luck.
type Cluster struct {
	engine  Engine
	config  Config // of every server, but for ID and Rand
	seed    uint64
	world   world
	members []*member
	check   checker
	history []Op
	truth   Store // what every state machine holds that has applied all that any has
	now     int64 // microseconds
	seq     uint64
	leader  uint64 // the last one elected
	failed  *Violation
	// changing: the members change, so whose disks count is for the engine to know.
	changing bool
	stats    Stats
	hash     trace.Hash
	sink     trace.Sink // may be nil
}

// world decides when things happen. Sim draws it from a seed, a script is asked for it.
type world interface {
	// post has a message leave its sender.
	post(m Message)
	// write has a server begin to write; finishWrite ends it, which may be at once.
	write(m *member)
	// apply has a server's state machine begin to apply; finishApply ends it.
	apply(m *member)
	// applied is called when a state machine has moved on.
	applied(m *member)
}

// member is one server.
//
// Invariants
//  1. node is nil if the server is down; reads and applying are empty then.
//  2. applied is how far store has come, in this life; image is what is left after a crash.
type member struct {
	id      uint64
	up      bool
	life    uint64 // counts starts
	node    Node
	disk    disk
	store   Store
	applied uint64
	image   image
	// compacted is the newest snapshot that the log was handed or came with.
	compacted uint64
	// applying holds Readies whose Save is durable and whose entries are not yet applied.
	applying []Ready
	reads    []ReadState
	shadow   shadow
}

// Stats counts what happened in a run.
type Stats struct {
	Ticks       int64 `json:"ticks"` // of all servers
	Micros      int64 `json:"micros"`
	Messages    int64 `json:"messages"`
	Dropped     int64 `json:"dropped"`
	Crashes     int64 `json:"crashes"`
	Partitions  int64 `json:"partitions"`
	Elections   int64 `json:"elections"`
	Requests    int64 `json:"requests"`
	Answered    int64 `json:"answered"`
	Snapshots   int64 `json:"snapshots"`
	LostRecords int64 `json:"lostRecords"`
	// HealTicks is the most ticks that any run needed to heal, see Liveness.
	HealTicks int64 `json:"healTicks"`
}

// Add sums up two runs.
func (s *Stats) Add(o Stats) {
	s.Ticks += o.Ticks
	s.Micros += o.Micros
	s.Messages += o.Messages
	s.Dropped += o.Dropped
	s.Crashes += o.Crashes
	s.Partitions += o.Partitions
	s.Elections += o.Elections
	s.Requests += o.Requests
	s.Answered += o.Answered
	s.Snapshots += o.Snapshots
	s.LostRecords += o.LostRecords
	s.HealTicks = max(s.HealTicks, o.HealTicks)
}

// newCluster makes the servers; none runs yet.
func newCluster(engine Engine, config Config, nodes int, seed uint64, w world, sink trace.Sink) *Cluster {
	c := &Cluster{engine: engine, config: config, seed: seed, world: w, sink: sink, check: newChecker()}
	c.config.Servers, c.config.Voters = nil, nil
	for id := uint64(1); id <= uint64(nodes); id++ {
		c.config.Servers = append(c.config.Servers, id)
		c.config.Voters = append(c.config.Voters, id)
		c.members = append(c.members, &member{id: id})
	}
	return c
}

// member is the server of that number, nil if there is none.
func (c *Cluster) member(id uint64) *member {
	if id == 0 || id > uint64(len(c.members)) {
		return nil
	}
	return c.members[id-1]
}

// start starts a server from its disk.
func (c *Cluster) start(m *member) {
	if m.up {
		return
	}
	stored, store, err := m.disk.boot(m.image)
	if err != nil {
		c.fail(EngineContract, m.id, "the state in its snapshot up to %d is not what was handed in: %v", stored.Snapshot.Index, err)
		return
	}
	m.life++
	cfg := c.config
	cfg.ID = m.id
	cfg.Servers = append([]uint64(nil), c.config.Servers...)
	cfg.Voters = append([]uint64(nil), c.config.Voters...)
	cfg.Rand = rand.New(rand.NewPCG(c.seed, m.id<<32|m.life))
	node, err := c.engine.Start(cfg, stored)
	if err != nil {
		c.fail(EngineContract, m.id, "it refuses what is on its own disk (term %d, snapshot %d/%d, %d entries, applied %d): %v",
			stored.State.Term, stored.Snapshot.Index, stored.Snapshot.Term, len(stored.Entries), stored.Applied, err)
		return
	}
	m.node, m.up, m.store, m.applied = node, true, store, stored.Applied
	m.compacted = stored.Snapshot.Index
	last, _ := m.disk.last()
	c.emit(trace.Event{Kind: trace.Start, Node: m.id, Index: stored.Applied, Last: last})
	base := chain{}
	if i := stored.Snapshot.Index; i > 0 {
		base, _ = c.known(i, stored.Snapshot.Term)
	}
	m.shadow = shadow{base: stored.Snapshot.Index, chains: append(m.shadow.chains[:0], base), dirty: stored.Snapshot.Index + 1,
		prev: Status{Term: stored.State.Term, Vote: stored.State.Vote}}
	c.settle(m)
}

// known finds the chain of an entry that some log held.
func (c *Cluster) known(index, term uint64) (chain, bool) {
	if index < uint64(len(c.check.versions)) {
		for _, v := range c.check.versions[index] {
			if v.term == term {
				return v, true
			}
		}
	}
	return chain{}, false
}

// crash stops a server. Of what it was writing survive the first keep records.
func (c *Cluster) crash(m *member, keep int) {
	if !m.up {
		return
	}
	m.node, m.up, m.applying, m.reads = nil, false, nil, m.reads[:0]
	m.store = Store{}
	c.stats.Crashes++
	lost, err := m.disk.crash(keep)
	if err != nil {
		c.fail(EngineContract, m.id, "%v", err)
	}
	c.stats.LostRecords += int64(lost)
	last, _ := m.disk.last()
	text := ""
	if c.sink != nil && lost > 0 {
		text = fmt.Sprintf("%d unsynced records lost", lost)
	}
	c.emit(trace.Event{Kind: trace.Crash, Node: m.id, Last: last, Value: uint64(lost), Text: text})
	c.hangUp(m)
}

// tick lets a server's clock tick once.
func (c *Cluster) tick(m *member) {
	if m.up {
		c.stats.Ticks++
		m.node.Tick()
		c.settle(m)
	}
}

// deliver hands a message to its receiver; seq is that of its send.
func (c *Cluster) deliver(msg Message, seq uint64) {
	m := c.member(msg.To)
	c.stats.Messages++
	c.emit(trace.Event{Kind: trace.Deliver, Node: msg.To, Peer: msg.From, Msg: msg.Kind, Term: msg.Term, Value: seq, Text: c.body(msg)})
	m.node.Step(msg)
	c.settle(m)
}

// drop tells that a message will not arrive.
func (c *Cluster) drop(msg Message, seq uint64, why string) {
	c.stats.Dropped++
	c.emit(trace.Event{Kind: trace.Drop, Node: msg.To, Peer: msg.From, Msg: msg.Kind, Term: msg.Term, Value: seq, Text: why})
}

func (c *Cluster) body(msg Message) string {
	if c.sink == nil || msg.Body == nil {
		return ""
	}
	return msg.Body.String()
}

// mostReadies is more than any server needs that hands out its whole log entry by entry.
const mostReadies = 50_000

// settle takes every Ready that a server offers, and looks at the server.
func (c *Cluster) settle(m *member) {
	for n := 0; m.up && c.failed == nil; n++ {
		rd, ok := m.node.Ready()
		if !ok {
			break
		}
		if n == mostReadies {
			c.fail(EngineContract, m.id, "it offered %d Readies without anything new having happened", n)
		}
		c.take(m, rd)
	}
	c.observe(m)
}

// take carries out a Ready as far as it may go at once.
func (c *Cluster) take(m *member, rd Ready) {
	if !c.checkReady(m, &rd) {
		return
	}
	for _, rule := range rd.Rules {
		c.emit(trace.Event{Kind: trace.Rule, Node: m.id, Text: rule})
	}
	if n := len(rd.Save.Entries); n > 0 {
		if first := rd.Save.Entries[0].Index; m.shadow.dirty == 0 || first < m.shadow.dirty {
			m.shadow.dirty = first
		}
	}
	c.tellSave(m, &rd.Save)
	m.disk.writing = append(m.disk.writing, rd)
	c.observe(m) // before its messages leave: what they say must be known
	for i := range rd.Send {
		c.send(m, rd.Send[i])
	}
	m.reads = append(m.reads, rd.Reads...)
	c.answerReads(m)
	if len(m.disk.writing) == 1 {
		c.world.write(m)
	}
}

func (c *Cluster) checkReady(m *member, rd *Ready) bool {
	for i := 1; i < len(rd.Save.Entries); i++ {
		if rd.Save.Entries[i].Index != rd.Save.Entries[i-1].Index+1 {
			c.fail(EngineContract, m.id, "it wants entry %d saved right after entry %d", rd.Save.Entries[i].Index, rd.Save.Entries[i-1].Index)
		}
	}
	for _, list := range [2][]Message{rd.Send, rd.SendAfterSave} {
		for i := range list {
			if list[i].From != m.id || list[i].To == m.id || c.member(list[i].To) == nil {
				c.fail(EngineContract, m.id, "it sends a %s from S%d to S%d", list[i].Kind, list[i].From, list[i].To)
			}
		}
	}
	return c.failed == nil
}

func (c *Cluster) send(m *member, msg Message) {
	if c.failed == nil {
		c.emit(trace.Event{Kind: trace.Send, Node: m.id, Peer: msg.To, Msg: msg.Kind, Term: msg.Term, Text: c.body(msg)})
		c.world.post(msg)
	}
}

// finishWrite makes the oldest write of a server durable, and goes on with what waited for it.
func (c *Cluster) finishWrite(m *member) {
	rd := m.disk.writing[0]
	if err := m.disk.write(rd.Save); err != nil {
		c.fail(EngineContract, m.id, "%v", err)
		return
	}
	rest := copy(m.disk.writing, m.disk.writing[1:])
	m.disk.writing[rest] = Ready{}
	m.disk.writing = m.disk.writing[:rest]
	if !rd.Save.IsEmpty() {
		last, _ := m.disk.last()
		c.emit(trace.Event{Kind: trace.Saved, Node: m.id, Last: last})
	}
	m.node.Saved(rd)
	for i := range rd.SendAfterSave {
		c.send(m, rd.SendAfterSave[i])
	}
	m.applying = append(m.applying, rd)
	if len(m.applying) == 1 {
		c.world.apply(m)
	}
	if m.up && len(m.disk.writing) > 0 {
		c.world.write(m)
	}
}

// finishApply applies the oldest saved Ready of a server.
func (c *Cluster) finishApply(m *member) {
	rd := m.applying[0]
	rest := copy(m.applying, m.applying[1:])
	m.applying[rest] = Ready{}
	m.applying = m.applying[:rest]
	if rd.Snapshot != nil && !c.install(m, rd.Snapshot) {
		return
	}
	for i := range rd.Committed {
		if !c.applyEntry(m, &rd.Committed[i]) {
			return
		}
	}
	m.node.Applied(rd)
	if rd.Snapshot != nil || len(rd.Committed) > 0 {
		c.answerReads(m)
		c.world.applied(m)
	}
	if m.up && len(m.applying) > 0 {
		c.world.apply(m)
	}
}

func (c *Cluster) install(m *member, snap *Snapshot) bool {
	if snap.Index < m.applied {
		c.fail(StateMachineSafety, m.id, "a snapshot up to %d is to replace its state machine, which is at %d", snap.Index, m.applied)
		return false
	}
	want, ok := c.known(snap.Index, snap.Term)
	if !ok || snap.Index >= uint64(len(c.check.committed)) || c.check.committed[snap.Index].chain != want {
		c.fail(StateMachineSafety, m.id, "it is to install a snapshot up to %d of term %d, which is not committed", snap.Index, snap.Term)
		return false
	}
	store, err := UnmarshalStore(snap.State)
	if want, ok := c.check.states[snap.Index]; !ok || want != string(snap.State) || err != nil {
		c.fail(StateMachineSafety, m.id, "it is to install the state %q up to %d; the state there is %q", snap.State, snap.Index, want)
		return false
	}
	m.store, m.applied, m.compacted = store, snap.Index, snap.Index
	m.image = image{index: m.applied, store: m.store.clone()}
	c.stats.Snapshots++
	c.emit(trace.Event{Kind: trace.Install, Node: m.id, Term: snap.Term, Index: snap.Index})
	return true
}

func (c *Cluster) applyEntry(m *member, e *Entry) bool {
	first := e.Index > c.check.applied
	if !c.checkApplied(m, e) {
		return false
	}
	m.applied = e.Index
	event := trace.Event{Kind: trace.Apply, Node: m.id, Term: e.Term, Index: e.Index}
	if c.sink != nil {
		event.Text = string(e.Data)
	}
	c.emit(event)
	if e.Config {
		return true
	}
	if first && !c.checkOnce(m, e) {
		return false
	}
	if command, before, ok := m.store.Apply(e.Data); ok {
		c.answerWrite(m, command, before, e.Index)
	}
	return true
}

// compact hands a server a snapshot of its state machine, so that it can forget the log up
// to it. The caller settles.
func (c *Cluster) compact(m *member) {
	if m.up && m.applied > m.compacted && c.failed == nil {
		m.compacted = m.applied
		c.emit(trace.Event{Kind: trace.Compact, Node: m.id, Index: m.applied})
		state := m.store.Marshal()
		c.check.states[m.applied] = string(state)
		m.node.Compact(m.applied, state)
	}
}

// busy tells that a server has not finished what its last Readies asked for.
func (m *member) busy() bool { return len(m.disk.writing)+len(m.applying) > 0 }

// keep makes the state machine's present state durable.
func (m *member) keep() { m.image = image{index: m.applied, store: m.store.clone()} }
