package raft

import (
	"fmt"

	pb "insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch03-etcdraft/tracker"
)

// isConfChange reports whether e changes the configuration when it is applied.
func isConfChange(e pb.Entry) bool {
	return e.Type == pb.EntryConfChange || e.Type == pb.EntryConfChangeV2
}

// decodeConfChange reads the change out of an entry of either version.
func decodeConfChange(e pb.Entry) (pb.ConfChangeV2, error) {
	var v2 pb.ConfChangeV2
	var err error
	if e.Type == pb.EntryConfChange {
		var v1 pb.ConfChange
		err = v1.Unmarshal(e.Data)
		v2 = v1.AsV2()
	} else {
		err = v2.Unmarshal(e.Data)
	}
	if err != nil {
		return v2, fmt.Errorf("decode the %s at index %d: %w", e.Type, e.Index, err)
	}
	return v2, nil
}

// admitConfChange decides about a proposed change that would stand at index. A
// refused one is not answered with an error: it becomes an empty entry in the same
// place, as in etcd 3.4, so that the other entries of the proposal keep theirs.
func (r *raft) admitConfChange(e *pb.Entry, index uint64) {
	if !isConfChange(*e) {
		return
	}
	if why := r.confChangeRefusal(*e); why != "" {
		r.logger.Warningf("%x refuses a configuration change, index %d becomes an empty entry: %s", r.id, index, why)
		*e = pb.Entry{Type: pb.EntryNormal}
		return
	}
	r.pendingConfIndex = index
}

// confChangeRefusal returns why the change in e must not be appended, or "".
func (r *raft) confChangeRefusal(e pb.Entry) string {
	if r.disableConfChangeValidation {
		return ""
	}
	if r.pendingConfIndex > r.raftLog.applied {
		// Two changes in flight could make two majorities that share no member.
		return fmt.Sprintf("there may be one at index %d, and only %d is applied", r.pendingConfIndex, r.raftLog.applied)
	}
	cc, err := decodeConfChange(e)
	if err != nil {
		return err.Error() // it could be applied nowhere
	}
	if _, _, err := r.changed(cc); err != nil {
		return err.Error()
	}
	return ""
}

// changed computes the configuration after cc.
func (r *raft) changed(cc pb.ConfChangeV2) (tracker.Config, tracker.ProgressMap, error) {
	if cc.LeaveJoint() {
		return r.changer().LeaveJoint()
	}
	if autoLeave, joint := cc.EnterJoint(); joint {
		return r.changer().EnterJoint(autoLeave, cc.Changes...)
	}
	return r.changer().Simple(cc.Changes...)
}

// applyConfChange puts a committed change in force and returns the configuration
// after it. A change that can not be carried out should never have been committed.
func (r *raft) applyConfChange(cc pb.ConfChangeV2) pb.ConfState {
	config, progress, err := r.changed(cc)
	if err != nil {
		r.logger.Panicf("raft: node %x cannot apply the configuration change %q to %s: %v",
			r.id, pb.ConfChangesToString(cc.Changes), r.prs.Config, err)
	}
	r.prs.SetMembers(config, progress)
	r.logger.Infof("%x switched to configuration %s", r.id, config)
	if r.state == StateLeader {
		r.leadAnew()
	}
	r.check()
	return config.ConfState()
}

// leadAnew goes on as leader of another set of members: a quorum of fewer may commit what
// waits and confirm reads, new members are sent the log, and one that left takes over no
// more.
func (r *raft) leadAnew() {
	own := r.prs.Progress[r.id]
	if (own == nil || own.IsLearner) && r.stepDownOnRemoval {
		r.becomeFollower(r.Term, None)
		return
	}
	if len(r.prs.Voters[0]) == 0 {
		return
	}
	if target := r.prs.Progress[r.leadTransferee]; target == nil || target.IsLearner {
		r.leadTransferee = None
	}
	r.advanceCommit()
	r.broadcastAppend()
	r.answerConfirmed()
}

// leaveJointIfDue proposes to end a transition that ends by itself, once the change that
// began it is applied here.
func (r *raft) leaveJointIfDue() {
	if r.state != StateLeader || !r.prs.AutoLeave || r.pendingConfIndex > r.raftLog.applied {
		return
	}
	data, err := pb.ConfChangeV2{}.Marshal()
	if err != nil {
		r.logger.Panicf("%x: encode the end of the transition: %v", r.id, err)
	}
	r.appendEntries([]pb.Entry{{Type: pb.EntryConfChangeV2, Data: data}})
	r.pendingConfIndex = r.raftLog.lastIndex()
	r.logger.Infof("%x begins to leave the transition %s", r.id, r.prs.Config)
	r.advanceCommit()
	r.broadcastAppend()
}
