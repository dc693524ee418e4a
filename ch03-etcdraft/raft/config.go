package raft

import (
	"errors"
	"math"
)

// None is the ID of no node: no leader known, no vote given. It is never the ID
// of a member.
const None uint64 = 0

// The targets of storage messages, see Config.AsyncStorageWrites. No member has their IDs.
const (
	LocalAppendThread uint64 = math.MaxUint64
	LocalApplyThread  uint64 = math.MaxUint64 - 1
)

// noLimit is a size in bytes that nothing reaches.
const noLimit uint64 = math.MaxUint64

// ReadOnlyOption says how a leader of several voters makes sure that it still
// leads before it answers a read.
type ReadOnlyOption int

const (
	// ReadOnlySafe asks a quorum, one round of heartbeats for all waiting reads.
	ReadOnlySafe ReadOnlyOption = iota
	// ReadOnlyLeaseBased trusts the clock and needs CheckQuorum (Raft thesis §6.4.1).
	ReadOnlyLeaseBased
)

// Config holds all that a node is told at its start. See book §3.1.1.
type Config struct {
	// ID of the local node, never None.
	ID uint64

	// ElectionTick is the number of ticks without a leader after which a follower
	// campaigns. The timeout in force is drawn anew, from [ElectionTick,
	// 2*ElectionTick-1], at each change of role or term (Raft §5.2). It must
	// exceed HeartbeatTick; ten times is usual.
	ElectionTick int
	// HeartbeatTick is the number of ticks between heartbeats of a leader; above 0.
	HeartbeatTick int

	// Storage is what the application has persisted. Raft reads it, never writes it.
	Storage Storage
	// Applied is the index of the last entry that the application had applied when
	// it restarts. Zero means not known: everything after the snapshot that is
	// committed is handed out again.
	Applied uint64

	// MaxSizePerMsg bounds the encoded entries of one append message, in bytes.
	// One entry always fits: 0 means one entry a message, MaxUint64 no limit.
	MaxSizePerMsg uint64
	// MaxCommittedSizePerReady bounds the encoded entries in
	// Ready.CommittedEntries, in bytes; 0 means MaxSizePerMsg. One entry always fits.
	MaxCommittedSizePerReady uint64
	// MaxUncommittedEntriesSize bounds the payload, in bytes of Data, that a leader
	// has taken in and not yet handed out as committed. Proposals beyond it are
	// dropped with ErrProposalDropped. 0 means no limit. When nothing is pending,
	// one proposal of any size is let in.
	MaxUncommittedEntriesSize uint64
	// MaxInflightMsgs bounds the append messages to one follower that have not been
	// acknowledged; above 0.
	MaxInflightMsgs int

	// MaxInflightBytes bounds the payload of those messages, in bytes; 0 means no limit.
	MaxInflightBytes uint64

	// AsyncStorageWrites turns what a Ready asks for into messages: MsgStorageAppend for
	// the thread that writes the log and MsgStorageApply for the one that applies, each
	// with the responses to deliver when its work is done. Readies follow each other
	// without Advance, so the next entries are on their way while these are written.
	// See async.go.
	AsyncStorageWrites bool

	// CheckQuorum makes a leader step down when it has not heard from a quorum
	// within ElectionTick, and a follower ignore candidates for as long after it
	// heard its leader.
	CheckQuorum bool
	// PreVote asks whether an election could be won before raising the term.
	PreVote bool
	// ReadOnlyOption must be ReadOnlySafe unless CheckQuorum is on.
	ReadOnlyOption ReadOnlyOption

	// Logger receives what the node has to say; nil means the package's logger.
	Logger Logger
	// DisableProposalForwarding makes a follower drop proposals instead of passing
	// them to its leader.
	DisableProposalForwarding bool
	// DisableConfChangeValidation lets an application that makes sure of it by itself
	// propose configuration changes that raft would refuse.
	DisableConfChangeValidation bool
	// StepDownOnRemoval makes a leader follow as soon as the change is applied that
	// removes it or makes it a learner. Otherwise it leads until another takes over.
	StepDownOnRemoval bool

	// RandIntn draws uniformly from [0, n) for the election timeout. nil means a
	// source of this node's own with a random seed; a simulator hands in a seeded
	// one and gets the same run again. It is called by the goroutine that drives
	// the node.
	RandIntn func(n int) int
}

// validate checks every field and fills in the defaults. Whoever builds a node
// from a bad Config panics with the text returned here: it is a fault in the
// program, not in its input.
func (c *Config) validate() error {
	switch {
	case c.ID == None:
		return errors.New("cannot use none as id")
	case c.ID >= LocalApplyThread:
		return errors.New("cannot use local target as id")
	case c.HeartbeatTick <= 0:
		return errors.New("heartbeat tick must be greater than 0")
	case c.ElectionTick <= c.HeartbeatTick:
		return errors.New("election tick must be greater than heartbeat tick")
	case c.Storage == nil:
		return errors.New("storage cannot be nil")
	case c.MaxInflightMsgs <= 0:
		return errors.New("max inflight messages must be greater than 0")
	case c.MaxInflightBytes != 0 && c.MaxInflightBytes < c.MaxSizePerMsg:
		return errors.New("max inflight bytes must be >= max message size")
	case c.ReadOnlyOption == ReadOnlyLeaseBased && !c.CheckQuorum:
		return errors.New("CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased")
	}
	if c.MaxUncommittedEntriesSize == 0 {
		c.MaxUncommittedEntriesSize = noLimit
	}
	if c.MaxCommittedSizePerReady == 0 {
		c.MaxCommittedSizePerReady = c.MaxSizePerMsg
	}
	if c.Logger == nil {
		c.Logger = defaultLogger()
	}
	if c.RandIntn == nil {
		c.RandIntn = newRandIntn()
	}
	return nil
}
