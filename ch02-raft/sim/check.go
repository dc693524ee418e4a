package sim

import (
	"fmt"

	"insideetcd/ch02-raft/trace"
)

// checker knows everything that any server ever said, and so sees what no server can.
//
// Every entry has a chain: a number that depends on the entry and on all entries before
// it. Two logs are identical up to an entry if the chains of the entry are equal, so each
// invariant needs to look at new entries only.
type checker struct {
	leaders   []uint64          // by term: the leader elected, 0 if none
	versions  [][]chain         // by index: all entries that ever stood there, in any log
	committed []commit          // by index
	placed    []uint64          // by request: where it stands in the committed log, 0 if it does not
	applied   uint64            // the highest index that any state machine reached
	states    map[uint64]string // the state after an index at which a snapshot was made
}

// chain is an entry together with all before it.
type chain struct {
	term uint64
	sum  uint64
}

// commit is a committed entry, and the term of the server that first knew of it. The entry
// was committed in that term or before.
type commit struct {
	chain
	known uint64
}

func newChecker() checker {
	return checker{
		leaders:   make([]uint64, 1, 64),
		versions:  append(make([][]chain, 0, 256), []chain{{}}), // index 0: before all entries
		committed: append(make([]commit, 0, 256), commit{}),
		states:    map[uint64]string{},
	}
}

// shadow is the checker's copy of one server's log, as chains, and of its last status.
type shadow struct {
	base   uint64  // index of chains[0]: the entry before the log's first
	chains []chain // never empty
	prev   Status
	dirty  uint64 // the log may have changed from this index on; 0: nothing is known to have
}

func (s *shadow) last() uint64 { return s.base + uint64(len(s.chains)) - 1 }

// at is the chain of the entry at index; false if the log does not reach there.
func (s *shadow) at(index uint64) (chain, bool) {
	if index < s.base || index > s.last() {
		return chain{}, false
	}
	return s.chains[index-s.base], true
}

// observe compares a server with what was known of it and of the others. It is called
// after every event; nothing new costs a few comparisons.
func (c *Cluster) observe(m *member) {
	if !m.up || c.failed != nil {
		return
	}
	st, p := m.node.Status(), &m.shadow.prev
	if st.Term == p.Term && st.Vote == p.Vote && st.Role == p.Role && st.Leader == p.Leader && st.Commit == p.Commit &&
		st.Last == p.Last && st.LastTerm == p.LastTerm && st.First == p.First && m.shadow.dirty == 0 {
		c.checkStable(m, &st)
		return
	}
	if _, known := c.termBefore(m, &st); !known && m.busy() {
		return // a snapshot came in whose Ready the engine has not offered yet
	}
	c.checkMonotonic(m, &st)
	c.checkLog(m, &st)
	c.checkElection(m, &st)
	c.checkCommit(m, &st)
	c.checkStable(m, &st)
	if c.failed == nil {
		c.tellChanges(m, &st)
	}
	m.shadow.prev = st
}

// checkMonotonic is invariant 6.
func (c *Cluster) checkMonotonic(m *member, st *Status) {
	p := &m.shadow.prev
	switch {
	case st.Term < p.Term:
		c.fail(Monotonic, m.id, "its term fell from %d to %d", p.Term, st.Term)
	case st.Commit < p.Commit:
		c.fail(Monotonic, m.id, "its commit index fell from %d to %d in term %d", p.Commit, st.Commit, st.Term)
	case st.Term == p.Term && p.Vote != 0 && st.Vote != p.Vote:
		c.fail(Monotonic, m.id, "in term %d it voted for S%d, then for S%d", st.Term, p.Vote, st.Vote)
	}
}

// checkLog takes over what is new in a server's log: invariants 2 and 3.
func (c *Cluster) checkLog(m *member, st *Status) {
	s := &m.shadow
	if st.First == 0 || st.Last+1 < st.First {
		c.fail(EngineContract, m.id, "its log begins at %d and ends at %d", st.First, st.Last)
		return
	}
	keeps := st.Role == Leader && s.prev.Role == Leader && st.Term == s.prev.Term
	if keeps && st.Last < s.last() {
		c.fail(LeaderAppendOnly, m.id, "leader of term %d, its log ended at %d and now ends at %d", st.Term, s.last(), st.Last)
		return
	}
	if !c.rebase(m, st) {
		return
	}
	from := c.firstNew(m, st)
	for i := from; i <= st.Last; i++ {
		next, ok := c.chainOf(m, st, i)
		if !ok {
			return
		}
		if old, had := s.at(i); had && keeps && old != next {
			c.fail(LeaderAppendOnly, m.id, "leader of term %d replaced entry %d of term %d by one of term %d", st.Term, i, old.term, next.term)
			return
		}
		s.chains = append(s.chains[:i-s.base], next)
		if !c.register(m, i, next) {
			return
		}
	}
	s.chains = s.chains[:st.Last-s.base+1]
	s.dirty = 0
}

