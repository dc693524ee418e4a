package raft

import (
	"encoding/binary"

	"insideetcd/ch03-etcdraft/quorum"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// ReadState answers a ReadIndex: once the application has applied Index, a read of
// its state is linearizable with respect to the moment of the request. RequestCtx
// is the bytes that the request came with.
type ReadState struct {
	Index      uint64
	RequestCtx []byte
}

// readOnly is how a leader makes sure that it still leads before it says up to where a
// read must see (Raft §8, Raft thesis §6.4): after the read came in, a quorum has to
// answer a heartbeat. Heartbeats are numbered in rounds, and a round that begins after
// a read came in confirms it, whoever asked and however often. So one round serves all
// reads that wait, and no answer to an earlier round is ever mistaken for one to a later
// (R1: in etcd the request's own bytes number the round, and a request that was sent
// again was confirmed by late answers to the first attempt).
//
//	reads          a   b          c   d
//	rounds      ───┬──────────────┬───────────▶
//	               1 (a)          2 (b c d)
//	               └─ a quorum ───┘
//
// Example: a begins round 1. b comes while 1 is under way, which may have reached a
// follower before b came, so b waits for the next. When a quorum has answered 1, a is
// answered and round 2 begins for b, and for what has come since.
//
// With ReadOnlyLeaseBased every heartbeat begins a round, and one that a quorum has
// answered vouches for a while: each of them refuses other candidates for an election
// timeout from its answer on, and after a restart as well, so until then nobody else
// leads. The time counts from the moment when the round began, and a quarter of it is
// kept back: the lease holds as long as no member's clock gains more than a third on
// this node's (Raft thesis §6.4.1). etcd trusts CheckQuorum instead, whose window may
// be two election timeouts old. A leader that has told another to campaign has no lease
// any more, for that candidate is not refused.
//
// Invariants:
//
//	Q1. a read waits for a round that began after it came in.
//	Q2. rounds of the queue never fall, so a confirmed round answers a prefix.
type readOnly struct {
	option ReadOnlyOption

	// early are reads that came before this leader committed an entry of its own term.
	early []pb.Message

	readIndexQueue []readIndexStatus
	round          uint64            // the round under way or finished last; starts over with each term of office
	confirmed      uint64            // the last round that a quorum has answered
	acks           map[uint64]uint64 // the last round that each member has answered

	now        int   // ticks in office
	began      []int // when the rounds after confirmed began
	leaseUntil int
	leaseTicks int // how long a confirmed round vouches; 0: not at all
}

// readIndexStatus is a read that waits for its round.
type readIndexStatus struct {
	req   pb.Message
	index uint64 // the commit index when it came in
	round uint64
}

func newReadOnly(c *Config) readOnly {
	ro := readOnly{option: c.ReadOnlyOption, acks: map[uint64]uint64{}}
	ro.reset(c.ElectionTick)
	return ro
}

// reset forgets everything: answers to an earlier term's rounds carry that term and are
// not handled any more.
func (ro *readOnly) reset(electionTicks int) {
	clear(ro.acks)
	*ro = readOnly{option: ro.option, acks: ro.acks}
	if ro.option == ReadOnlyLeaseBased {
		ro.leaseTicks = electionTicks - electionTicks/4 - 1
	}
}

// leased reports whether nobody else can lead now.
func (ro *readOnly) leased() bool { return ro.now < ro.leaseUntil }

// endLease gives the lease up for the rest of the term.
func (ro *readOnly) endLease() { ro.leaseTicks, ro.leaseUntil = 0, 0 }

// add queues a read for the next round and reports whether that should begin now.
func (ro *readOnly) add(m pb.Message, index uint64) bool {
	ro.readIndexQueue = append(ro.readIndexQueue, readIndexStatus{req: m, index: index, round: ro.round + 1})
	return ro.round == ro.confirmed
}

// nextRound begins another round, if reads wait or a lease is to be renewed, and returns
// its context for the heartbeats; nil if not. The reads of a round whose heartbeats were
// lost wait for this one.
func (ro *readOnly) nextRound() []byte {
	if len(ro.readIndexQueue) == 0 && ro.leaseTicks == 0 {
		return nil
	}
	ro.round++
	if ro.leaseTicks > 0 {
		ro.began = append(ro.began, ro.now)
	}
	return binary.BigEndian.AppendUint64(nil, ro.round)
}

// waiting reports whether reads wait for a round that has not begun.
func (ro *readOnly) waiting() bool {
	n := len(ro.readIndexQueue)
	return n > 0 && ro.readIndexQueue[n-1].round > ro.round
}

// take removes and returns the reads that the rounds up to confirmed answer, and renews
// the lease.
func (ro *readOnly) take(confirmed uint64) []readIndexStatus {
	if news := int(confirmed) - int(ro.confirmed); news > 0 {
		if ro.leaseTicks > 0 {
			ro.leaseUntil = ro.began[news-1] + ro.leaseTicks
			ro.began = ro.began[news:]
		}
		ro.confirmed = confirmed
	}
	n := 0
	for n < len(ro.readIndexQueue) && ro.readIndexQueue[n].round <= confirmed {
		n++
	}
	taken := ro.readIndexQueue[:n:n]
	ro.readIndexQueue = ro.readIndexQueue[n:]
	return taken
}

// AckedIndex is the last round that a member has answered: the round that a quorum has
// answered is found like the index that a quorum holds.
func (ro *readOnly) AckedIndex(id uint64) (quorum.Index, bool) {
	round, ok := ro.acks[id]
	return quorum.Index(round), ok
}

// handleReadIndex answers a read, or begins to make sure. A leader that has not
// committed an entry of its own term does not know yet how far its predecessors
// had committed: its commit index may be behind an answer that a client has
// already seen. So the read waits for the empty entry that the leader began with.
func (r *raft) handleReadIndex(m pb.Message) error {
	if !r.raftLog.matchTerm(r.raftLog.committed, r.Term) {
		r.readOnly.early = append(r.readOnly.early, m)
		return nil
	}
	r.admitRead(m)
	return nil
}

// admitReads lets in the reads that waited for this commit.
func (r *raft) admitReads() {
	early := r.readOnly.early
	r.readOnly.early = nil
	for _, m := range early {
		r.admitRead(m)
	}
}

// admitRead answers at once where the quorum is this node alone or the lease is trusted.
func (r *raft) admitRead(m pb.Message) {
	if r.leadsAlone() || r.readOnly.leased() {
		r.answerRead(m, r.raftLog.committed)
		return
	}
	if r.readOnly.add(m, r.raftLog.committed) {
		r.broadcastHeartbeat(r.readOnly.nextRound())
	}
}

// leadsAlone reports whether this node is the only one to decide.
func (r *raft) leadsAlone() bool {
	return r.prs.IsSingleton() && r.prs.Voters.Contains(r.id)
}

// confirmReads takes in that from has answered the heartbeat with context.
func (r *raft) confirmReads(from uint64, context []byte) {
	ro := &r.readOnly
	if len(context) != 8 || ro.round == ro.confirmed {
		return
	}
	round := min(binary.BigEndian.Uint64(context), ro.round)
	ro.acks[from] = max(ro.acks[from], round)
	r.answerConfirmed()
}

// answerConfirmed answers the reads whose round a quorum has answered, and begins the next
// round if others wait.
func (r *raft) answerConfirmed() {
	ro := &r.readOnly
	ro.acks[r.id] = ro.round
	for _, read := range ro.take(min(uint64(r.prs.Voters.CommittedIndex(ro)), ro.round)) {
		r.answerRead(read.req, read.index)
	}
	if ro.round == ro.confirmed && ro.waiting() {
		r.broadcastHeartbeat(ro.nextRound())
	}
}

// answerRead hands out index, to the application here or to the member that passed the
// read on.
func (r *raft) answerRead(m pb.Message, index uint64) {
	if m.From != None && m.From != r.id {
		r.send(pb.Message{To: m.From, Type: pb.MsgReadIndexResp, Index: index, Entries: m.Entries})
		return
	}
	var ctx []byte
	if len(m.Entries) > 0 {
		ctx = m.Entries[0].Data
	}
	r.readStates = append(r.readStates, ReadState{Index: index, RequestCtx: ctx})
}

// forwardReadIndex passes a read of this node's own on to the leader. One that another
// node took for the leader's came too late.
func (r *raft) forwardReadIndex(m pb.Message) error {
	if r.lead == None || m.From != None && m.From != r.id {
		return r.dropReadIndex(m)
	}
	m.To = r.lead
	r.send(m)
	return nil
}

// handleReadIndexResp hands the leader's answer to the application.
func (r *raft) handleReadIndexResp(m pb.Message) error {
	r.readStates = append(r.readStates, ReadState{Index: m.Index, RequestCtx: m.Entries[0].Data})
	return nil
}

// dropReadIndex: the caller asks again, so losing a read request harms nobody.
func (r *raft) dropReadIndex(pb.Message) error {
	r.logger.Infof("%x knows no leader at term %d for a read request: it is dropped", r.id, r.Term)
	return nil
}
