package paper

// A handler answers one kind of message in one role.
type handler func(*Server, Message)

// handlers is the protocol at a glance: roles × messages. An empty field means that the
// message is of no interest in that role. All messages that reach a handler are of the
// server's own term: Step has dealt with the others.
var handlers = func() (table [roles][kinds]handler) {
	for role := Follower; role < roles; role++ {
		table[role][KindRequestVote] = (*Server).onRequestVote
		table[role][KindPreVote] = (*Server).onPreVote
		table[role][KindReadIndexReply] = (*Server).onReadIndexReply
	}
	for _, role := range []Role{Follower, PreCandidate, Candidate} {
		table[role][KindAppendEntries] = (*Server).onAppendEntries
		table[role][KindInstallSnapshot] = (*Server).onInstallSnapshot
	}
	for _, role := range []Role{Follower, PreCandidate} {
		table[role][KindTimeoutNow] = (*Server).onTimeoutNow
	}
	table[PreCandidate][KindPreVoteReply] = (*Server).onPreVoteReply
	table[Candidate][KindRequestVoteReply] = (*Server).onRequestVoteReply
	table[Leader][KindAppendEntriesReply] = (*Server).onAppendEntriesReply
	table[Leader][KindInstallSnapshotReply] = (*Server).onInstallSnapshotReply
	table[Leader][KindReadIndex] = (*Server).onReadIndex
	return table
}()

// Step takes one message in; what follows from it waits in Output. The message may be
// old, repeated or out of order; one that is not well formed is dropped.
func (s *Server) Step(m Message) {
	if !s.wellFormed(m) {
		return
	}
	if m.Term > s.currentTerm && !s.newTerm(m) {
		return
	}
	if m.Term < s.currentTerm {
		s.answerOldTerm(m)
		return
	}
	if handle := handlers[s.role][m.Body.Kind()]; handle != nil {
		handle(s, m)
	}
	s.check()
}

// newTerm is the rule that a higher term ends every role (Rules for Servers, all servers
// 2; §5.1), with its two exceptions. It tells whether to go on with the message.
func (s *Server) newTerm(m Message) bool {
	switch body := m.Body.(type) {
	case *PreVote:
		// A question is no campaign: it changes nobody's term (dissertation §9.6).
		s.onPreVote(m)
		return false
	case *RequestVote:
		if s.disrupts(body) {
			s.fire(RuleDisruptive)
			return false
		}
	}
	s.fire(RuleAllServers2)
	s.becomeFollower(m.Term)
	return true
}

// answerOldTerm tells a server that is behind the current term, where it asked for
// something (AppendEntries receiver 1, RequestVote receiver 1, InstallSnapshot receiver 1).
// A reply from an old term is dropped: it answers a question that nobody asks any more.
func (s *Server) answerOldTerm(m Message) {
	switch body := m.Body.(type) {
	case *AppendEntries:
		s.fire(RuleAppendEntries1)
		s.reply(m, &AppendEntriesReply{PrevLogIndex: body.PrevLogIndex})
	case *RequestVote:
		s.fire(RuleRequestVote1)
		s.reply(m, &RequestVoteReply{})
	case *InstallSnapshot:
		s.fire(RuleInstallSnapshot1)
		s.reply(m, &InstallSnapshotReply{})
	case *PreVote:
		s.reply(m, &PreVoteReply{})
	}
}

// reply answers m, after what it promises is on disk.
func (s *Server) reply(m Message, body Body) { s.sendAfterSave(m.From, body) }

// sendAfterSave lets a message leave once everything up to now is on disk.
func (s *Server) sendAfterSave(to uint64, body Body) {
	s.out.SendAfterSave = append(s.out.SendAfterSave, Message{From: s.ID, To: to, Term: s.currentTerm, Body: body})
}

// send lets a message leave at once: it promises nothing that is not on disk already.
func (s *Server) send(to uint64, body Body) {
	s.out.Send = append(s.out.Send, Message{From: s.ID, To: to, Term: s.currentTerm, Body: body})
}
