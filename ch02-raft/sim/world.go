package sim

import (
	"slices"

	"insideetcd/ch02-raft/trace"
)

// This file is the luck of a simulated run: what the network, the disks and the fault
// actions do, as the rates tell.

// link is the way from one server to another.
type link struct {
	dice   stream
	cut    bool
	extra  int64 // that messages take longer
	lastAt int64 // when the last message arrives, for links that keep the order
}

// severance is what one action cuts: of each server, the bits of those it cannot reach.
type severance struct {
	id     uint64
	blocks []uint64
}

func (s *Sim) link(from, to uint64) *link {
	return &s.links[int(from-1)*len(s.members)+int(to-1)]
}

// post has a message leave: it is lost, or arrives once or twice, sooner or later.
func (s *Sim) post(m Message) {
	l, r := s.link(m.From, m.To), &s.plan.Rates
	sent := s.seq
	if l.cut {
		s.drop(m, sent, "cut")
		return
	}
	if l.dice.happens(r.Loss) {
		s.drop(m, sent, "loss")
		return
	}
	copies := 1
	if l.dice.happens(r.Repeat) {
		copies = 2
	}
	for range copies {
		delay := l.dice.between(r.DelayMin, r.DelayMax)
		if l.dice.happens(r.Late) {
			delay = l.dice.between(r.DelayMin, r.LateMax)
		}
		at := s.now + delay + l.extra
		if r.Ordered {
			at = max(at, l.lastAt)
			l.lastAt = at
		}
		s.queue.push(event{at: at, kind: messageArrives, node: sent, arg: uint64(s.now), msg: m})
	}
}

func (s *Sim) arrive(e event) {
	switch m := s.member(e.msg.To); {
	case s.link(e.msg.From, e.msg.To).cut:
		s.drop(e.msg, e.node, "cut")
	case !m.up:
		s.drop(e.msg, e.node, "down")
	default:
		s.deliver(e.msg, e.node)
	}
}

// write has a server's disk begin with its oldest write.
func (s *Sim) write(m *member) {
	mood, r := &s.disks[m.id-1], &s.plan.Rates
	if m.disk.writing[0].Save.IsEmpty() {
		s.finishWrite(m)
		return
	}
	if mood.doomed {
		mood.doomed = false
		s.stop(m, mood.doom, mood.doomedFor)
		return
	}
	took := mood.dice.between(r.SyncMin, r.SyncMax) * int64(mood.factor)
	if took == 0 {
		s.finishWrite(m)
		return
	}
	s.queue.push(event{at: s.now + took, kind: writeEnds, node: m.id, arg: m.life})
}

// apply has a server's state machine begin with its oldest work.
func (s *Sim) apply(m *member) {
	took := int64(0)
	if rd := &m.applying[0]; len(rd.Committed) > 0 || rd.Snapshot != nil {
		took = s.disks[m.id-1].dice.between(0, s.plan.Rates.ApplyMax)
	}
	if took == 0 {
		s.finishApply(m)
		return
	}
	s.queue.push(event{at: s.now + took, kind: applyEnds, node: m.id, arg: m.life})
}

// applied makes the state machine durable and the log short, as often as the rates tell.
func (s *Sim) applied(m *member) {
	r := &s.plan.Rates
	if r.KeepEvery > 0 && m.applied >= m.image.index+r.KeepEvery {
		m.keep()
	}
	if r.CompactEvery > 0 && m.applied >= m.compacted+r.CompactEvery {
		s.compact(m)
	}
}

// stop crashes a server and plans its restart; draw tells what an unfinished write leaves.
func (s *Sim) stop(m *member, draw uint64, down int64) {
	if !m.up {
		return
	}
	keep := m.disk.pending()
	switch r := &s.plan.Rates; {
	case r.LoseTail && r.Torn:
		keep = int(draw % uint64(keep+1))
	case r.LoseTail:
		keep = wholeWrites(&m.disk, draw)
	}
	s.crash(m, keep)
	if down > 0 {
		s.queue.push(event{at: s.now + down, kind: serverRestarts, node: m.id, arg: m.life})
	}
}

// wholeWrites counts the records of the first so many writes, as draw tells. Readies without
// anything to write do not count: with Explain there are more of them, in the same run.
func wholeWrites(d *disk, draw uint64) (count int) {
	ends := []int{0}
	for _, rd := range d.writing {
		if !rd.Save.IsEmpty() {
			count += len(records(rd.Save))
			ends = append(ends, count)
		}
	}
	return ends[draw%uint64(len(ends))]
}

// act carries out an action.
func (s *Sim) act(a Action) {
	if a.Kind == Put || a.Kind == CAS || a.Kind == Get {
		s.request(a)
		return
	}
	s.fault(a)
	if a.Kind == CrashElected || a.Kind == IsolateElected || a.Kind == MuteElected || a.Kind == DeafenElected {
		s.hunts = append(s.hunts, a)
		return
	}
	m := s.member(a.Node)
	if m == nil {
		m = s.member(s.leader)
	}
	if m == nil && a.Kind != Partition && a.Kind != Heal && a.Kind != Restart {
		return // nobody leads
	}
	switch a.Kind {
	case Crash:
		s.stop(m, a.Arg, a.For)
	case CrashWriting:
		mood := &s.disks[m.id-1]
		mood.doomed, mood.doom, mood.doomedFor = true, a.Arg, a.For
	case Restart:
		s.restart(a.Node)
	case Partition, Isolate, Mute, Deafen, Cut:
		s.cut(a, m)
	case Lag:
		s.lag(m.id, int64(a.Arg))
		s.queue.push(event{at: s.now + a.For, kind: lagEnds, node: m.id})
	case Heal:
		s.heal()
	case SlowDisk:
		s.disks[m.id-1].factor = max(1, a.Arg)
		s.queue.push(event{at: s.now + a.For, kind: diskRecovers, node: m.id})
	case Transfer:
		if m.up && s.member(a.Peer) != nil {
			m.node.Transfer(a.Peer)
			s.settle(m)
		}
	case Change:
		s.changeMembers(m, a.Arg)
	case CompactLog:
		s.compact(m)
		s.settle(m)
	case Hurry:
		for range a.Arg {
			s.tick(m)
		}
	}
}

