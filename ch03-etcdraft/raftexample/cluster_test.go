package raftexample

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// cluster is members without goroutines on a network in the test's hands: nothing moves
// unless the test moves it, and one seed gives one run.
type cluster struct {
	t       testing.TB
	rng     *rand.Rand
	members map[uint64]*member
	wires   []pb.Message // sent, neither delivered nor lost
	cut     map[[2]uint64]bool
	lastID  uint64
	config  Config // what all members share
	onCrash func(id uint64)
}

// member is one process; its disk outlives it.
type member struct {
	*raftNode
	c       *cluster
	id      uint64
	disk    *MemoryLog
	running bool
	paused  bool
}

func newCluster(t testing.TB, seed uint64, ids ...uint64) *cluster {
	c := &cluster{
		t: t, rng: rand.New(rand.NewPCG(seed, 33)), members: map[uint64]*member{}, cut: map[[2]uint64]bool{},
		config: Config{Peers: map[uint64]string{}, SnapCount: 1 << 40, RequestTimeout: 1 << 40},
	}
	for _, id := range ids {
		c.config.Peers[id] = fmt.Sprintf("member-%d", id)
	}
	for _, id := range ids {
		c.add(id)
	}
	return c
}

// storm draws sizes that make snapshots and time-outs frequent.
func (c *cluster) storm() *cluster {
	c.config.SnapCount, c.config.CatchUpEntries = 4+c.rng.Uint64N(12), c.rng.Uint64N(4)
	c.config.Tick, c.config.RequestTimeout = 1, 60
	for _, m := range c.members {
		m.crash()
		m.disk = NewMemoryLog()
	}
	c.wires = nil
	for _, id := range c.ids() {
		require.NoError(c.t, c.members[id].start())
	}
	return c
}

func (c *cluster) add(id uint64) *member {
	m := &member{c: c, id: id, disk: NewMemoryLog()}
	c.members[id] = m
	require.NoError(c.t, m.start())
	return m
}

func (m *member) start() error {
	config := m.c.config
	config.ID, config.Log, config.Transport = m.id, m.disk, wire{m.c, m.id}
	config.Logger, config.raftLog = slog.New(slog.DiscardHandler), raft.DiscardLogger()
	config.randIntn = m.c.rng.IntN
	config.newID = func() uint64 { m.c.lastID++; return m.c.lastID }
	config, err := config.withDefaults()
	require.NoError(m.c.t, err)
	m.raftNode, err = newRaftNode(config)
	m.running, m.paused = err == nil, false
	if err != nil {
		return err
	}
	return m.settle()
}

// crash ends the process. Whoever waits gets no answer.
func (m *member) crash() {
	m.running = false
	if m.c.onCrash != nil {
		m.c.onCrash(m.id)
	}
}

// crashAtWrite ends the process within a Ready: n more writes reach the disk.
func (m *member) crashAtWrite(n int) { m.log = &dyingLog{MemoryLog: m.disk, left: n} }

// do hands an input to a member that runs, and lets it do all that follows.
func (m *member) do(input func()) {
	if !m.running {
		return
	}
	input()
	if err := m.settle(); errors.Is(err, errDied) {
		m.crash()
	} else {
		require.NoError(m.c.t, err)
	}
}

// dyingLog is the log of a process that dies after some more writes: a snapshot is one,
// entries are one, a HardState is one.
type dyingLog struct {
	*MemoryLog
	left int
}

var errDied = errors.New("the process has died")

func (l *dyingLog) write(write func() error) error {
	if l.left--; l.left < 0 {
		return errDied
	}
	return write()
}

func (l *dyingLog) SaveSnapshot(s pb.Snapshot) error {
	return l.write(func() error { return l.MemoryLog.SaveSnapshot(s) })
}

func (l *dyingLog) Save(st pb.HardState, entries []pb.Entry) error {
	if len(entries) > 0 {
		if err := l.write(func() error { return l.MemoryLog.Save(pb.HardState{}, entries) }); err != nil {
			return err
		}
	}
	if raft.IsEmptyHardState(st) {
		return nil
	}
	return l.write(func() error { return l.MemoryLog.Save(st, nil) })
}

func (m *member) pass(ticks int) {
	for range ticks {
		m.do(m.tick)
	}
}

