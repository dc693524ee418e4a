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
	seed    uint64
	ids     []uint64
	servers map[uint64]*Server
	disks   map[uint64]*Stored
	states  map[uint64][]string // applied commands
	reads   map[uint64][]ReadState
	rules   map[Rule]bool
	wire    []Message
	cut     map[[2]uint64]bool // links that lose what they carry
}

func newCluster(t *testing.T, n int, change ...func(*Config)) *cluster {
	c := &cluster{
		t: t, seed: 1,
		config:  Config{ElectionTicks: 10, HeartbeatTicks: 2, Explain: true},
		servers: map[uint64]*Server{}, disks: map[uint64]*Stored{}, states: map[uint64][]string{},
		reads: map[uint64][]ReadState{}, rules: map[Rule]bool{}, cut: map[[2]uint64]bool{},
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

// Start makes server id from what its disk holds.
func (c *cluster) Start(id uint64) {
	c.t.Helper()
	cfg := c.config
	cfg.ID, cfg.Servers, cfg.Rand = id, c.ids, rand.New(rand.NewPCG(c.seed, id))
	s, err := New(cfg, *c.disks[id])
	require.NoError(c.t, err)
	c.servers[id] = s
}

// Crash forgets all that is not on server id's disk, and what it had on the wire stays there.
func (c *cluster) Crash(id uint64) { delete(c.servers, id) }

// Take does what server id wants done.
func (c *cluster) Take(id uint64) {
	s := c.servers[id]
	for out, ok := s.Take(); ok; out, ok = s.Take() {
		for _, r := range out.Rules {
			c.rules[r] = true
		}
		c.wire = append(c.wire, out.Send...)
		c.Save(id, out.Save)
		c.wire = append(c.wire, out.SendAfterSave...)
		c.apply(id, out)
		c.reads[id] = append(c.reads[id], out.Reads...)
	}
}

func (c *cluster) Save(id uint64, save Save) {
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
		defer c.servers[id].Saved(save.Entries[n-1].Index, save.Entries[n-1].Term)
	}
	d.Snapshot, d.Entries = l.snapshot, l.entries
}

func (c *cluster) apply(id uint64, out Output) {
	d := c.disks[id]
	if out.Snapshot != nil {
		_, err := fmt.Sscanf(string(out.Snapshot.State), "%q", new(string))
		_ = err
		c.states[id] = []string{string(out.Snapshot.State)}
		d.Applied = out.Snapshot.Index
	}
	for _, e := range out.Committed {
		if e.Index != d.Applied+1 {
			c.t.Fatalf("server %d applies entry %d after entry %d (every entry once and in order, §5.3)", id, e.Index, d.Applied)
		}
		d.Applied = e.Index
		if e.Command != nil {
			c.states[id] = append(c.states[id], string(e.Command))
		}
	}
	c.servers[id].Applied(d.Applied)
}

// Deliver carries messages until none is left.
func (c *cluster) Deliver() {
	for range 10_000 {
		for _, id := range c.ids {
			if c.servers[id] != nil {
				c.Take(id)
			}
		}
		if len(c.wire) == 0 {
			return
		}
		wire := c.wire
		c.wire = nil
		for _, m := range wire {
			if to := c.servers[m.To]; to != nil && !c.cut[[2]uint64{m.From, m.To}] {
				to.Step(m)
			}
		}
	}
	c.t.Fatal("messages never end")
}

// Tick lets one tick pass everywhere.
func (c *cluster) Tick(n int) {
	for range n {
		for _, id := range c.ids {
			if s := c.servers[id]; s != nil {
				s.Tick()
			}
		}
		c.Deliver()
	}
}

// Elect makes server id campaign and win.
func (c *cluster) Elect(id uint64) {
	c.t.Helper()
	for range 100 {
		if s := c.servers[id]; s.role == Leader {
			return
		}
		for _, other := range c.ids {
			if s := c.servers[other]; s != nil {
				s.silence = s.ElectionTicks
			}
		}
		c.servers[id].election.elapsed = c.servers[id].election.timeout
		c.servers[id].Tick()
		c.Deliver()
	}
	c.t.Fatalf("server %d is not elected", id)
}

func (c *cluster) Leader() uint64 {
	c.t.Helper()
	leader, term := uint64(0), uint64(0)
	for _, id := range c.ids {
		if s := c.servers[id]; s != nil && s.role == Leader && s.currentTerm > term {
			leader, term = id, s.currentTerm
		}
	}
	return leader
}

func TestSmoke(t *testing.T) {
	c := newCluster(t, 3)
	c.Tick(60)
	l := c.Leader()
	require.NotZero(t, l)
	for i := range 100 {
		require.NoError(t, c.servers[l].Propose([]byte(fmt.Sprint(i))))
	}
	c.Tick(5)
	for _, id := range c.ids {
		require.Len(t, c.states[id], 100)
	}
	require.NoError(t, c.servers[l].Compact(50, []byte("x")))
}
