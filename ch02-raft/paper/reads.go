package paper

// Linearizable reads without a log entry (§8; dissertation §6.4). Two dangers: the leader
// may have been deposed without knowing it, and a new leader does not know yet what its
// predecessors committed.
//
//	1. The leader waits until the empty entry of its term (termStart) is committed.
//	2. readIndex is its commitIndex when the read came, at least termStart.
//	3. A round of heartbeats that began after the read came is answered by a majority: so no
//	   other leader had committed anything at that time.
//	4. Once readIndex is applied the read may be answered, at any server.
//
// A round serves all reads that wait for it. Rounds are numbered within a term and every
// attempt is a new round; answers carry the number back (Stamp), so that an old answer
// cannot confirm a newer round. A round that is lost is followed by the next heartbeat's.
//
// With LeaseRead step 3 is skipped while the leader has a lease (§6.4.1 there): a majority
// answered something that it sent less than leaseTicks ago, so for this time none of them
// votes for anybody else (disrupts), and a leader needs one of their votes. This holds only if
// no clock is fast or slow by more than Config.DriftPercent, nor stands still while the
// server goes on: a virtual machine that is moved breaks the promise, and reads turn stale.

// maxReads may wait at one server.
const maxReads = 1024

type reads struct {
	round   uint64   // the newest one
	waiting []read   // at the leader, in order of arrival
	asked   []uint64 // IDs that this server asked the leader about
	noLease bool     // TimeoutNow was sent: its receiver may campaign at any time
}

type read struct {
	id, from     uint64 // from: the server whose client waits
	index, round uint64 // readIndex, and the first round that confirms it
}

// ReadState answers Read: once everything up to Index is applied, the state shows every
// write that was acknowledged before the read came.
type ReadState struct {
	ID, Index uint64
}

// Read asks for the index of a read; id is new for every attempt. The answer comes in
// Output.Reads, or never, if leadership or messages are lost. A follower asks its leader.
func (s *Server) Read(id uint64) error {
	switch {
	case s.role == Leader:
		if !s.addRead(id, s.ID) {
			return ErrBusy
		}
	case s.leader == 0:
		return ErrNoLeader
	default:
		asked := append(s.reading.asked, id)
		s.reading.asked = asked[max(0, len(asked)-maxReads):]
		s.send(s.leader, &ReadIndex{ID: id})
	}
	s.check()
	return nil
}

// onReadIndex is a follower's read, at the leader.
func (s *Server) onReadIndex(m Message) { s.addRead(m.Body.(*ReadIndex).ID, m.From) }

// onReadIndexReply is the leader's answer. It is given once, also if it comes twice.
func (s *Server) onReadIndexReply(m Message) {
	reply := m.Body.(*ReadIndexReply)
	for i, id := range s.reading.asked {
		if id == reply.ID {
			s.reading.asked = append(s.reading.asked[:i:i], s.reading.asked[i+1:]...)
			s.out.Reads = append(s.out.Reads, ReadState(*reply))
			return
		}
	}
}

// addRead answers at once, or lets the read wait for a round that begins after now.
func (s *Server) addRead(id, from uint64) bool {
	r := read{id: id, from: from, index: max(s.commitIndex, s.termStart), round: s.reading.round + 1}
	if s.LeaseRead && s.commitIndex >= s.termStart && s.holdsLease() {
		s.fire(RuleLease)
		s.answer(r)
		return true
	}
	if len(s.reading.waiting) >= maxReads {
		return false
	}
	s.fire(RuleReadIndex2)
	s.reading.waiting = append(s.reading.waiting, r)
	if s.confirmedRound() == s.reading.round {
		s.heartbeat()
	}
	return true
}

// stamp is what goes out with every AppendEntries and InstallSnapshot.
func (s *Server) stamp() Stamp { return Stamp{Round: s.reading.round, SentAt: s.clock} }

// heard: p has answered what was stamped so; it followed this leader when it did.
func (s *Server) heard(p *peer, stamp Stamp) {
	p.heardAt = s.clock
	p.acked.Round = max(p.acked.Round, stamp.Round)
	p.acked.SentAt = max(p.acked.SentAt, stamp.SentAt)
	s.confirmReads()
}

// confirmedRound is the newest round that a majority has answered.
func (s *Server) confirmedRound() uint64 {
	s.self().acked = s.stamp()
	return reachedByMajority(s, func(p *peer) uint64 { return p.acked.Round })
}

// confirmReads answers the reads whose round is confirmed, and begins a round for those that
// came after it began.
func (s *Server) confirmReads() {
	if len(s.reading.waiting) == 0 || s.commitIndex < s.termStart {
		return
	}
	confirmed, n := s.confirmedRound(), 0
	for ; n < len(s.reading.waiting) && s.reading.waiting[n].round <= confirmed; n++ {
		s.fire(RuleReadIndex3)
		s.answer(s.reading.waiting[n])
	}
	if s.reading.waiting = s.reading.waiting[n:]; len(s.reading.waiting) > 0 && confirmed == s.reading.round {
		s.heartbeat()
	}
}

func (s *Server) answer(r read) {
	if r.from == s.ID {
		s.out.Reads = append(s.out.Reads, ReadState{ID: r.id, Index: r.index})
		return
	}
	s.send(r.from, &ReadIndexReply{ID: r.id, Index: r.index})
}

// holdsLease tells that no other leader can have been elected yet. The lease is counted
// from when the majority's newest answered message was SENT; a vote is refused for
// ElectionTicks from when it was received, which is later.
func (s *Server) holdsLease() bool {
	s.self().acked = s.stamp()
	sent := reachedByMajority(s, func(p *peer) int64 { return p.acked.SentAt })
	return !s.reading.noLease && s.clock-sent < s.leaseTicks()
}

// leaseTicks is shorter than the election timeout by one tick, because ticks are counted
// and not measured, and by the drift of a slow leader's clock against a fast voter's.
func (s *Server) leaseTicks() int64 {
	return int64(s.ElectionTicks-1) * int64(100-s.DriftPercent) / int64(100+s.DriftPercent)
}
