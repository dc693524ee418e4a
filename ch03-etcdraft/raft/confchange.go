package raft

import (
	"fmt"

	pb "insideetcd/ch03-etcdraft/raftpb"
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
	if r.pendingConfIndex > r.raftLog.applied {
		// Two changes in flight could make two majorities that share no member.
		return fmt.Sprintf("there may be one at index %d, and only %d is applied", r.pendingConfIndex, r.raftLog.applied)
	}
	cc, err := decodeConfChange(e)
	if err != nil {
		return err.Error() // it could be applied nowhere
	}
	if _, err := r.prs.changed(cc); err != nil {
		return err.Error()
	}
	return ""
}

// applyConfChange puts a committed change in force and returns the configuration
// after it. A change that can not be carried out should never have been committed.
func (r *raft) applyConfChange(cc pb.ConfChangeV2) pb.ConfState {
	next, err := r.prs.changed(cc)
	if err != nil {
		r.logger.Panicf("raft: node %x cannot apply the configuration change %q to %s: %v",
			r.id, pb.ConfChangesToString(cc.Changes), DescribeConfState(r.prs.conf), err)
	}
	r.prs = next
	r.logger.Infof("%x switched to configuration %s", r.id, DescribeConfState(next.conf))
	r.advanceCommit()
	r.check()
	return r.prs.confState()
}
