package membership

import (
	"errors"
	"fmt"

	"insideetcd/ch01-intro/ids"
)

// Reasons not to propose a configuration change (--strict-reconfig-check).
var (
	ErrNotEnoughStarted  = errors.New("membership: not enough started members")
	ErrLearnerNotStarted = errors.New("membership: the learner has never started")
)

// The checks below are asked BEFORE a change is proposed, never at apply: they look
// ahead to the cluster with the change, and refuse one in which the members that have
// ever started would be no majority. Such a cluster could not commit anything any
// more, not even the change back.

// CheckAddVotingMember tells whether one more voter, which cannot have started, may
// be proposed. A cluster of one may grow: there is no other way to two.
func (c *RaftCluster) CheckAddVotingMember() error {
	voters, started := c.countVoters(0)
	if voters == 1 && started == 1 {
		return nil
	}
	return checkMajority("adding a member", voters+1, started)
}

// CheckPromoteMember tells whether learner id may be proposed as a voter. It must
// have started: one that never did has published nothing and can confirm nothing.
// etcd 3.4.23 counts it as started.
func (c *RaftCluster) CheckPromoteMember(id ids.ID) error {
	m := c.Member(id)
	switch {
	case m == nil && c.IsIDRemoved(id):
		return fmt.Errorf("promoting member %s: %w", id, ErrIDRemoved)
	case m == nil:
		return fmt.Errorf("promoting member %s: %w", id, ErrIDNotFound)
	case !m.IsLearner:
		return fmt.Errorf("promoting member %s: %w", id, ErrMemberNotLearner)
	case !m.IsStarted():
		return fmt.Errorf("promoting member %s: %w: start it, and promote it once it has caught up", id, ErrLearnerNotStarted)
	}
	voters, started := c.countVoters(0)
	return checkMajority("promoting a learner", voters+1, started+1)
}

// CheckRemoveVotingMember tells whether voter id may be proposed to leave. The last
// voter may not.
func (c *RaftCluster) CheckRemoveVotingMember(id ids.ID) error {
	voters, started := c.countVoters(id)
	return checkMajority("removing a member", voters, started)
}

// countVoters counts the voters, and those that have ever started, without one.
func (c *RaftCluster) countVoters(without ids.ID) (voters, started int) {
	for _, m := range c.VotingMembers() {
		if m.ID == without {
			continue
		}
		voters++
		if m.IsStarted() {
			started++
		}
	}
	return voters, started
}

func checkMajority(what string, voters, started int) error {
	if quorum := voters/2 + 1; started < quorum {
		return fmt.Errorf("%w: after %s %d of %d voters would have started, and %d are a majority",
			ErrNotEnoughStarted, what, started, voters, quorum)
	}
	return nil
}
