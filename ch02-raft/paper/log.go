package paper

import "sort"

// Entry is one entry of the log (§5.3). Command is nil in the empty entry with which a
// leader begins its term (§8).
type Entry struct {
	Index, Term uint64
	Command     []byte
}

// position of an entry; what it stands for is one and the same in all logs (§5.3).
type position struct{ index, term uint64 }

// Snapshot is the state machine's state after the entry (Index, Term) (§7).
type Snapshot struct {
	Index, Term uint64
	State       []byte
}

// raftLog is log[] of Figure 2: the snapshot stands for all entries up to its Index, the
// entries follow it without a gap.
//
// Messages and saves share the array below entries. That is safe because an element is
// written once: append writes behind what is shared, and a cut copies (L1).
type raftLog struct {
	snapshot Snapshot
	entries  []Entry
}

func (l *raftLog) first() uint64 { return l.snapshot.Index + 1 }
func (l *raftLog) last() uint64  { return l.snapshot.Index + uint64(len(l.entries)) }

func (l *raftLog) lastTerm() uint64 {
	term, _ := l.term(l.last())
	return term
}

// term of the entry at index; false if the log does not know it (any more).
func (l *raftLog) term(index uint64) (uint64, bool) {
	switch {
	case index == l.snapshot.Index:
		return l.snapshot.Term, true
	case index < l.first() || index > l.last():
		return 0, false
	}
	return l.entries[index-l.first()].Term, true
}

// holds tells that the log has the entry (index, term), which by the Log Matching Property
// (§5.3) means that it has all before it too.
func (l *raftLog) holds(index, term uint64) bool {
	have, ok := l.term(index)
	return ok && have == term
}

// from is at most n entries from index on, shared.
func (l *raftLog) from(index uint64, n int) []Entry {
	tail := l.entries[min(index-l.first(), uint64(len(l.entries))):]
	n = min(n, len(tail))
	return tail[:n:n]
}

func (l *raftLog) append(entries ...Entry) { l.entries = append(l.entries, entries...) }

// cutFrom forgets the entry at index and all after it.
func (l *raftLog) cutFrom(index uint64) {
	keep := index - l.first()
	l.entries = l.entries[:keep:keep] // L1: the next append goes to a new array
}

// compact lets the snapshot stand for the entries up to its Index, and for all if the log
// does not hold the snapshot's last entry.
func (l *raftLog) compact(s Snapshot) {
	if l.holds(s.Index, s.Term) {
		l.entries = append([]Entry(nil), l.entries[s.Index-l.snapshot.Index:]...)
	} else {
		l.entries = nil
	}
	l.snapshot = s
}

// firstOfTerm is the first index from the log's first to index, from which on entries up
// to index have the term of the one at index. Terms never decrease, so it searches by halves.
func (l *raftLog) firstOfTerm(index uint64) uint64 {
	term, _ := l.term(index)
	at := sort.Search(int(index-l.snapshot.Index), func(i int) bool { return l.entries[i].Term >= term })
	return l.first() + uint64(at)
}

// lastOfTerm is the last index whose entry has term; false if there is none.
func (l *raftLog) lastOfTerm(term uint64) (uint64, bool) {
	at := sort.Search(len(l.entries), func(i int) bool { return l.entries[i].Term > term })
	index := l.snapshot.Index + uint64(at)
	return index, l.holds(index, term)
}