// rebase moves the shadow to where the log begins now, after compaction or a snapshot.
func (c *Cluster) rebase(m *member, st *Status) bool {
	s, base := &m.shadow, st.First-1
	if base == s.base {
		return true
	}
	term, _ := c.termBefore(m, st)
	if known, ok := s.at(base); ok && base > s.base && known.term == term {
		kept := copy(s.chains, s.chains[base-s.base:])
		s.chains, s.base = s.chains[:kept], base
		return true
	}
	if v, ok := c.known(base, term); ok {
		s.chains, s.base, s.dirty = append(s.chains[:0], v), base, st.First
		return true
	}
	c.fail(LogMatching, m.id, "its log begins behind entry %d of term %d, which no log ever held", base, term)
	return false
}

// termBefore is the term of the entry before the log's first: of the snapshot taken,
// written or just handed out, whichever it is. False if there is no such entry.
func (c *Cluster) termBefore(m *member, st *Status) (term uint64, known bool) {
	base := st.First - 1
	if base == 0 {
		return 0, true
	}
	if st.BaseTerm != 0 {
		return st.BaseTerm, true
	}
	for i := len(m.disk.writing) - 1; i >= 0; i-- {
		if snap := m.disk.writing[i].Save.Snapshot; snap != nil && snap.Index == base {
			return snap.Term, true
		}
	}
	if snap := m.disk.synced.Snapshot; snap.Index == base {
		return snap.Term, true
	}
	if known, ok := m.shadow.at(base); ok && base <= m.applied {
		return known.term, true // a log that was cut behind what is applied, and no other log took its place
	}
	return 0, false
}

// firstNew is the first index at which the log may differ from the shadow: walk back from
// the end as long as it does, for equal terms at an index mean equal entries.
func (c *Cluster) firstNew(m *member, st *Status) uint64 {
	s := &m.shadow
	from := min(s.last(), st.Last) + 1
	if s.dirty != 0 {
		from = min(from, s.dirty)
	}
	for from = max(from, st.First); from > st.First; from-- {
		e, ok := m.node.EntryAt(from - 1)
		if known, had := s.at(from - 1); ok && had && known.term == e.Term {
			break
		}
	}
	return from
}

// chainOf reads an entry from the server and links it to the one before.
func (c *Cluster) chainOf(m *member, st *Status, index uint64) (chain, bool) {
	e, ok := m.node.EntryAt(index)
	before, linked := m.shadow.at(index - 1)
	switch {
	case !ok || e.Index != index:
		c.fail(EngineContract, m.id, "its log is %d to %d, but it has no entry %d", st.First, st.Last, index)
	case !linked || e.Term < before.term || e.Term == 0:
		c.fail(LogMatching, m.id, "entry %d of term %d follows an entry of term %d", index, e.Term, before.term)
	default:
		return chain{term: e.Term, sum: sumOf(before, &e)}, true
	}
	return chain{}, false
}

func sumOf(before chain, e *Entry) uint64 {
	sum := uint64(14695981039346656037)
	for _, b := range e.Data {
		sum = (sum ^ uint64(b)) * 1099511628211
	}
	if e.Config {
		sum++
	}
	return trace.Mix(trace.Mix(before.sum, e.Term), sum)
}

// register notes that an entry stands at index, and compares it with all that ever did.
func (c *Cluster) register(m *member, index uint64, v chain) bool {
	for uint64(len(c.check.versions)) <= index {
		c.check.versions = append(c.check.versions, nil)
	}
	for _, known := range c.check.versions[index] {
		if known.term == v.term {
			if known.sum != v.sum {
				c.fail(LogMatching, m.id, "its entry %d of term %d, or one before it, differs from another log's entry of that index and term", index, v.term)
				return false
			}
			return true
		}
	}
	c.check.versions[index] = append(c.check.versions[index], v)
	return true
}

// checkElection is invariants 1 and 4.
func (c *Cluster) checkElection(m *member, st *Status) {
	p := &m.shadow.prev
	if c.failed != nil || st.Role != Leader || p.Role == Leader && p.Term == st.Term {
		return
	}
	k := &c.check
	for uint64(len(k.leaders)) <= st.Term {
		k.leaders = append(k.leaders, 0)
	}
	if other := k.leaders[st.Term]; other != 0 && other != m.id {
		c.fail(ElectionSafety, m.id, "leader of term %d, but S%d was elected leader of term %d", st.Term, other, st.Term)
		return
	}
	k.leaders[st.Term] = m.id
	c.stats.Elections++
	c.leader = m.id
	index := len(k.committed) - 1
	for index > 0 && k.committed[index].known >= st.Term {
		index-- // committed later, or in its own term
	}
	if index == 0 {
		return
	}
	want := k.committed[index]
	if have, ok := m.shadow.at(uint64(index)); uint64(index) > m.shadow.last() || ok && have != want.chain {
		c.fail(LeaderCompleteness, m.id, "elected leader of term %d with a log up to %d that lacks entry %d of term %d, committed in term %d or before",
			st.Term, st.Last, index, want.term, want.known)
	}
}