// elect makes m the leader, and all others hear of it.
func (m *member) elect() {
	for tries := 0; m.node.BasicStatus().RaftState != raft.StateLeader; tries++ {
		require.Less(m.c.t, tries, 10, "member %d cannot win an election", m.id)
		for _, other := range m.c.members { // they have not heard from a leader for long
			if other != m {
				for range electionTicks {
					other.node.TickQuiesced()
				}
			}
		}
		m.do(func() { m.node.Campaign() })
		m.c.deliverAll()
	}
}

// ids are sorted, because the order of a map must not decide what happens.
func (c *cluster) ids() []uint64 {
	var ids []uint64
	for id := range c.members {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (c *cluster) isolate(id uint64) {
	for other := range c.members {
		c.cut[[2]uint64{id, other}], c.cut[[2]uint64{other, id}] = true, true
	}
}

func (c *cluster) heal() { clear(c.cut) }

// deliver takes message i off the wires and to its member.
func (c *cluster) deliver(i int) {
	m := c.wires[i]
	c.wires = slices.Delete(c.wires, i, i+1)
	to := c.members[m.To]
	arrived := to != nil && to.running && !to.paused && !c.cut[[2]uint64{m.From, m.To}]
	if arrived {
		to.do(func() { _ = to.process(m) })
	}
	c.tell(m, arrived)
}

func (c *cluster) lose(i int) {
	m := c.wires[i]
	c.wires = slices.Delete(c.wires, i, i+1)
	c.tell(m, false)
}

// tell is what a Transport owes the sender.
func (c *cluster) tell(m pb.Message, arrived bool) {
	from := c.members[m.From]
	if from == nil {
		return
	}
	if !arrived {
		from.do(func() { from.node.ReportUnreachable(m.To) })
	}
	if m.Type == pb.MsgSnap {
		status := raft.SnapshotFinish
		if !arrived {
			status = raft.SnapshotFailure
		}
		from.do(func() { from.node.ReportSnapshot(m.To, status) })
	}
}

// deliverAll empties the wires, in order.
func (c *cluster) deliverAll() {
	for moves := 0; len(c.wires) > 0; moves++ {
		require.Less(c.t, moves, 10_000, "the members talk without end")
		c.deliver(0)
	}
}

// take removes the messages from the wires that match, for the test to deliver later.
func (c *cluster) take(match func(pb.Message) bool) (taken []pb.Message) {
	c.wires = slices.DeleteFunc(c.wires, func(m pb.Message) bool {
		if match(m) {
			taken = append(taken, m)
			return true
		}
		return false
	})
	return taken
}

// wire is the Transport of one member.
type wire struct {
	c  *cluster
	id uint64
}

func (w wire) Start(Raft)                 {}
func (w wire) SetPeers(map[uint64]string) {}
func (w wire) Stop()                      {}
func (w wire) Send(messages []pb.Message) { w.c.wires = append(w.c.wires, messages...) }

// reply is the answer to a request, once there is one.
type reply struct {
	Result
	err  error
	done bool
}

func (r *reply) set(result Result, err error) { r.Result, r.err, r.done = result, err, true }

func (m *member) put(key, val string) *reply {
	var r reply
	m.do(func() { m.propose(kv{Key: []byte(key), Val: []byte(val)}, r.set) })
	return &r
}

func (m *member) swap(key, old, val string) *reply {
	var r reply
	m.do(func() { m.propose(kv{Key: []byte(key), Val: []byte(val), If: true, Old: []byte(old)}, r.set) })
	return &r
}

func (m *member) getKey(key string) *reply {
	var r reply
	m.do(func() { m.read(key, r.set) })
	return &r
}

func (m *member) change(kind pb.ConfChangeType, id uint64) *reply {
	var r reply
	cc := pb.ConfChange{Type: kind, NodeID: id, Context: []byte(fmt.Sprintf("member-%d", id))}
	m.do(func() { m.proposeConfChange(cc, r.set) })
	return &r
}

// says asserts the value of a reply that has come.
func (r *reply) says(t testing.TB, value, why string) {
	t.Helper()
	require.True(t, r.done, "no answer: %s", why)
	require.NoError(t, r.err, why)
	require.Equal(t, value, r.Value, why)
}

func (r *reply) waits(t testing.TB, why string) {
	t.Helper()
	require.False(t, r.done, "there is an answer (%q, %v) already: %s", r.Value, r.err, why)
}
