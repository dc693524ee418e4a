package raft

import (
	"errors"
	"fmt"
	"slices"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// membership is who belongs to the cluster, as raft has it in force, and how much
// of the log this node holds. It answers all questions about majorities.
//
// A change takes effect when it is applied, not when it is appended: until then
// the old configuration decides (etcd differs here from Raft thesis §4.1). That is
// safe because at most one change may be unapplied and because nobody campaigns
// while a committed one is unapplied.
//
// Invariants:
//
//	C1. conf has exactly one voter, or is empty because nothing was learnt yet.
//	C2. no node is voter and learner at once.
//	C3. both lists ascend.
type membership struct {
	self  uint64
	conf  pb.ConfState
	match uint64 // the last index that self holds as a leader (Raft figure 2: matchIndex)
}

// errSeveralVoters refuses a configuration that one node can not carry alone.
var errSeveralVoters = errors.New("this node replicates to nobody and runs only as the single voter of its cluster")

// newMembership takes over the configuration of a snapshot.
func newMembership(self uint64, conf pb.ConfState) (membership, error) {
	m := membership{self: self, conf: pb.ConfState{
		Voters: sortedSet(conf.Voters), Learners: sortedSet(conf.Learners),
	}}
	if len(conf.VotersOutgoing) > 0 || len(conf.LearnersNext) > 0 || conf.AutoLeave {
		return membership{}, fmt.Errorf("joint configuration %s: %w", DescribeConfState(conf), errSeveralVoters)
	}
	return m, m.check()
}

func sortedSet(ids []uint64) []uint64 {
	set := slices.Clone(ids)
	slices.Sort(set)
	return slices.Compact(set)
}

// check returns an error unless C1 and C2 hold.
func (m membership) check() error {
	if len(m.conf.Voters) > 1 {
		return fmt.Errorf("configuration %s has %d voters: %w", DescribeConfState(m.conf), len(m.conf.Voters), errSeveralVoters)
	}
	for _, id := range m.conf.Learners {
		if m.isVoter(id) {
			return fmt.Errorf("configuration %s names %x as voter and as learner", DescribeConfState(m.conf), id)
		}
	}
	return nil
}

func (m membership) isVoter(id uint64) bool   { return slices.Contains(m.conf.Voters, id) }
func (m membership) isLearner(id uint64) bool { return slices.Contains(m.conf.Learners, id) }
func (m membership) contains(id uint64) bool  { return m.isVoter(id) || m.isLearner(id) }

// won reports whether votes from the nodes in granted make a majority.
func (m membership) won(granted ...uint64) bool {
	return len(m.conf.Voters) == 1 && slices.Contains(granted, m.conf.Voters[0])
}

// committed returns the highest index that a majority of voters holds.
func (m membership) committed() uint64 {
	if !m.won(m.self) {
		return 0
	}
	return m.match
}

// changed returns the membership after cc, and leaves m as it is.
func (m membership) changed(cc pb.ConfChangeV2) (membership, error) {
	if cc.LeaveJoint() {
		return m, errors.New("can't leave a non-joint config")
	}
	if _, joint := cc.EnterJoint(); joint {
		return m, fmt.Errorf("joint change %q: %w", pb.ConfChangesToString(cc.Changes), errSeveralVoters)
	}
	before := len(m.conf.Voters)
	m.conf.Voters = slices.Clone(m.conf.Voters)
	m.conf.Learners = slices.Clone(m.conf.Learners)
	for _, c := range cc.Changes {
		if err := m.change(c); err != nil {
			return m, err
		}
	}
	if before > 0 && len(m.conf.Voters) == 0 {
		return m, errors.New("removed all voters")
	}
	return m, m.check()
}

// change carries out one change on lists of m's own. NodeID 0 marks a change that
// the application refused: it changes nothing.
func (m *membership) change(c pb.ConfChangeSingle) error {
	if c.NodeID == None {
		return nil
	}
	switch c.Type {
	case pb.ConfChangeAddNode:
		m.conf.Voters = with(m.conf.Voters, c.NodeID)
		m.conf.Learners = without(m.conf.Learners, c.NodeID)
	case pb.ConfChangeAddLearnerNode:
		m.conf.Learners = with(m.conf.Learners, c.NodeID)
		m.conf.Voters = without(m.conf.Voters, c.NodeID)
	case pb.ConfChangeRemoveNode:
		m.conf.Voters = without(m.conf.Voters, c.NodeID)
		m.conf.Learners = without(m.conf.Learners, c.NodeID)
	case pb.ConfChangeUpdateNode: // the application's business alone
	default:
		return fmt.Errorf("unexpected conf type %d", c.Type)
	}
	return nil
}

func with(set []uint64, id uint64) []uint64 {
	at, found := slices.BinarySearch(set, id)
	if found {
		return set
	}
	return slices.Insert(set, at, id)
}

func without(set []uint64, id uint64) []uint64 {
	return slices.DeleteFunc(set, func(x uint64) bool { return x == id })
}

// confState returns the configuration for a snapshot, in lists of its own.
func (m membership) confState() pb.ConfState {
	return pb.ConfState{Voters: slices.Clone(m.conf.Voters), Learners: slices.Clone(m.conf.Learners)}
}

// visit calls f for each member in ascending order of ID with what the leader
// knows of its log. A learner is sent nothing, so its log is unknown.
func (m membership) visit(f func(id uint64, pr Progress)) {
	for _, id := range sortedSet(slices.Concat(m.conf.Voters, m.conf.Learners)) {
		pr := Progress{Next: m.match + 1, IsLearner: m.isLearner(id)}
		if id == m.self {
			pr.Match, pr.State, pr.RecentActive = m.match, StateReplicate, true
		}
		f(id, pr)
	}
}

// Progress is what a leader knows of one member's log.
type Progress struct {
	Match, Next  uint64 // last index known to be there; next index to send
	State        ProgressState
	RecentActive bool
	IsLearner    bool
}

// ProgressState says how a leader sends to a member.
type ProgressState uint64

const (
	// StateProbe: one message at a time, until it is known where the logs agree.
	StateProbe ProgressState = iota
	// StateReplicate: one message after the other without waiting.
	StateReplicate
	// StateSnapshot: nothing, until a snapshot has arrived.
	StateSnapshot
)

var progressStateNames = [...]string{"StateProbe", "StateReplicate", "StateSnapshot"}

func (s ProgressState) String() string { return progressStateNames[s] }
