//go:build ignore

// Another solution of lab 3.1, the refusal: it passes too, so the tests ask for the
// rules and not for this or that way to write them down.
package raft

import pb "insideetcd/ch03-etcdraft/raftpb"

// refuseAppend says nothing in the log of the process.
func (r *raft) refuseAppend(m pb.Message) {
	answer := pb.Message{Type: pb.MsgAppResp, To: m.From, Index: m.Index, Reject: true}
	answer.RejectHint = r.raftLog.findConflictByTerm(m.Index, m.LogTerm)
	answer.LogTerm, _ = r.raftLog.term(answer.RejectHint)
	r.send(answer)
}
