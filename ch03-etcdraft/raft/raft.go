package raft

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// StateType is the role of a node (Raft §5.1).
type StateType uint64

const (
	StateFollower StateType = iota
	StateCandidate
	StateLeader
	StatePreCandidate
	numStates
)

var stateNames = [numStates]string{"StateFollower", "StateCandidate", "StateLeader", "StatePreCandidate"}

// String returns the constant's name.
func (st StateType) String() string {
	if st < numStates {
		return stateNames[st]
	}
	return fmt.Sprintf("StateType(%d)", uint64(st))
}

// MarshalJSON writes the constant's name as a JSON string.
func (st StateType) MarshalJSON() ([]byte, error) { return json.Marshal(st.String()) }

// raft is the algorithm: a value that messages are stepped into. Its outputs
// collect in readStates, msgs and raftLog until RawNode makes a Ready of them. See
// book §3.1.5; field names follow the book and Raft figure 2.
//
// Invariants, checked after every step:
//
//	I1. applied ≤ committed ≤ last index (L1).
//	I2. Term, committed and applied never go back.
//	I3. within one term, a vote once given is never changed or taken back (Raft §5.2).
//	I4. a leader knows itself as the leader, and nobody else does of himself.
//	I5. an entry is appended with the current term, so terms never fall along the
//	    log, and only an entry of the current term is committed by counting
//	    (Raft §5.4.2).
//	I6. the index of the last configuration change is at most the last index.
type raft struct {
	id uint64

	Term uint64
	Vote uint64

	raftLog *raftLog
	prs     membership

	state StateType
	lead  uint64

	// Outputs, taken away by Ready.
	msgs       []pb.Message
	readStates []ReadState

	// pendingReads are reads that came before this leader committed an entry of
	// its own term.
	pendingReads []pb.Message

	// pendingConfIndex: a change of configuration may be appended only once
	// everything up to this index is applied. That keeps at most one in flight.
	pendingConfIndex uint64

	// uncommittedSize is the payload, in bytes, that this leader took in and did
	// not yet hand out as committed.
	uncommittedSize    uint64
	maxUncommittedSize uint64

	electionElapsed           int // ticks since the last reset
	electionTimeout           int
	randomizedElectionTimeout int
	randIntn                  func(n int) int

	checked checkpoint
	logger  Logger
}

// newRaft builds a follower from what Storage holds. It panics on a bad Config
// and on a state that contradicts itself.
func newRaft(c *Config) *raft {
	if err := c.validate(); err != nil {
		panic(err.Error())
	}
	hs, cs, err := c.Storage.InitialState()
	if err != nil {
		c.Logger.Panicf("read the initial state of the storage: %v", err)
	}
	prs, err := newMembership(c.ID, cs)
	if err != nil {
		c.Logger.Panicf("raft: node %x cannot start: %v; "+
			"remove the other voters with the program that wrote this log, or go on with that program", c.ID, err)
	}
	r := &raft{
		id:                 c.ID,
		raftLog:            newLog(c.Storage, c.MaxCommittedSizePerReady, c.Logger),
		prs:                prs,
		maxUncommittedSize: c.MaxUncommittedEntriesSize,
		electionTimeout:    c.ElectionTick,
		randIntn:           c.RandIntn,
		logger:             c.Logger,
	}
	r.loadState(hs)
	if c.Applied > 0 {
		r.raftLog.appliedTo(c.Applied)
	}
	r.becomeFollower(r.Term, None)
	r.check()
	r.logger.Infof("raft %x starts [term: %d, vote: %x, commit: %d, applied: %d, last index: %d, last term: %d, voters: %x, learners: %x]",
		r.id, r.Term, r.Vote, r.raftLog.committed, r.raftLog.applied, r.raftLog.lastIndex(), r.raftLog.lastTerm(),
		prs.conf.Voters, prs.conf.Learners)
	return r
}