// checkCommit is the first half of invariant 5: one entry is committed at an index.
func (c *Cluster) checkCommit(m *member, st *Status) {
	p, k := &m.shadow.prev, &c.check
	if c.failed != nil || st.Commit == p.Commit {
		return
	}
	if st.Commit > st.Last {
		c.fail(StateMachineSafety, m.id, "its commit index is %d, its log ends at %d", st.Commit, st.Last)
		return
	}
	known := min(st.Commit, uint64(len(k.committed)-1))
	if have, ok := m.shadow.at(known); ok && have != k.committed[known].chain {
		c.fail(StateMachineSafety, m.id, "it takes entry %d of term %d for committed; another server committed an entry of term %d there",
			known, have.term, k.committed[known].term)
		return
	}
	for i := known + 1; i <= st.Commit; i++ {
		entry, ok := m.shadow.at(i)
		if !ok {
			c.fail(StateMachineSafety, m.id, "it took over a snapshot up to %d, but only %d entries were ever committed", m.shadow.base, known)
			return
		}
		k.committed = append(k.committed, commit{chain: entry, known: st.Term})
	}
}

// checkApplied is the second half of invariant 5, for an entry about to be applied, and
// the first half of invariant 7 for one that nobody applied before.
func (c *Cluster) checkApplied(m *member, e *Entry) bool {
	k := &c.check
	if e.Index >= uint64(len(k.committed)) { // saving it may have committed it
		st := m.node.Status()
		c.checkCommit(m, &st)
	}
	switch {
	case e.Index != m.applied+1:
		c.fail(StateMachineSafety, m.id, "it is to apply entry %d, its state machine is at %d", e.Index, m.applied)
	case e.Index >= uint64(len(k.committed)):
		c.fail(StateMachineSafety, m.id, "it is to apply entry %d, but no server has committed more than %d", e.Index, len(k.committed)-1)
	case k.committed[e.Index].term != e.Term || k.committed[e.Index].sum != sumOf(k.committed[e.Index-1].chain, e):
		c.fail(StateMachineSafety, m.id, "it is to apply an entry %d of term %d that differs from the committed one of term %d",
			e.Index, e.Term, k.committed[e.Index].term)
	case e.Index > k.applied:
		k.applied = e.Index
		return c.checkDurable(m, e)
	}
	return c.failed == nil
}

// checkOnce applies an entry that nobody applied before to the state that all are to
// reach. A request proposed once must not stand in the log twice.
func (c *Cluster) checkOnce(m *member, e *Entry) bool {
	command, _, ok := c.truth.Apply(e.Data)
	if !ok || command.ID > uint64(len(c.history)) {
		return true
	}
	for uint64(len(c.check.placed)) <= command.ID {
		c.check.placed = append(c.check.placed, 0)
	}
	if other := c.check.placed[command.ID]; other != 0 {
		c.fail(EngineContract, m.id, "request #%d was proposed once and is committed twice, as entries %d and %d", command.ID, other, e.Index)
		return false
	}
	c.check.placed[command.ID] = e.Index
	return true
}

// checkDurable: an entry is applied only when most disks hold it.
func (c *Cluster) checkDurable(m *member, e *Entry) bool {
	if c.changing {
		return c.failed == nil
	}
	var on []uint64
	for _, other := range c.members {
		if other.disk.holds(e.Index, e.Term) {
			on = append(on, other.id)
		}
	}
	if 2*len(on) <= len(c.members) {
		c.fail(NothingAcknowledgedLost, m.id, "entry %d of term %d is to be applied, but of %d servers only %v have it on disk",
			e.Index, e.Term, len(c.members), on)
	}
	return c.failed == nil
}

// checkStable is invariant 8.
func (c *Cluster) checkStable(m *member, st *Status) {
	if c.failed != nil || m.busy() {
		return
	}
	state := m.disk.synced.State
	index, term := m.disk.last()
	switch {
	case state.Term != st.Term || state.Vote != st.Vote:
		c.fail(StableStorage, m.id, "it is in term %d and voted for S%d, its disk says term %d and S%d, and nothing is being written",
			st.Term, st.Vote, state.Term, state.Vote)
	case index != st.Last || term != st.LastTerm:
		c.fail(StableStorage, m.id, "its log ends with entry %d of term %d, on disk with %d of term %d, and nothing is being written",
			st.Last, st.LastTerm, index, term)
	}
}

// fail keeps the first violation.
func (c *Cluster) fail(rule Invariant, node uint64, format string, args ...any) {
	if c.failed == nil {
		c.failed = &Violation{Invariant: rule, At: c.now, Node: node, Message: fmt.Sprintf(format, args...)}
		c.emit(trace.Event{Kind: trace.Violation, Node: node, Value: uint64(rule), Text: c.failed.Error()})
	}
}
