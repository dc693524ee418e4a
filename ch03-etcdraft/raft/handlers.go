package raft

import (
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// handler is the rule for one kind of message in one role.
type handler func(r *raft, m pb.Message) error

// numMessageTypes is the size of the table's second dimension.
const numMessageTypes = int(pb.MsgPreVoteResp) + 1

// handlers says what a node does on which message in which role. An empty place
// means that the message is of no concern to that role and is ignored.
var handlers = handlerTable()

// handlerTable is the whole algorithm at a glance. etcd has a function with a
// switch for each role instead; the rules are the same.
//
// A single voter has no peers. A vote request, an append or an answer can only come
// from a node that was removed or belongs to another cluster, and must not depose
// the only one who can lead: such messages have no place, whatever their term.
// Proposals and reads are welcome from anywhere.
func handlerTable() (t [numStates][numMessageTypes]handler) {
	t[StateFollower][pb.MsgHup] = (*raft).handleHup
	t[StateFollower][pb.MsgProp] = (*raft).dropProposal
	t[StateFollower][pb.MsgReadIndex] = (*raft).dropReadIndex

	t[StatePreCandidate] = t[StateFollower]
	t[StateCandidate] = t[StateFollower]

	t[StateLeader][pb.MsgProp] = (*raft).handleProposal
	t[StateLeader][pb.MsgReadIndex] = (*raft).handleReadIndex
	return t
}

// Step feeds one message, local or from a peer, and checks the invariants.
func (r *raft) Step(m pb.Message) error {
	if int(m.Type) < 0 || int(m.Type) >= numMessageTypes {
		return nil // of a later version
	}
	h := handlers[r.state][m.Type]
	if h == nil {
		r.logger.Debugf("%x has no use for %s of term %d from %x", r.id, m.Type, m.Term, m.From)
		return nil
	}
	err := h(r, m)
	r.check()
	return err
}

// handleHup starts an election, if this node may hold one.
func (r *raft) handleHup(pb.Message) error {
	if !r.promotable() {
		r.logger.Warningf("%x is not a voter or holds an unapplied snapshot: no campaign at term %d", r.id, r.Term)
		return nil
	}
	if i := r.unappliedConfChange(); i != 0 {
		// The change at i is in force for those who applied it and not for this node:
		// it would count a majority of the wrong members.
		r.logger.Warningf("%x does not campaign at term %d: the configuration change at index %d is not applied yet",
			r.id, r.Term, i)
		return nil
	}
	r.campaign()
	return nil
}

// unappliedConfChange returns the index of a configuration change, of either
// version, that is committed but not applied, or 0.
func (r *raft) unappliedConfChange() (index uint64) {
	l := r.raftLog
	err := l.scan(l.nextIndex(), l.committed+1, func(e pb.Entry) bool {
		if isConfChange(e) {
			index = e.Index
		}
		return index == 0
	})
	if err != nil {
		r.logger.Panicf("%x: look for unapplied configuration changes: %v", r.id, err)
	}
	return index
}

// campaign asks for votes: its own is the only one there is (Raft §5.2).
func (r *raft) campaign() {
	r.becomeCandidate()
	if !r.prs.won(r.id) {
		return
	}
	r.becomeLeader()
	r.advanceCommit()
}

// dropProposal: without a leader nobody can order proposals.
func (r *raft) dropProposal(pb.Message) error {
	r.logger.Infof("%x has no leader at term %d: a proposal is dropped", r.id, r.Term)
	return ErrProposalDropped
}

// dropReadIndex: the caller asks again, so losing a read request harms nobody.
func (r *raft) dropReadIndex(pb.Message) error {
	r.logger.Infof("%x has no leader at term %d: a read request is dropped", r.id, r.Term)
	return nil
}

// handleProposal appends the entries of a proposal and commits what can be.
func (r *raft) handleProposal(m pb.Message) error {
	if len(m.Entries) == 0 {
		r.logger.Panicf("%x: a proposal without entries", r.id)
	}
	if !r.prs.contains(r.id) {
		return ErrProposalDropped // removed while leading: takes nothing new
	}
	if !r.fitsUncommitted(payload(m.Entries)) {
		r.logger.Debugf("%x holds %d bytes uncommitted: a proposal is dropped", r.id, r.uncommittedSize)
		return ErrProposalDropped
	}
	for i := range m.Entries {
		r.admitConfChange(&m.Entries[i], r.raftLog.lastIndex()+1+uint64(i))
	}
	r.appendEntries(m.Entries)
	r.advanceCommit()
	return nil
}

// appendEntries gives ents their place in the log. It stamps them where they are
// and copies them once, into unstable; so the slice stays the caller's, while the
// data is kept.
func (r *raft) appendEntries(ents []pb.Entry) {
	r.uncommittedSize += payload(ents)
	last := r.raftLog.lastIndex()
	for i := range ents {
		last++
		ents[i].Term, ents[i].Index = r.Term, last
	}
	r.raftLog.append(ents)
	// The leader counts itself at once, before its disk has the entries. That is
	// sound only because Ready's contract has the application persist Entries
	// BEFORE it applies CommittedEntries.
	r.prs.match = last
}

// advanceCommit commits what a majority holds, if its last entry is of this term;
// earlier terms' entries are committed with it and never by counting (Raft §5.4.2).
func (r *raft) advanceCommit() {
	i := r.prs.committed()
	if i <= r.raftLog.committed || !r.raftLog.matchTerm(i, r.Term) {
		return
	}
	r.raftLog.commitTo(i)
	r.releaseReads()
}

// payload returns the bytes of data in ents. Only these count towards the limit,
// so that an empty entry is never refused.
func payload(ents []pb.Entry) (n uint64) {
	for i := range ents {
		n += uint64(len(ents[i].Data))
	}
	return n
}

// fitsUncommitted reports whether size more bytes may wait. Without a quorum
// nothing is committed, and clients that retry would fill the memory of a leader
// that has no limit.
func (r *raft) fitsUncommitted(size uint64) bool {
	return size == 0 || r.uncommittedSize == 0 || r.uncommittedSize+size <= r.maxUncommittedSize
}

// reduceUncommitted takes entries off the count when they are handed out as
// committed. Those of former leaders were never counted, so it stops at 0.
func (r *raft) reduceUncommitted(ents []pb.Entry) {
	if r.uncommittedSize > 0 {
		r.uncommittedSize -= min(r.uncommittedSize, payload(ents))
	}
}
