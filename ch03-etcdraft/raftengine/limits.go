package raftengine

import (
	"insideetcd/ch02-raft/sim"
	"insideetcd/ch03-etcdraft/raft"
)

// DrawLimits is a Tune that draws every limit of raft.Config, from none at all down to so
// tight that each bites, from the node's own source of randomness.
func DrawLimits(c *raft.Config, cfg sim.Config) {
	draw := func(choices ...uint64) uint64 { return choices[cfg.Rand.IntN(len(choices))] }
	c.MaxSizePerMsg = draw(0, 40, 200, 1<<20)
	c.MaxInflightMsgs = int(draw(1, 2, 5, 64))
	if c.MaxInflightBytes = draw(0, 0, 100, 1000); c.MaxInflightBytes > 0 {
		c.MaxInflightBytes = max(c.MaxInflightBytes, c.MaxSizePerMsg)
	}
	c.MaxCommittedSizePerReady = draw(1, 100, 1<<20)
	c.AsyncStorageWrites = draw(0, 1) == 1
	c.StepDownOnRemoval = draw(0, 1) == 1
	c.MaxUncommittedEntriesSize = draw(0, 0, 50, 500)
}
