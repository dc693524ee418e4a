package raft

import (
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// Asynchronous storage writes (Config.AsyncStorageWrites): the work of a Ready as
// messages to two threads of the application, each of which does its messages in order.
//
//	Ready ──┬── MsgStorageAppend ─▶ log thread    writes, then delivers Responses
//	        │     Entries, HardState, Snapshot      · promises to peers, own vote
//	        │                                       · MsgStorageAppendResp
//	        ├── MsgStorageApply ──▶ apply thread  applies, then delivers Responses
//	        │     committed Entries                 · MsgStorageApplyResp
//	        └── other messages ───▶ network       at once, they promise nothing
//
// The order rules of Ready are the same. They are kept by what waits for what: a promise
// leaves with the Responses, AFTER its HardState and entries are on disk; an entry is
// handed out to be applied AFTER MsgStorageAppendResp said that it is in Storage; the
// leader counts itself then as well. There is no Advance.
//
// A MsgStorageAppendResp says: up to (Index, LogTerm) my log is written. Example of why it
// carries the Term in which it was asked for. In term 1 the entry (6, term 1) is handed
// out. The leader of term 2 replaces it by (6, term 2), the leader of term 3, who has the
// old one, puts (6, term 1) back. Now the answer to the first write arrives and fits what
// the log says, while the disk may still hold term 2's entry. It is of a lower term and
// counts for nothing; the append that went out with term 3's HardState will attest it.

// isPromise reports whether a message tells others of something that has to be remembered.
// A vote request is one: it speaks of a log, and a vote for a log that a crash shortens
// might be counted after the restart, in the same term. (etcd 3.6 sends it at once.)
func isPromise(t pb.MessageType) bool {
	return t == pb.MsgAppResp || t == pb.MsgVote || t == pb.MsgVoteResp || t == pb.MsgPreVoteResp
}

func isLocalThread(id uint64) bool { return id == LocalAppendThread || id == LocalApplyThread }

// isOwnVote reports whether m is the vote of a candidate for itself, back from the disk.
func (r *raft) isOwnVote(m pb.Message) bool {
	return r.asyncStorageWrites && m.Type == pb.MsgVoteResp && !m.Reject
}

// withStorageWork returns the messages of rd and those to the threads.
func (r *raft) withStorageWork(rd Ready) []pb.Message {
	out := append(make([]pb.Message, 0, len(rd.Messages)+2), rd.Messages...)
	if len(rd.Entries) > 0 || !IsEmptyHardState(rd.HardState) || !IsEmptySnap(rd.Snapshot) || len(r.msgsAfterAppend) > 0 {
		out = append(out, r.storageAppend(rd))
	}
	if len(rd.CommittedEntries) > 0 {
		out = append(out, r.storageApply(rd.CommittedEntries))
	}
	return out
}

// storageAppend is the work of the log thread. Its HardState is empty if that has not
// changed.
func (r *raft) storageAppend(rd Ready) pb.Message {
	done := pb.Message{
		Type: pb.MsgStorageAppendResp, To: r.id, From: LocalAppendThread, Term: r.Term, Snapshot: rd.Snapshot,
	}
	if last, ok := r.raftLog.unstable.lastIndex(); ok && len(r.raftLog.unstable.entries) > 0 {
		done.Index, done.LogTerm = last, r.raftLog.lastTerm()
	}
	responses := append(make([]pb.Message, 0, len(r.msgsAfterAppend)+1), r.msgsAfterAppend...)
	return pb.Message{
		Type: pb.MsgStorageAppend, To: LocalAppendThread, From: r.id, Entries: rd.Entries,
		Term: rd.HardState.Term, Vote: rd.HardState.Vote, Commit: rd.HardState.Commit,
		Snapshot: rd.Snapshot, Responses: append(responses, done),
	}
}

// storageApply is the work of the apply thread.
func (r *raft) storageApply(ents []pb.Entry) pb.Message {
	return pb.Message{
		Type: pb.MsgStorageApply, To: LocalApplyThread, From: r.id, Entries: ents,
		Responses: []pb.Message{{Type: pb.MsgStorageApplyResp, To: r.id, From: LocalApplyThread, Entries: ents}},
	}
}

// handleStorageAppendResp: the log thread has written everything up to m.Index.
func (r *raft) handleStorageAppendResp(m pb.Message) error {
	if m.Index != 0 {
		r.raftLog.unstable.stableTo(m.Index, m.LogTerm)
		r.raftLog.checkStored()
	}
	r.snapshotStored(m.Snapshot)
	if r.state == StateLeader {
		r.acknowledgeOwn()
	}
	return nil
}

// snapshotStored: a snapshot from a leader is on disk and in the state machine.
func (r *raft) snapshotStored(s pb.Snapshot) {
	if IsEmptySnap(s) || s.Metadata.Index > r.raftLog.committed {
		return
	}
	r.raftLog.unstable.stableSnapTo(s.Metadata.Index)
	r.raftLog.appliedTo(max(r.raftLog.applied, s.Metadata.Index))
}

// handleStorageApplyResp: the apply thread has applied the entries.
func (r *raft) handleStorageApplyResp(m pb.Message) error {
	if len(m.Entries) == 0 {
		return nil
	}
	if last := m.Entries[len(m.Entries)-1].Index; last > r.raftLog.applied && last <= r.raftLog.committed {
		r.reduceUncommitted(m.Entries)
		r.raftLog.appliedTo(last)
		r.leaveJointIfDue()
		r.admitSnapshot()
	}
	return nil
}
