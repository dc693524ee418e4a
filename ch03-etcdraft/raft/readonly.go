package raft

import pb "insideetcd/ch03-etcdraft/raftpb"

// ReadState answers a ReadIndex: once the application has applied Index, a read of
// its state is linearizable with respect to the moment of the request. RequestCtx
// is the bytes that the request came with.
type ReadState struct {
	Index      uint64
	RequestCtx []byte
}

// handleReadIndex answers a read (Raft §8, Raft thesis §6.4). A leader that has not
// committed an entry of its own term does not know yet how far its predecessors
// had committed: its commit index may be behind an answer that a client has
// already seen. So the read waits for the empty entry that the leader began with.
func (r *raft) handleReadIndex(m pb.Message) error {
	if !r.raftLog.matchTerm(r.raftLog.committed, r.Term) {
		r.pendingReads = append(r.pendingReads, m)
		return nil
	}
	r.answerRead(m)
	return nil
}

// releaseReads answers the reads that waited for this commit.
func (r *raft) releaseReads() {
	for _, m := range r.pendingReads {
		r.answerRead(m)
	}
	r.pendingReads = nil
}

// answerRead hands out the commit index, to the application here or to the member
// that passed the read on. The only voter needs no quorum to know that it leads.
func (r *raft) answerRead(m pb.Message) {
	if m.From != None && m.From != r.id {
		r.send(pb.Message{To: m.From, Type: pb.MsgReadIndexResp, Index: r.raftLog.committed, Entries: m.Entries})
		return
	}
	var ctx []byte
	if len(m.Entries) > 0 {
		ctx = m.Entries[0].Data
	}
	r.readStates = append(r.readStates, ReadState{Index: r.raftLog.committed, RequestCtx: ctx})
}
