package raft

// checkpoint is what must not go back between two checks.
type checkpoint struct {
	term, vote         uint64
	committed, applied uint64
}

// check panics if a numbered invariant of raft does not hold any more: a node that
// contradicts itself must not go on talking to others. It costs a few comparisons
// and stays on.
func (r *raft) check() {
	l := r.raftLog
	now := checkpoint{term: r.Term, vote: r.Vote, committed: l.committed, applied: l.applied}
	was, last := r.checked, l.lastIndex()
	switch {
	case now.applied > now.committed || now.committed > last:
		r.broken("I1: applied %d ≤ committed %d ≤ last index %d", now.applied, now.committed, last)
	case now.term < was.term || now.committed < was.committed || now.applied < was.applied:
		r.broken("I2: (term, committed, applied) went back from (%d, %d, %d) to (%d, %d, %d)",
			was.term, was.committed, was.applied, now.term, now.committed, now.applied)
	case now.term == was.term && was.vote != None && now.vote != was.vote:
		r.broken("I3: vote of term %d changed from %x to %x", now.term, was.vote, now.vote)
	case (r.state == StateLeader) != (r.lead == r.id):
		r.broken("I4: %s of term %d believes that %x leads", r.state, now.term, r.lead)
	case r.pendingConfIndex > last:
		r.broken("I6: pending configuration change at %d ≤ last index %d", r.pendingConfIndex, last)
	}
	r.checked = now
}

func (r *raft) broken(format string, args ...any) {
	r.logger.Panicf("raft %x: broken invariant "+format, append([]any{r.id}, args...)...)
}
