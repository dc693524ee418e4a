package raft

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// testConfig is a node 1 whose election timeout is exactly ElectionTick ticks.
func testConfig(s Storage) *Config {
	return &Config{
		ID: 1, ElectionTick: 10, HeartbeatTick: 1, Storage: s,
		MaxSizePerMsg: noLimit, MaxInflightMsgs: 256,
		Logger: DiscardLogger(), RandIntn: func(int) int { return 0 },
	}
}

func newTestRawNode(t testing.TB, c *Config) *RawNode {
	t.Helper()
	rn, err := NewRawNode(c)
	require.NoError(t, err)
	return rn
}

// ents makes consecutive entries from index first on, one for each term.
func ents(first uint64, terms ...uint64) []pb.Entry {
	out := make([]pb.Entry, len(terms))
	for i, term := range terms {
		index := first + uint64(i)
		out[i] = pb.Entry{Index: index, Term: term, Data: fmt.Appendf(nil, "%d", index)}
	}
	return out
}

// storageOf is a storage that was snapshotted at index snap, with entries behind.
func storageOf(snapIndex, snapTerm uint64, voters []uint64, entries []pb.Entry) *MemoryStorage {
	s := NewMemoryStorage()
	s.snapshot.Metadata = pb.SnapshotMetadata{
		Index: snapIndex, Term: snapTerm, ConfState: pb.ConfState{Voters: voters},
	}
	s.ents = append([]pb.Entry{{Index: snapIndex, Term: snapTerm}}, entries...)
	return s
}

// disk is what survives a crash. Each write is durable when it returns: the tests
// crash between writes.
type disk struct {
	snap pb.Snapshot
	ents []pb.Entry
	hs   pb.HardState
}

// read builds the Storage that a process finds at its start.
func (d *disk) read() *MemoryStorage {
	s := NewMemoryStorage()
	if !IsEmptySnap(d.snap) {
		s.snapshot = d.snap
		s.ents = []pb.Entry{{Index: d.snap.Metadata.Index, Term: d.snap.Metadata.Term}}
	}
	s.hardState = d.hs
	for _, e := range d.ents {
		if e.Index > d.snap.Metadata.Index {
			s.ents = append(s.ents, e)
		}
	}
	return s
}

func (d *disk) writeEntries(es []pb.Entry) {
	if len(es) > 0 {
		keep := slices.IndexFunc(d.ents, func(e pb.Entry) bool { return e.Index >= es[0].Index })
		if keep >= 0 {
			d.ents = d.ents[:keep:keep]
		}
		d.ents = append(d.ents, es...)
	}
}

// part is one step of handling a Ready.
type part string

const (
	snapshotToDisk  part = "persist the snapshot"
	entriesToDisk   part = "persist the entries"
	hardStateToDisk part = "persist the HardState"
	applyAndAnswer  part = "apply and answer clients"
	advance         part = "advance"
)

// rightOrder is the order of the package comment.
var rightOrder = []part{snapshotToDisk, entriesToDisk, hardStateToDisk, applyAndAnswer, advance}

// member is a node with its disk and its state machine, driven by hand.
type member struct {
	t     testing.TB
	c     Config
	disk  disk
	store *MemoryStorage
	rn    *RawNode

	applied []string        // data of the normal entries that the state machine saw in this life
	cursor  uint64          // index applied last in this life
	acked   map[string]bool // proposals that a client was told are safe, over all lives
}

// startMember boots a new cluster of one and elects it.
func startMember(t testing.TB, edit ...func(*Config)) *member {
	t.Helper()
	m := &member{t: t, acked: map[string]bool{}, store: NewMemoryStorage()}
	m.c = *testConfig(m.store)
	for _, f := range edit {
		f(&m.c)
	}
	m.rn = newTestRawNode(t, &m.c)
	require.NoError(t, m.rn.Bootstrap([]Peer{{ID: m.c.ID}}))
	m.settle()
	m.elect()
	return m
}

func (m *member) elect() {
	m.t.Helper()
	require.NoError(m.t, m.rn.Campaign())
	m.settle()
	require.Equal(m.t, StateLeader, m.rn.BasicStatus().RaftState)
}

func (m *member) propose(data ...string) {
	m.t.Helper()
	for _, d := range data {
		require.NoError(m.t, m.rn.Propose([]byte(d)))
	}
}

// settle handles one Ready after the other until there is none.
func (m *member) settle() {
	m.t.Helper()
	for m.rn.HasReady() {
		m.handle(m.rn.Ready(), rightOrder)
	}
}

// handle does the parts in the given order.
func (m *member) handle(rd Ready, order []part) {
	m.t.Helper()
	for _, p := range order {
		switch p {
		case snapshotToDisk:
			if !IsEmptySnap(rd.Snapshot) {
				m.disk.snap = rd.Snapshot
				require.NoError(m.t, m.store.ApplySnapshot(rd.Snapshot))
			}
		case entriesToDisk:
			m.disk.writeEntries(rd.Entries)
			require.NoError(m.t, m.store.Append(rd.Entries))
		case hardStateToDisk:
			if !IsEmptyHardState(rd.HardState) {
				m.disk.hs = rd.HardState
				require.NoError(m.t, m.store.SetHardState(rd.HardState))
			}
		case applyAndAnswer:
			m.apply(rd)
		case advance:
			m.rn.Advance(rd)
		}
	}
}

// apply is the state machine. It insists that entries come without gap or repeat.
func (m *member) apply(rd Ready) {
	m.t.Helper()
	if !IsEmptySnap(rd.Snapshot) {
		m.cursor = rd.Snapshot.Metadata.Index
	}
	for _, e := range rd.CommittedEntries {
		require.Equal(m.t, m.cursor+1, e.Index, "invariant L3: committed entries come without a gap")
		m.cursor = e.Index
		switch {
		case isConfChange(e):
			cc, err := decodeConfChange(e)
			require.NoError(m.t, err)
			m.rn.ApplyConfChange(cc)
		case len(e.Data) > 0:
			m.applied = append(m.applied, string(e.Data))
			m.acked[string(e.Data)] = true
		}
	}
}

// snapshot puts a snapshot at index i on disk and forgets the log that it covers.
func (m *member) snapshot(i uint64) {
	m.t.Helper()
	cs := m.rn.Status().Config.ConfState()
	snap, err := m.store.CreateSnapshot(i, &cs, []byte("state"))
	require.NoError(m.t, err)
	m.disk.snap = snap
	require.NoError(m.t, m.store.Compact(i))
}

// crash forgets everything but the disk, and starts again from it.
func (m *member) crash() {
	m.t.Helper()
	m.store = m.disk.read()
	m.c.Storage = m.store
	m.applied, m.cursor = nil, m.disk.snap.Metadata.Index
	m.rn = newTestRawNode(m.t, &m.c)
}

// lost returns the acknowledged proposals that the state machine does not know.
func (m *member) lost() (lost []string) {
	for a := range m.acked {
		if !slices.Contains(m.applied, a) {
			lost = append(lost, a)
		}
	}
	slices.Sort(lost)
	return lost
}
