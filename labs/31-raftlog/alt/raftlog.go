//go:build ignore

// Another solution of lab 3.1, the functions of raftLog: it passes too, so the tests ask for the
// rules and not for this or that way to write them down.
package raft

import pb "insideetcd/ch03-etcdraft/raftpb"

// isUpToDate walks through the cases one by one.
func (l *raftLog) isUpToDate(index, term uint64) bool {
	mine := l.lastTerm()
	if term == mine {
		return l.lastIndex() <= index
	}
	return mine < term
}

// findConflict counts what agrees.
func (l *raftLog) findConflict(ents []pb.Entry) uint64 {
	agree := 0
	for agree < len(ents) && l.matchTerm(ents[agree].Index, ents[agree].Term) {
		agree++
	}
	if agree == len(ents) {
		return 0
	}
	return ents[agree].Index
}

// findConflictByTerm calls itself.
func (l *raftLog) findConflictByTerm(index, term uint64) uint64 {
	if last := l.lastIndex(); index > last {
		return l.findConflictByTerm(last, term)
	}
	if index < l.firstIndex() {
		return index
	}
	if t, err := l.term(index); err != nil || t <= term {
		return index
	}
	return l.findConflictByTerm(index-1, term)
}
