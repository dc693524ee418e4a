package paper

// Leadership transfer (dissertation §3.10): the leader takes no new commands, brings the
// chosen server's log up to date, and tells it to campaign at once. Its log is as good as
// any, and nobody else campaigns: it wins. If it does not, the leader goes on after an
// election timeout.

// handover is a transfer under way; to 0: none.
type handover struct {
	to    uint64
	ticks int
	sent  bool // TimeoutNow
}

// Transfer asks the leader to hand over to another server. Others, and a leader that is
// asked to hand over to itself or to a stranger, do nothing.
func (s *Server) Transfer(to uint64) {
	p := s.peer(to)
	if s.role != Leader || p == nil || to == s.ID || to == s.transfer.to {
		return
	}
	s.fire(RuleTransfer1)
	s.transfer = handover{to: to}
	if s.finishTransfer(p); !s.transfer.sent {
		s.sendAppend(p)
	}
	s.check()
}

// finishTransfer sends TimeoutNow once the chosen server has the whole log. From then on the
// leader must not trust its lease in this term: voters obey a campaign at its own wish.
func (s *Server) finishTransfer(p *peer) {
	if s.transfer.to != p.id || s.transfer.sent || p.matchIndex < s.log.last() {
		return
	}
	s.fire(RuleTransfer2)
	s.transfer.sent = true
	s.reading.noLease = true
	s.send(p.id, &TimeoutNow{})
}

// tickTransfer gives up after an election timeout.
func (s *Server) tickTransfer() {
	if s.transfer.to == 0 {
		return
	}
	if s.transfer.ticks++; s.transfer.ticks >= s.ElectionTicks {
		s.transfer = handover{}
	}
}

// onTimeoutNow campaigns, without asking first.
func (s *Server) onTimeoutNow(Message) {
	s.fire(RuleTransfer3)
	s.startElection(true)
}
