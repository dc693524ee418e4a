package raftexample

import (
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"time"

	"insideetcd/ch01-intro/ids"
	"insideetcd/ch03-etcdraft/raft"
)

// Config describes a member.
type Config struct {
	ID    uint64            // from 1 to 65,535, never used before by another member
	Peers map[uint64]string // members and where they listen; Transport knows what the text means
	Join  bool              // the cluster runs already, and was told of this member

	Log       Log
	Transport Transport

	Tick           time.Duration // 0: 100 ms. An election takes 10 to 20 of them
	RequestTimeout time.Duration // 0: 5 s
	SnapCount      uint64        // entries between snapshots; 0: 10,000
	CatchUpEntries uint64        // entries before a snapshot that stay in memory
	Logger         *slog.Logger  // nil: slog.Default()

	newID    func() uint64   // unique in the cluster, also over restarts
	randIntn func(n int) int // see raft.Config; nil: random
	raftLog  raft.Logger     // nil: Logger
}

const (
	electionTicks  = 10
	heartbeatTicks = 1
	maxID          = 1<<16 - 1 // request IDs have two bytes for the member's
)

// withDefaults checks c and fills in what was left out.
func (c Config) withDefaults() (Config, error) {
	switch {
	case c.ID == 0 || c.ID > maxID:
		return c, fmt.Errorf("raftexample: the ID of a member is %d; it must be from 1 to %d", c.ID, maxID)
	case c.Log == nil || c.Transport == nil:
		return c, fmt.Errorf("raftexample: a member needs a Log and a Transport")
	case c.Tick < 0 || c.RequestTimeout < 0:
		return c, fmt.Errorf("raftexample: Tick is %v and RequestTimeout %v; neither may be below 0", c.Tick, c.RequestTimeout)
	}
	if _, listed := c.Peers[c.ID]; !listed {
		return c, fmt.Errorf("raftexample: the members %v do not include this one, %d", slices.Sorted(maps.Keys(c.Peers)), c.ID)
	}
	if c.Tick == 0 {
		c.Tick = 100 * time.Millisecond
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = 5 * time.Second
	}
	if c.SnapCount == 0 {
		c.SnapCount = 10_000
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.newID == nil {
		c.newID = ids.NewGenerator(uint16(c.ID), time.Now()).Next
	}
	if c.raftLog == nil {
		c.raftLog = raft.NewSlogLogger(c.Logger)
	}
	return c, nil
}

func (c Config) requestTicks() int { return max(1, int(c.RequestTimeout/c.Tick)) }

// raftConfig turns on what makes a cluster robust: a member that was cut off disturbs
// nobody when it comes back (PreVote, CheckQuorum), and one that was removed does not lead.
func (c Config) raftConfig(storage raft.Storage, applied uint64) *raft.Config {
	return &raft.Config{
		ID: c.ID, ElectionTick: electionTicks, HeartbeatTick: heartbeatTicks,
		Storage: storage, Applied: applied,
		MaxSizePerMsg: 1 << 20, MaxCommittedSizePerReady: math.MaxUint64,
		MaxInflightMsgs: 256, MaxUncommittedEntriesSize: 64 << 20,
		CheckQuorum: true, PreVote: true, StepDownOnRemoval: true,
		Logger: c.raftLog, RandIntn: c.randIntn,
	}
}

// bootstrap names the members of a new cluster, in the same order on each of them.
func (c Config) bootstrap() []raft.Peer {
	var peers []raft.Peer
	for _, id := range slices.Sorted(maps.Keys(c.Peers)) {
		peers = append(peers, raft.Peer{ID: id, Context: []byte(c.Peers[id])})
	}
	return peers
}
