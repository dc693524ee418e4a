package raft

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

func TestConfigRefusesWithExactTexts(t *testing.T) {
	for _, row := range []struct {
		spoil func(*Config)
		text  string
	}{
		{func(c *Config) { c.ID = None }, "cannot use none as id"},
		{func(c *Config) { c.HeartbeatTick = 0 }, "heartbeat tick must be greater than 0"},
		{func(c *Config) { c.ElectionTick = 1 }, "election tick must be greater than heartbeat tick"},
		{func(c *Config) { c.Storage = nil }, "storage cannot be nil"},
		{func(c *Config) { c.MaxInflightMsgs = 0 }, "max inflight messages must be greater than 0"},
		{func(c *Config) { c.ReadOnlyOption = ReadOnlyLeaseBased }, "CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased"},
	} {
		c := testConfig(NewMemoryStorage())
		row.spoil(c)
		require.PanicsWithValue(t, row.text, func() { _, _ = NewRawNode(c) })
		require.PanicsWithValue(t, row.text, func() { RestartNode(c) })
	}
}

func TestConfigDefaults(t *testing.T) {
	c := Config{ID: 1, ElectionTick: 10, HeartbeatTick: 1, Storage: NewMemoryStorage(), MaxInflightMsgs: 1, MaxSizePerMsg: 77}
	require.NoError(t, c.validate())
	require.EqualValues(t, 77, c.MaxCommittedSizePerReady)
	require.Equal(t, noLimit, c.MaxUncommittedEntriesSize)
	require.NotNil(t, c.Logger)

	given := testConfig(NewMemoryStorage())
	given.MaxSizePerMsg = 77
	_ = newTestRawNode(t, given)
	require.Zero(t, given.MaxCommittedSizePerReady, "the caller's Config stays as it is")
}

// The election timeout is uniform in [ElectionTick, 2*ElectionTick-1], from a source
// of the node's own.
func TestElectionTimeoutRange(t *testing.T) {
	c := testConfig(NewMemoryStorage())
	c.RandIntn = nil
	seen := map[int]bool{}
	r := newTestRawNode(t, c).raft
	for range 1000 {
		r.reset(r.Term)
		require.GreaterOrEqual(t, r.randomizedElectionTimeout, 10)
		require.LessOrEqual(t, r.randomizedElectionTimeout, 19)
		seen[r.randomizedElectionTimeout] = true
	}
	require.Len(t, seen, 10, "each value occurs")
}

// brokenStorage fails in one method.
type brokenStorage struct {
	*MemoryStorage
	initial, first, last error
}

func (s brokenStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	return pb.HardState{}, pb.ConfState{}, s.initial
}

func (s brokenStorage) FirstIndex() (uint64, error) { return 1, s.first }
func (s brokenStorage) LastIndex() (uint64, error)  { return 0, s.last }

func TestStartRefusesABadStorage(t *testing.T) {
	failure := errors.New("the disk is gone")
	for name, s := range map[string]Storage{
		"initial state": brokenStorage{MemoryStorage: NewMemoryStorage(), initial: failure},
		"first index":   brokenStorage{MemoryStorage: NewMemoryStorage(), first: failure},
		"last index":    brokenStorage{MemoryStorage: NewMemoryStorage(), last: failure},
	} {
		t.Run(name, func(t *testing.T) {
			requirePanicHas(t, func() { newRaft(testConfig(s)) }, "the disk is gone")
		})
	}
}

func TestStartRefusesAnImpossibleState(t *testing.T) {
	for _, row := range []struct {
		name string
		hs   pb.HardState
		app  uint64
		text string
	}{
		{"commit beyond the last entry", pb.HardState{Term: 1, Commit: 6}, 0, "HardState.Commit 6 is out of range [3, 5]"},
		{"commit below the snapshot", pb.HardState{Term: 1, Commit: 2}, 0, "HardState.Commit 2 is out of range [3, 5]"},
		{"applied beyond commit", pb.HardState{Term: 1, Commit: 4}, 5, "applied(5) is out of range [prevApplied(3), committed(4)]"},
		{"applied below the snapshot", pb.HardState{Term: 1, Commit: 4}, 2, "applied(2) is out of range"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := storageOf(3, 1, []uint64{1}, ents(4, 1, 1))
			require.NoError(t, s.SetHardState(row.hs))
			c := testConfig(s)
			c.Applied = row.app
			requirePanicHas(t, func() { newRaft(c) }, row.text)
		})
	}
}
