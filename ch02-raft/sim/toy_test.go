package sim

import (
	"errors"
	"fmt"
	"slices"
)

// toy is the smallest engine that passes the simulator: server 1 leads, for ever. It has
// no elections, so nothing works while server 1 is away, which no invariant forbids. Its
// bugs are what the tests of the invariants are made of.
type toy struct{ bugs string }

func (toy) Name() string { return "toy" }

func (e toy) Start(cfg Config, disk Stored) (Node, error) {
	if e.bugs == "refuses its disk" && disk.State.Term > 0 {
		return nil, errors.New("I do not like it")
	}
	n := &toyNode{cfg: cfg, bug: e.bugs, term: disk.State.Term, snap: disk.Snapshot, log: disk.Entries, commit: disk.Applied,
		applied: disk.Applied, handed: disk.Applied, match: map[uint64]uint64{}, acked: map[uint64]uint64{}}
	if e.bugs == "applies twice after a restart" {
		n.applied, n.handed = disk.Snapshot.Index, disk.Snapshot.Index
	}
	n.saved, _ = n.last()
	n.role = Follower
	if e.bugs == "forgets its log" && disk.State.Term > 0 && cfg.ID == 1 {
		n.log = n.log[:2]
	}
	if cfg.ID == 1 || e.bugs == "two leaders" && cfg.ID == 2 {
		n.role, n.term, n.newTerm = Candidate, n.term+1, true // until the term is saved
	}
	return n, nil
}

type toyNode struct {
	cfg             Config
	bug             string
	role            Role
	term            uint64
	newTerm         bool // to be saved
	snap            Snapshot
	newSnap         *Snapshot
	log             []Entry
	unsaved         int // entries at the end of log that no Ready has had saved
	saved           uint64
	commit          uint64
	applied, handed uint64
	install         *Snapshot
	match           map[uint64]uint64
	out, late       []Message
	reads           []toyRead
	round           uint64
	acked           map[uint64]uint64 // round that each follower answered
	ready           []ReadState
	ticks           int
	taken           []toyTaken
}

type toyRead struct{ id, index, round uint64 }

type toyTaken struct{ last uint64 }

// toyBody is every message of the toy: entries and a round of reads, or the answer to them.
type toyBody struct {
	prev, prevTerm uint64
	entries        []Entry
	snap           *Snapshot
	commit, round  uint64
	match          uint64
}

func (b toyBody) String() string {
	return fmt.Sprintf("after %d: %d entries, commit %d, match %d", b.prev, len(b.entries), b.commit, b.match)
}

func (n *toyNode) last() (index, term uint64) {
	if len(n.log) > 0 {
		e := n.log[len(n.log)-1]
		return e.Index, e.Term
	}
	return n.snap.Index, n.snap.Term
}

func (n *toyNode) append(data []byte) {
	last, _ := n.last()
	n.log = append(n.log, Entry{Index: last + 1, Term: n.term, Data: data})
	n.unsaved++
}

func (n *toyNode) Tick() {
	n.ticks++
	if n.bug == "panics" && n.ticks == 50 {
		panic("fifty")
	}
	if n.bug == "forgets its term" && n.ticks == 50 && n.term > 0 {
		n.term--
	}
	if n.bug == "leader deletes" && n.role == Leader && n.ticks == 50 {
		n.log = n.log[:len(n.log)-1]
	}
	if n.bug == "uncommits" && n.ticks == 50 && n.commit > 0 {
		n.commit--
	}
	if n.role != Leader || n.ticks%n.cfg.HeartbeatTicks != 0 {
		return
	}
	for _, id := range n.cfg.Voters {
		if id != n.cfg.ID && !(n.bug == "starves server 3" && id == 3) {
			n.feed(id)
		}
	}
}

// feed sends a follower all that it is not known to have.
func (n *toyNode) feed(id uint64) {
	from, b := n.match[id]+1, toyBody{commit: n.commit, round: n.round}
	if from <= n.snap.Index {
		snap := n.snap
		b.snap, from = &snap, n.snap.Index+1
	}
	b.prev = from - 1
	if e, ok := n.EntryAt(b.prev); ok {
		b.prevTerm = e.Term
	}
	b.entries = slices.Clone(n.log[from-n.snap.Index-1:])
	n.out = append(n.out, Message{From: n.cfg.ID, To: id, Term: n.term, Kind: "Feed", Body: b})
}

func (n *toyNode) Step(m Message) {
	b := m.Body.(toyBody)
	if m.Term > n.term && n.role == Follower {
		n.term, n.newTerm = m.Term, true
	}
	if m.Term < n.term {
		return
	}
	if m.Kind == "Fed" {
		n.match[m.From] = max(n.match[m.From], b.match)
		n.acked[m.From] = max(n.acked[m.From], b.round)
		n.advance()
		return
	}
	if n.role == Follower {
		n.eat(m.From, b)
	}
}

