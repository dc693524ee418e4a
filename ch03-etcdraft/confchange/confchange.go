// Package confchange computes configurations: what becomes of a cluster's members under a
// change, one voter at a time (Raft thesis §4.1) or several through a transition in
// which two majorities decide (joint consensus, Raft §6). See book §3.1.5.
//
//	(1 2 3)                              a plain configuration
//	   │  EnterJoint: v4 r1
//	   ▼
//	(2 3 4)&&(1 2 3)                     nothing is decided without both majorities
//	   │  LeaveJoint
//	   ▼
//	(2 3 4)                              plain again
//
// It is a calculation: nothing is in force until raft takes over the result. Every
// error says why a change cannot be made, and leaves everything as it was.
package confchange

import (
	"errors"
	"fmt"
	"maps"

	"insideetcd/ch03-etcdraft/quorum"
	pb "insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch03-etcdraft/tracker"
)

// Changer computes the successors of the configuration that Tracker has.
type Changer struct {
	Tracker   tracker.ProgressTracker
	LastIndex uint64 // of the leader's log: a new member is first sent what comes next
}

// Simple makes changes of which at most one concerns a voter. Two majorities of sets
// that differ in one voter always share a member, so no transition is needed.
func (c Changer) Simple(ccs ...pb.ConfChangeSingle) (tracker.Config, tracker.ProgressMap, error) {
	if c.Tracker.Joint() {
		return refuse(errors.New("can't apply simple config change in joint config"))
	}
	d := c.draft()
	if err := d.apply(ccs); err != nil {
		return refuse(err)
	}
	if differences(d.config.Voters[0], c.Tracker.Voters[0]) > 1 {
		return refuse(errors.New("more than one voter changed without entering joint config"))
	}
	return d.finish()
}

// EnterJoint makes any changes and begins a transition to them. With autoLeave raft ends
// it by itself.
func (c Changer) EnterJoint(autoLeave bool, ccs ...pb.ConfChangeSingle) (tracker.Config, tracker.ProgressMap, error) {
	if c.Tracker.Joint() {
		return refuse(errors.New("config is already joint"))
	}
	if len(c.Tracker.Voters[0]) == 0 {
		return refuse(errors.New("can't make a zero-voter config joint"))
	}
	d := c.draft()
	d.config.Voters[1] = maps.Clone(d.config.Voters[0])
	if err := d.apply(ccs); err != nil {
		return refuse(err)
	}
	d.config.AutoLeave = autoLeave
	return d.finish()
}

// LeaveJoint ends the transition: the outgoing voters that are nothing else leave, and
// those that were to become learners do.
func (c Changer) LeaveJoint() (tracker.Config, tracker.ProgressMap, error) {
	if !c.Tracker.Joint() {
		return refuse(errors.New("can't leave a non-joint config"))
	}
	d := c.draft()
	outgoing, next := d.config.Voters[1], d.config.LearnersNext
	d.config.Voters[1], d.config.LearnersNext, d.config.AutoLeave = nil, nil, false
	for id := range next {
		d.learner(id)
	}
	for id := range outgoing {
		d.forgetStranger(id)
	}
	return d.finish()
}

// Describe shows changes as text: v1 l2 r3 u4.
func Describe(ccs ...pb.ConfChangeSingle) string { return pb.ConfChangesToString(ccs) }

func refuse(err error) (tracker.Config, tracker.ProgressMap, error) {
	return tracker.Config{}, nil, err
}

// differences counts the voters that are in one set only.
func differences(a, b quorum.MajorityConfig) (n int) {
	for id := range a {
		if _, both := b[id]; !both {
			n++
		}
	}
	for id := range b {
		if _, both := a[id]; !both {
			n++
		}
	}
	return n
}

// draft is a configuration in the making, apart from the one in force.
type draft struct {
	config    tracker.Config
	progress  tracker.ProgressMap
	lastIndex uint64
	window    func() *tracker.Inflights
}

func (c Changer) draft() *draft {
	d := &draft{
		config: c.Tracker.Config.Clone(), progress: tracker.ProgressMap{}, lastIndex: c.LastIndex,
		window: func() *tracker.Inflights {
			return tracker.NewInflights(c.Tracker.MaxInflight, c.Tracker.MaxInflightBytes)
		},
	}
	if d.config.Voters[0] == nil {
		d.config.Voters[0] = quorum.MajorityConfig{}
	}
	for id, pr := range c.Tracker.Progress {
		own := *pr // what is in flight stays shared: a change does not touch it
		d.progress[id] = &own
	}
	return d
}

// apply makes the changes on the incoming half. Node 0 stands for a change that the
// application refused.
func (d *draft) apply(ccs []pb.ConfChangeSingle) error {
	had := len(d.config.Voters[0])
	for _, cc := range ccs {
		if cc.NodeID == 0 {
			continue
		}
		switch cc.Type {
		case pb.ConfChangeAddNode:
			d.voter(cc.NodeID)
		case pb.ConfChangeAddLearnerNode:
			d.learner(cc.NodeID)
		case pb.ConfChangeRemoveNode:
			d.remove(cc.NodeID)
		case pb.ConfChangeUpdateNode: // the application's business alone
		default:
			return fmt.Errorf("unexpected conf type %d", cc.Type)
		}
	}
	if had > 0 && len(d.config.Voters[0]) == 0 {
		return errors.New("removed all voters")
	}
	return nil
}

func (d *draft) voter(id uint64) {
	d.member(id).IsLearner = false
	delete(d.config.Learners, id)
	delete(d.config.LearnersNext, id)
	d.config.Voters[0][id] = struct{}{}
}

// learner makes id a learner, at the end of the transition if it still votes in the
// outgoing half.
func (d *draft) learner(id uint64) {
	pr := d.member(id)
	delete(d.config.Voters[0], id)
	delete(d.config.LearnersNext, id)
	if _, votes := d.config.Voters[1][id]; votes {
		add(&d.config.LearnersNext, id)
		return
	}
	pr.IsLearner = true
	add(&d.config.Learners, id)
}

func (d *draft) remove(id uint64) {
	delete(d.config.Voters[0], id)
	delete(d.config.Learners, id)
	delete(d.config.LearnersNext, id)
	d.forgetStranger(id)
}

// member returns the progress of id, of a new one if need be. It counts as heard of, or
// a leader would step down before its first message could be answered.
func (d *draft) member(id uint64) *tracker.Progress {
	pr, ok := d.progress[id]
	if !ok {
		pr = &tracker.Progress{Next: max(d.lastIndex, 1), RecentActive: true, Inflights: d.window()}
		d.progress[id] = pr
	}
	return pr
}

// forgetStranger drops the progress of id unless it still belongs to some set.
func (d *draft) forgetStranger(id uint64) {
	_, learner := d.config.Learners[id]
	if !learner && !d.config.Voters.Contains(id) {
		delete(d.progress, id)
	}
}

func add(set *map[uint64]struct{}, id uint64) {
	if *set == nil {
		*set = map[uint64]struct{}{}
	}
	(*set)[id] = struct{}{}
}

// finish asserts the numbered invariants of tracker.Config.
func (d *draft) finish() (tracker.Config, tracker.ProgressMap, error) {
	if err := check(d.config, d.progress); err != nil {
		return refuse(err)
	}
	return d.config, d.progress, nil
}
