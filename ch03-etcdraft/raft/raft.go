package raft

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"insideetcd/ch03-etcdraft/confchange"
	pb "insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch03-etcdraft/tracker"
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

	// prs is the configuration in force and, at the leader, what it knows of each
	// member. A change is in force once it is applied, not once it is appended (etcd
	// differs here from Raft thesis §4.1). That is safe because at most one may be
	// unapplied, and because nobody campaigns over a committed one (R4).
	prs        tracker.ProgressTracker
	maxMsgSize uint64 // bytes of entries in one append message

	state          StateType
	lead           uint64
	leadTransferee uint64 // at the leader: who is to take over, None usually

	// Outputs, taken away by Ready. msgsAfterAppend promise something, and with
	// asynchronous storage writes wait for the thread that writes it.
	msgs            []pb.Message
	msgsAfterAppend []pb.Message
	readStates      []ReadState

	readOnly readOnly

	// waitingSnap is a snapshot that came while entries before it were being applied.
	waitingSnap *pb.Message

	// pendingConfIndex: a change of configuration may be appended only once
	// everything up to this index is applied. That keeps at most one in flight.
	pendingConfIndex uint64
	// announced is the commit index that this leader told its followers last.
	announced uint64

	// uncommittedSize is the payload, in bytes, that this leader took in and did
	// not yet hand out as committed.
	uncommittedSize    uint64
	maxUncommittedSize uint64

	electionElapsed           int // ticks since the last reset; at a leader, since it last counted its quorum
	heartbeatElapsed          int
	heartbeatTimeout          int
	electionTimeout           int
	randomizedElectionTimeout int
	ticksUp                   int // since this node was started
	randIntn                  func(n int) int

	asyncStorageWrites          bool
	checkQuorum                 bool
	preVote                     bool
	disableProposalForwarding   bool
	disableConfChangeValidation bool
	stepDownOnRemoval           bool

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
	r := &raft{
		id:         c.ID,
		raftLog:    newLog(c.Storage, c.MaxCommittedSizePerReady, c.Logger),
		prs:        tracker.MakeProgressTracker(c.MaxInflightMsgs, c.MaxInflightBytes),
		maxMsgSize: c.MaxSizePerMsg, maxUncommittedSize: c.MaxUncommittedEntriesSize,
		readOnly:         newReadOnly(c),
		heartbeatTimeout: c.HeartbeatTick, electionTimeout: c.ElectionTick, randIntn: c.RandIntn,
		asyncStorageWrites: c.AsyncStorageWrites, checkQuorum: c.CheckQuorum, preVote: c.PreVote,
		disableProposalForwarding:   c.DisableProposalForwarding,
		disableConfChangeValidation: c.DisableConfChangeValidation,
		stepDownOnRemoval:           c.StepDownOnRemoval,
		logger:                      c.Logger,
	}
	r.raftLog.onlyStored = c.AsyncStorageWrites
	members, progress, err := confchange.Restore(r.changer(), cs)
	if err != nil {
		r.logger.Panicf("raft: node %x cannot start with the members %s of its snapshot: %v", r.id, DescribeConfState(cs), err)
	}
	r.prs.SetMembers(members, progress)
	r.loadState(hs)
	if c.Applied > 0 {
		r.raftLog.appliedTo(c.Applied)
	}
	r.becomeFollower(r.Term, None)
	r.check()
	r.logger.Infof("raft %x starts [term: %d, vote: %x, commit: %d, applied: %d, last index: %d, last term: %d, %s]",
		r.id, r.Term, r.Vote, r.raftLog.committed, r.raftLog.applied, r.raftLog.lastIndex(), r.raftLog.lastTerm(), r.prs.Config)
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
	pr := r.prs.Progress[r.id]
	return pr != nil && !pr.IsLearner && r.raftLog.unstable.snapshot == nil
}

