package paper

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// cluster is a handful of servers, their disks and the messages between them, in memory. A
// test says who gets what and when; nothing happens by itself.
type cluster struct {
	t       *testing.T
	config  Config
	ids     []uint64
	servers map[uint64]*Server
	disks   map[uint64]*Stored
	applied map[uint64][]string
	reads   map[uint64][]ReadState
	rules   map[Rule]bool

	wire    []Message
	carried int                 // messages delivered
	hold    func(Message) bool  // messages that are to wait in held
	held    []Message           //
	cut     map[[2]uint64]bool  // links that lose what they carry
	slow    map[uint64]bool     // disks that write only on Flush
	writing map[uint64][]Output // what slow disks have before them
}

// newCluster starts n servers that nobody leads.
func newCluster(t *testing.T, n int, change ...func(*Config)) *cluster {
	c := &cluster{
		t:       t,
		config:  Config{ElectionTicks: 10, HeartbeatTicks: 2, Explain: true},
		servers: map[uint64]*Server{}, disks: map[uint64]*Stored{}, applied: map[uint64][]string{},
		reads: map[uint64][]ReadState{}, rules: map[Rule]bool{}, cut: map[[2]uint64]bool{},
		slow: map[uint64]bool{}, writing: map[uint64][]Output{},
	}
	for _, f := range change {
		f(&c.config)
	}
	for id := uint64(1); id <= uint64(n); id++ {
		c.ids = append(c.ids, id)
		c.disks[id] = &Stored{}
	}
	for _, id := range c.ids {
		c.Start(id)
	}
	return c
}

func withPreVote(cfg *Config)     { cfg.PreVote = true }
func withCheckQuorum(cfg *Config) { cfg.CheckQuorum = true }
func withLease(cfg *Config)       { cfg.CheckQuorum, cfg.LeaseRead, cfg.DriftPercent = true, true, 10 }

// Start makes server id from what its disk holds.
func (c *cluster) Start(id uint64) {
	c.t.Helper()
	cfg := c.config
	cfg.ID, cfg.Servers, cfg.Rand = id, c.ids, rand.New(rand.NewPCG(1, id))
	s, err := New(cfg, *c.disks[id])
	require.NoError(c.t, err)
	c.servers[id] = s
}

// Crash forgets what server id has not on disk. Messages that left it are under way still.
func (c *cluster) Crash(id uint64) {
	delete(c.servers, id)
	delete(c.writing, id)
	delete(c.slow, id)
}

// Restart is a crash and a start.
func (c *cluster) Restart(id uint64) {
	c.t.Helper()
	c.Crash(id)
	c.Start(id)
}

// take does what server id wants done; what waits for a slow disk, at the next Flush.
func (c *cluster) take(id uint64) {
	for out, ok := c.servers[id].Take(); ok; out, ok = c.servers[id].Take() {
		for _, r := range out.Rules {
			c.rules[r] = true
		}
		c.wire = append(c.wire, out.Send...)
		c.writing[id] = append(c.writing[id], out)
		if !c.slow[id] {
			c.Flush(id)
		}
	}
}

// Flush ends the write of server id's disk.
func (c *cluster) Flush(id uint64) {
	writing := c.writing[id]
	c.writing[id] = nil
	for _, out := range writing {
		if !out.Save.isEmpty() {
			c.save(id, out.Save)
			c.servers[id].Saved()
		}
		c.wire = append(c.wire, out.SendAfterSave...)
		c.apply(id, out)
		c.reads[id] = append(c.reads[id], out.Reads...)
	}
}

func (c *cluster) save(id uint64, save Save) {
	d := c.disks[id]
	if save.State != nil {
		d.CurrentTerm, d.VotedFor = save.State.CurrentTerm, save.State.VotedFor
	}
	l := raftLog{snapshot: d.Snapshot, entries: d.Entries}
	if save.Snapshot != nil {
		l.compact(*save.Snapshot)
	}
	if n := len(save.Entries); n > 0 {
		if save.Entries[0].Index <= l.last() {
			l.cutFrom(save.Entries[0].Index)
		}
		l.append(save.Entries...)
	}
	d.Snapshot, d.Entries = l.snapshot, l.entries
}

// apply keeps the commands as the state; a snapshot's state is their number.
func (c *cluster) apply(id uint64, out Output) {
	c.t.Helper()
	d := c.disks[id]
	if out.Snapshot != nil {
		c.applied[id] = []string{string(out.Snapshot.State)}
		d.Applied = out.Snapshot.Index
	}
	for _, e := range out.Committed {
		require.Equal(c.t, d.Applied+1, e.Index, "server %d: each entry is applied once and in order (All servers 1, §5.3)", id)
		d.Applied = e.Index
		if e.Command != nil {
			c.applied[id] = append(c.applied[id], string(e.Command))
		}
	}
	c.servers[id].Applied(d.Applied)
}