func (n *toyNode) eat(leader uint64, b toyBody) {
	if b.snap != nil && b.snap.Index > n.commit && n.install == nil {
		n.snap, n.log, n.unsaved = *b.snap, nil, 0
		n.newSnap, n.install, n.commit, n.handed = b.snap, b.snap, b.snap.Index, b.snap.Index
	}
	for _, e := range b.entries {
		last, _ := n.last()
		if e.Index > last+1 || e.Index <= n.snap.Index {
			continue
		}
		if have, ok := n.EntryAt(e.Index); ok {
			if have.Term == e.Term {
				continue
			}
			cut := len(n.log) - int(e.Index-n.snap.Index-1)
			n.log = n.log[:e.Index-n.snap.Index-1]
			n.unsaved = max(0, n.unsaved-cut)
		}
		if n.bug == "garbles entries" && n.cfg.ID == 2 && e.Index == 4 {
			e.Data = []byte("garbage")
		}
		n.log = append(n.log, e)
		n.unsaved++
	}
	last, _ := n.last()
	n.commit = max(n.commit, min(last, b.commit))
	answer := Message{From: n.cfg.ID, To: leader, Term: n.term, Kind: "Fed", Body: toyBody{match: last, round: b.round}}
	if n.bug == "answers before saving" {
		n.out = append(n.out, answer)
	} else {
		n.late = append(n.late, answer)
	}
}

// advance commits what a majority has, and confirms reads.
func (n *toyNode) advance() {
	matches := []uint64{n.saved}
	rounds := []uint64{n.round}
	for _, id := range n.cfg.Voters {
		if id != n.cfg.ID {
			matches, rounds = append(matches, n.match[id]), append(rounds, n.acked[id])
		}
	}
	slices.Sort(matches)
	slices.Sort(rounds)
	at := (len(matches) - 1) / 2
	if n.bug == "commits alone" {
		n.commit = max(n.commit, n.saved)
	}
	// It leads for ever, so it must not forget what it committed.
	n.commit = max(n.commit, min(n.saved, matches[at]))
	left := n.reads[:0]
	for _, r := range n.reads {
		if r.round <= rounds[at] {
			n.ready = append(n.ready, ReadState{r.id, r.index})
		} else {
			left = append(left, r)
		}
	}
	n.reads = left
}

func (n *toyNode) Propose(data []byte) error {
	if n.role != Leader {
		return errors.New("not the leader")
	}
	n.append(slices.Clone(data))
	if n.bug == "proposes twice" {
		n.append(slices.Clone(data))
	}
	return nil
}

func (n *toyNode) Read(id uint64) error {
	if n.bug == "reads locally" {
		n.ready = append(n.ready, ReadState{id, 0})
		return nil
	}
	if n.role != Leader {
		return errors.New("not the leader")
	}
	n.round++
	last, _ := n.last()
	n.reads = append(n.reads, toyRead{id, last, n.round})
	return nil
}

func (n *toyNode) Transfer(uint64) {}

func (n *toyNode) Compact(index uint64, state []byte) {
	if index <= n.snap.Index {
		return
	}
	e, _ := n.EntryAt(index)
	if n.bug == "snapshots the wrong state" {
		state = []byte("a=wrong\n")
	}
	n.log = slices.Clone(n.log[index-n.snap.Index:])
	n.snap = Snapshot{Index: index, Term: e.Term, State: state}
	snap := n.snap
	n.newSnap = &snap
}

func (n *toyNode) Ready() (Ready, bool) {
	last, _ := n.last()
	if n.bug == "never ends" && n.ticks > 20 {
		return Ready{}, true
	}
	if !n.newTerm && n.newSnap == nil && n.unsaved == 0 && len(n.out)+len(n.late)+len(n.ready) == 0 && n.handed >= n.commit {
		return Ready{}, false
	}
	rd := Ready{Send: n.out, SendAfterSave: n.late, Reads: n.ready, Snapshot: n.install, Engine: toyTaken{last}}
	if n.newTerm && n.bug != "does not save its term" {
		rd.Save.State = &HardState{Term: n.term}
	}
	rd.Save.Snapshot = n.newSnap
	rd.Save.Entries = slices.Clone(n.log[len(n.log)-n.unsaved:])
	for i := n.handed + 1; i <= n.commit; i++ {
		e, _ := n.EntryAt(i)
		if n.bug == "applies something else" && n.cfg.ID == 2 && i == 6 {
			e.Data = []byte("#1 put a 1")
		}
		rd.Committed = append(rd.Committed, e)
	}
	n.handed = max(n.handed, n.commit)
	n.newTerm, n.newSnap, n.install, n.unsaved, n.out, n.late, n.ready = false, nil, nil, 0, nil, nil, nil
	return rd, true
}

func (n *toyNode) Saved(rd Ready) {
	if n.role == Candidate {
		n.role = Leader
		n.append(nil)
	}
	if n.role == Leader {
		n.saved = max(n.saved, rd.Engine.(toyTaken).last)
		n.advance()
	}
}

func (n *toyNode) Applied(Ready) {}

func (n *toyNode) Status() Status {
	last, term := n.last()
	return Status{ID: n.cfg.ID, Term: n.term, Leader: 1, Role: n.role, Commit: n.commit, Applied: n.handed,
		First: n.snap.Index + 1, Last: last, LastTerm: term}
}

func (n *toyNode) EntryAt(index uint64) (Entry, bool) {
	if index <= n.snap.Index || index > n.snap.Index+uint64(len(n.log)) {
		return Entry{}, false
	}
	return n.log[index-n.snap.Index-1], true
}
