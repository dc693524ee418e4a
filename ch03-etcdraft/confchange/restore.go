package confchange

import (
	"errors"
	"fmt"

	pb "insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch03-etcdraft/tracker"
)

// Restore returns the configuration that a snapshot holds. Only the limits of in-flight
// messages are taken from c.Tracker: what was known of the members before is void.
func Restore(c Changer, cs pb.ConfState) (tracker.Config, tracker.ProgressMap, error) {
	c.Tracker = tracker.MakeProgressTracker(c.Tracker.MaxInflight, c.Tracker.MaxInflightBytes)
	if len(cs.VotersOutgoing) > 0 && len(cs.Voters) == 0 {
		return refuse(errors.New("can't make a zero-voter config joint"))
	}
	d := c.draft()
	for _, id := range cs.Voters {
		d.voter(id)
	}
	for _, id := range cs.Learners {
		d.member(id).IsLearner = true
		add(&d.config.Learners, id)
	}
	for _, id := range cs.VotersOutgoing {
		d.member(id)
		add((*map[uint64]struct{})(&d.config.Voters[1]), id)
	}
	for _, id := range cs.LearnersNext {
		d.member(id)
		add(&d.config.LearnersNext, id)
	}
	d.config.AutoLeave = cs.AutoLeave
	return d.finish()
}

// check returns an error that names the invariant of tracker.Config that c breaks.
func check(c tracker.Config, progress tracker.ProgressMap) error {
	for id := range c.Learners {
		if c.Voters.Contains(id) {
			return fmt.Errorf("invariant C1: %d is voter and learner in %s", id, c)
		}
	}
	for id := range c.LearnersNext {
		if _, votes := c.Voters[1][id]; !votes {
			return fmt.Errorf("invariant C2: %d is to become a learner in %s, and is no outgoing voter", id, c)
		}
		if _, votes := c.Voters[0][id]; votes {
			return fmt.Errorf("invariant C2: %d is to become a learner in %s, and an incoming voter", id, c)
		}
	}
	if !c.Joint() && c.AutoLeave {
		return fmt.Errorf("invariant C3: %s leaves a transition that it is not in", c)
	}
	return checkProgress(c, progress)
}

// checkProgress returns an error unless progress has exactly the members of c.
func checkProgress(c tracker.Config, progress tracker.ProgressMap) error {
	for id, pr := range progress {
		_, learner := c.Learners[id]
		if pr.IsLearner != learner || !learner && !c.Voters.Contains(id) {
			return fmt.Errorf("progress of %d [learner: %t] does not fit %s", id, pr.IsLearner, c)
		}
		if id == 0 {
			return fmt.Errorf("0 is no member's number, and one in %s", c)
		}
	}
	members := c.Voters.IDs()
	for id := range c.Learners {
		members[id] = struct{}{}
	}
	if len(members) != len(progress) {
		return fmt.Errorf("%s has %d members, progress is known of %d", c, len(members), len(progress))
	}
	return nil
}