// loadState takes over a HardState from Storage. A commit index that the log does
// not reach proves that entries were lost after they had been promised.
func (r *raft) loadState(hs pb.HardState) {
	if IsEmptyHardState(hs) {
		return
	}
	if last := r.raftLog.lastIndex(); hs.Commit < r.raftLog.committed || hs.Commit > last {
		r.logger.Panicf("%x: HardState.Commit %d is out of range [%d, %d]: entries or a snapshot were lost, "+
			"or were persisted after the HardState that covers them", r.id, hs.Commit, r.raftLog.committed, last)
	}
	r.raftLog.committed = hs.Commit
	r.Term, r.Vote = hs.Term, hs.Vote
}

// newRandIntn returns a source of its own for each node.
func newRandIntn() func(int) int {
	return rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())).IntN
}

func (r *raft) softState() SoftState { return SoftState{Lead: r.lead, RaftState: r.state} }

func (r *raft) hardState() pb.HardState {
	return pb.HardState{Term: r.Term, Vote: r.Vote, Commit: r.raftLog.committed}
}

// promotable reports whether this node may campaign: it must be a voter of the
// configuration in force, and hold no snapshot that it has not yet applied.
func (r *raft) promotable() bool {
	return r.prs.isVoter(r.id) && r.raftLog.unstable.snapshot == nil
}

// reset begins a role, and at a new term forgets the vote (Raft §5.1, §5.2).
func (r *raft) reset(term uint64) {
	if term != r.Term {
		r.Term, r.Vote = term, None
	}
	r.lead = None
	r.electionElapsed = 0
	// Drawn anew each time, so that two nodes do not split votes forever (Raft §5.2).
	r.randomizedElectionTimeout = r.electionTimeout + r.randIntn(r.electionTimeout)
	r.prs.match = 0
	r.pendingConfIndex = 0
	r.uncommittedSize = 0
	r.pendingReads = nil
}

func (r *raft) becomeFollower(term, lead uint64) {
	r.reset(term)
	r.state, r.lead = StateFollower, lead
	r.logger.Infof("%x became follower at term %d", r.id, r.Term)
}

func (r *raft) becomeCandidate() {
	if r.state == StateLeader {
		r.logger.Panicf("%x: a leader of term %d cannot become candidate", r.id, r.Term)
	}
	r.reset(r.Term + 1)
	r.state, r.Vote = StateCandidate, r.id
	r.logger.Infof("%x became candidate at term %d", r.id, r.Term)
}

// becomeLeader takes office and appends an empty entry of the new term: only with
// an entry of its own may a leader commit what former leaders left behind, and
// only then does it know its commit index (Raft §5.4.2, §8).
func (r *raft) becomeLeader() {
	if r.state != StateCandidate {
		r.logger.Panicf("%x: %s of term %d cannot become leader", r.id, r.state, r.Term)
	}
	r.reset(r.Term)
	r.state, r.lead = StateLeader, r.id
	// There may be an unapplied change anywhere in the log, so wait for all of it.
	r.pendingConfIndex = r.raftLog.lastIndex()
	r.prs.match = r.raftLog.lastIndex()
	r.appendEntries([]pb.Entry{{}})
	r.logger.Infof("%x became leader at term %d", r.id, r.Term)
}

// tick is one unit of logical time. Only a node that is not leader has something
// to wait for: with one voter there is nobody to send heartbeats to.
func (r *raft) tick() {
	r.electionElapsed++
	if r.state == StateLeader {
		if r.electionElapsed >= r.electionTimeout {
			r.electionElapsed = 0
		}
		return
	}
	if r.promotable() && r.electionElapsed >= r.randomizedElectionTimeout {
		r.electionElapsed = 0
		_ = r.Step(pb.Message{From: r.id, Type: pb.MsgHup}) // MsgHup never fails
	}
}

// send queues m for the next Ready. Every message carries the sender's term,
// except those that ask a leader for something, whatever its term.
func (r *raft) send(m pb.Message) {
	m.From = r.id
	if m.Type != pb.MsgProp && m.Type != pb.MsgReadIndex {
		m.Term = r.Term
	}
	r.msgs = append(r.msgs, m)
}