func (s *Sim) fault(a Action) {
	event := trace.Event{Kind: trace.Fault, Msg: a.Kind, Node: a.Node, Peer: a.Peer, Value: a.Arg}
	if s.sink != nil {
		event.Text = a.String()
	}
	s.emit(event)
}

func (s *Sim) restart(id uint64) {
	for _, m := range s.members {
		if id == 0 || id == m.id {
			s.start(m)
		}
	}
}

// cut adds to the cuts that there are.
func (s *Sim) cut(a Action, m *member) {
	s.stats.Partitions++
	s.cuts++
	c := severance{id: s.cuts, blocks: make([]uint64, len(s.members))}
	for i, from := range s.members {
		for _, to := range s.members {
			if from != to && severs(a, m, from, to) {
				c.blocks[i] |= 1 << (to.id - 1)
			}
		}
	}
	s.severed = append(s.severed, c)
	s.setCuts()
	if a.For > 0 {
		s.queue.push(event{at: s.now + a.For, kind: cutHeals, arg: c.id})
	}
}

// severs tells whether an action on m cuts the way between two servers.
func severs(a Action, m, from, to *member) bool {
	switch a.Kind {
	case Partition:
		return a.Arg>>(from.id-1)&1 != a.Arg>>(to.id-1)&1
	case Isolate, IsolateElected:
		return from == m || to == m
	case Mute, MuteElected:
		return from == m
	case Deafen, DeafenElected:
		return to == m
	default: // Cut
		return from == m && to.id == a.Peer
	}
}

func (s *Sim) healCut(id uint64) {
	s.severed = slices.DeleteFunc(s.severed, func(c severance) bool { return c.id == id })
	s.setCuts()
}

func (s *Sim) heal() {
	s.severed = nil
	s.setCuts()
}

func (s *Sim) setCuts() {
	for from := range s.members {
		var blocks uint64
		for _, c := range s.severed {
			blocks |= c.blocks[from]
		}
		for to := range s.members {
			s.links[from*len(s.members)+to].cut = blocks>>to&1 == 1
		}
	}
}

// lag makes the links to a server slower; 0 ends that.
func (s *Sim) lag(to uint64, extra int64) {
	for _, from := range s.members {
		s.link(from.id, to).extra = extra
	}
}

// watchElections plans the hunts that waited for a new leader.
func (s *Sim) watchElections() {
	if s.stats.Elections == s.elections {
		return
	}
	s.elections = s.stats.Elections
	if len(s.hunts) > 0 {
		s.queue.push(event{at: s.now + int64(s.hunts[0].Arg), kind: huntStrikes, node: s.leader, arg: uint64(s.hunts[0].For), hunt: s.hunts[0].Kind})
		s.hunts = s.hunts[1:]
	}
}

func (s *Sim) strike(e event) {
	m, a := s.member(e.node), Action{At: s.now, Kind: e.hunt, Node: e.node, For: int64(e.arg)}
	if a.Kind == CrashElected {
		s.stop(m, trace.Mix(uint64(s.now), e.seq), a.For)
		return
	}
	s.cut(a, m)
}

// request has a client ask one server after the other, until one takes the request.
func (s *Sim) request(a Action) {
	op := Op{Kind: a.Kind, Key: a.Key}
	if a.Kind == CAS {
		op.Old = s.lastSeen(a.Key)
	}
	first := a.Node
	if first == 0 {
		first = s.selfStyled(a.Kind == Get)
	}
	for i := range s.members {
		m := s.members[(int(first)+i+len(s.members)-1)%len(s.members)]
		if !m.up || !s.call(m, op) {
			continue
		}
		s.queue.push(event{at: s.now + s.plan.Rates.TimeoutTicks*Tick, kind: requestTimesOut, node: uint64(len(s.history))})
		return
	}
}

// selfStyled is the server that takes itself for the leader, of the lowest or highest term;
// server 1 if none does.
func (s *Sim) selfStyled(lowest bool) uint64 {
	found, term := uint64(1), uint64(0)
	for _, m := range s.members {
		p := &m.shadow.prev
		if m.up && p.Role == Leader && (term == 0 || lowest == (p.Term < term)) {
			found, term = m.id, p.Term
		}
	}
	return found
}

// lastSeen is the value of a key in the latest answer to any client.
func (s *Sim) lastSeen(key string) (value string) {
	newest := int64(0)
	for i := range s.history {
		op := &s.history[i]
		if op.Key != key || op.Outcome != Answered || op.Return < newest {
			continue
		}
		newest, value = op.Return, op.Seen
		if op.Kind == "put" || op.Kind == "cas" && op.Seen == op.Old {
			value = op.New
		}
	}
	return value
}