// Deliver carries messages until none is left.
func (c *cluster) Deliver() {
	c.t.Helper()
	for range 1000 {
		for _, id := range c.ids {
			if c.servers[id] != nil {
				c.take(id)
			}
		}
		if len(c.wire) == 0 {
			return
		}
		wire := c.wire
		c.wire = nil
		for _, m := range wire {
			c.carry(m)
		}
	}
	require.Fail(c.t, "the messages never end")
}

func (c *cluster) carry(m Message) {
	switch to := c.servers[m.To]; {
	case to == nil || c.cut[[2]uint64{m.From, m.To}]:
	case c.hold != nil && c.hold(m):
		c.held = append(c.held, m)
	default:
		c.carried++
		to.Step(m)
	}
}

// Release delivers the messages that were held back.
func (c *cluster) Release() {
	c.t.Helper()
	held := c.held
	c.hold, c.held = nil, nil
	for _, m := range held {
		c.carry(m)
	}
	c.Deliver()
}

// Tick lets n ticks pass everywhere.
func (c *cluster) Tick(n int) {
	c.t.Helper()
	for range n {
		for _, id := range c.ids {
			if s := c.servers[id]; s != nil {
				s.Tick()
			}
		}
		c.Deliver()
	}
}

// TickOnly lets n ticks pass at server id.
func (c *cluster) TickOnly(id uint64, n int) {
	c.t.Helper()
	for range n {
		c.servers[id].Tick()
		c.Deliver()
	}
}

// Isolate cuts server id off, both ways.
func (c *cluster) Isolate(ids ...uint64) {
	for _, id := range ids {
		for _, other := range c.ids {
			c.cut[[2]uint64{id, other}], c.cut[[2]uint64{other, id}] = true, true
		}
	}
}

// Heal mends all links.
func (c *cluster) Heal() { c.cut = map[[2]uint64]bool{} }

// Campaign has server id's election timeout pass now, long after anybody heard a leader.
func (c *cluster) Campaign(id uint64) {
	c.t.Helper()
	for _, other := range c.ids {
		if s := c.servers[other]; s != nil {
			s.silence = s.ElectionTicks
		}
	}
	s := c.servers[id]
	s.election.elapsed = s.election.timeout
	s.Tick()
	c.Deliver()
}

// Elect makes server id the leader.
func (c *cluster) Elect(id uint64) *Server {
	c.t.Helper()
	c.Campaign(id)
	require.Equal(c.t, Leader, c.servers[id].role, "server %d is to win its campaign", id)
	return c.servers[id]
}

// Propose gives commands to server id.
func (c *cluster) Propose(id uint64, commands ...string) {
	c.t.Helper()
	for _, command := range commands {
		require.NoError(c.t, c.servers[id].Propose([]byte(command)))
	}
	c.Deliver()
}

// Fill proposes n commands, the number first to last.
func (c *cluster) Fill(id uint64, first, last int) {
	c.t.Helper()
	for i := first; i <= last; i++ {
		c.Propose(id, fmt.Sprint(i))
	}
}

// OneLeader is the only leader of the newest term.
func (c *cluster) OneLeader() uint64 {
	c.t.Helper()
	leaders, term := []uint64(nil), uint64(0)
	for _, id := range c.ids {
		s := c.servers[id]
		if s == nil || s.role != Leader || s.currentTerm < term {
			continue
		}
		if s.currentTerm > term {
			leaders, term = nil, s.currentTerm
		}
		leaders = append(leaders, id)
	}
	require.Len(c.t, leaders, 1, "one leader in term %d (Election Safety, §5.2)", term)
	return leaders[0]
}

// Terms are the terms of server id's log, from its first entry on.
func (c *cluster) Terms(id uint64) (terms []uint64) {
	for _, e := range c.servers[id].log.entries {
		terms = append(terms, e.Term)
	}
	return terms
}

// Logs gives server id, before anything happened, a log of these terms.
func (c *cluster) Logs(id uint64, terms ...uint64) {
	d := Stored{}
	for i, term := range terms {
		d.Entries = append(d.Entries, Entry{Index: uint64(i + 1), Term: term, Command: fmt.Appendf(nil, "%d/t%d", i+1, term)})
		d.CurrentTerm = term
	}
	c.disks[id] = &d
	c.Restart(id)
}

// Ask sends server `to` a message and returns what it answers to it, on disk first.
func (c *cluster) Ask(m Message) (answer Body) {
	c.t.Helper()
	c.take(m.To)
	before := len(c.wire)
	c.servers[m.To].Step(m)
	c.take(m.To)
	for _, reply := range c.wire[before:] {
		if reply.To == m.From {
			answer = reply.Body
		}
	}
	c.wire = c.wire[:before]
	return answer
}