// reset begins a role, and at a new term forgets the vote (Raft §5.1, §5.2).
func (r *raft) reset(term uint64) {
	if term != r.Term {
		r.Term, r.Vote = term, None
	}
	r.lead, r.leadTransferee = None, None
	r.electionElapsed, r.heartbeatElapsed = 0, 0
	// Drawn anew each time, so that two nodes do not split votes forever (Raft §5.2).
	r.randomizedElectionTimeout = r.electionTimeout + r.randIntn(r.electionTimeout)
	r.prs.ResetVotes()
	r.pendingConfIndex, r.uncommittedSize, r.announced = 0, 0, 0
	r.readOnly.reset(r.electionTimeout)
}

func (r *raft) becomeFollower(term, lead uint64) {
	r.reset(term)
	r.state, r.lead = StateFollower, lead
	r.logger.Infof("%x became follower at term %d", r.id, r.Term)
}

// becomePreCandidate asks whether an election could be won before it disturbs anybody:
// neither term nor vote change (Raft thesis §9.6).
func (r *raft) becomePreCandidate() {
	if r.state == StateLeader {
		r.logger.Panicf("%x: a leader of term %d cannot become pre-candidate", r.id, r.Term)
	}
	r.reset(r.Term)
	r.state = StatePreCandidate
	r.logger.Infof("%x became pre-candidate at term %d", r.id, r.Term)
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
	last := r.raftLog.lastIndex()
	r.prs.Visit(func(id uint64, pr *tracker.Progress) { r.resetProgress(id, pr, last) })
	// There may be an unapplied change anywhere in the log, so wait for all of it.
	r.pendingConfIndex = last
	r.logger.Infof("%x became leader at term %d", r.id, r.Term)
	r.appendEntries([]pb.Entry{{}})
}

// resetProgress forgets what an earlier leader of this node's knew: a follower is sent
// what comes next, and its refusal tells more (Raft figure 2: nextIndex = last + 1).
func (r *raft) resetProgress(id uint64, pr *tracker.Progress, last uint64) {
	pr.Match, pr.Next = 0, last+1
	pr.ResetState(tracker.StateProbe)
	pr.RecentActive = id == r.id
	if id == r.id {
		pr.Match = r.raftLog.stableIndex()
		pr.BecomeReplicate()
	}
}

// tick is one unit of logical time.
func (r *raft) tick() {
	r.ticksUp++
	if r.state == StateLeader {
		r.tickLeader()
		return
	}
	r.electionElapsed++
	if r.promotable() && r.electionElapsed >= r.randomizedElectionTimeout {
		r.electionElapsed = 0
		_ = r.Step(pb.Message{From: r.id, Type: pb.MsgHup}) // never fails
	}
}

// tickLeader sends heartbeats, and once in an election timeout asks whether the leader
// still has a quorum. A transfer that took so long has failed.
func (r *raft) tickLeader() {
	r.heartbeatElapsed++
	r.electionElapsed++
	r.readOnly.now++
	if r.electionElapsed >= r.electionTimeout {
		r.electionElapsed = 0
		if r.checkQuorum {
			_ = r.Step(pb.Message{From: r.id, Type: pb.MsgCheckQuorum}) // never fails
		}
		r.leadTransferee = None
	}
	if r.state == StateLeader && r.heartbeatElapsed >= r.heartbeatTimeout {
		r.heartbeatElapsed = 0
		_ = r.Step(pb.Message{From: r.id, Type: pb.MsgBeat}) // never fails
	}
}

// send queues m for the next Ready. Every message carries the sender's term, except
// those that ask a leader for something, whatever its term, and those of a pre-vote,
// which speak of a term that has not begun.
func (r *raft) send(m pb.Message) {
	if m.From == None {
		m.From = r.id
	}
	if m.Term == 0 && m.Type != pb.MsgProp && m.Type != pb.MsgReadIndex {
		m.Term = r.Term
	}
	if r.asyncStorageWrites && isPromise(m.Type) {
		r.msgsAfterAppend = append(r.msgsAfterAppend, m)
		return
	}
	r.msgs = append(r.msgs, m)
}
