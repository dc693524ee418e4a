package paper

import "fmt"

// Role of a server (§5.1); PreCandidate is §9.6 of the dissertation.
type Role uint8

// The roles. They are the first index of the handler table.
const (
	Follower Role = iota
	PreCandidate
	Candidate
	Leader
	roles
)

// String is the role's name.
func (r Role) String() string {
	return [...]string{"follower", "pre-candidate", "candidate", "leader"}[r]
}

// Server is one server of the cluster: Figure 2, "State", in the figure's order.
//
// Invariants, asserted after every input (check) and where they could break:
//
//	P1  lastApplied ≤ commitIndex ≤ last index of log; they never decrease.
//	P2  currentTerm never decreases; votedFor changes from nobody to somebody within a term, and in no other way.
//	P3  terms in the log never decrease and are ≤ currentTerm.
//	P4  a committed entry is never cut off.
//	P5  a leader never cuts its log (Leader Append-Only, §5.3).
//	P6  a candidate and a leader have their own vote.
//	P7  at a leader, matchIndex < nextIndex ≤ last index + 1 for every other server.
//	P8  commitIndex does not pass what a majority has saved; the leader counts itself by what it has saved, not by what it has.
type Server struct {
	Config

	// Persistent state on all servers: what Output.Save hands out, BEFORE the messages
	// of Output.SendAfterSave may leave.
	currentTerm uint64  // latest term the server has seen
	votedFor    uint64  // who got this server's vote in currentTerm; 0: nobody
	log         raftLog // with the snapshot of §7 in front

	// Volatile state on all servers.
	commitIndex uint64 // highest index known to be committed
	lastApplied uint64 // highest index that the state machine holds

	// Volatile state on leaders: nextIndex[] and matchIndex[] are fields of a peer, which
	// is also where a candidate counts its votes. The server itself is one of them.
	peers     []peer
	termStart uint64 // index of the empty entry with which this leader began its term

	// What the figure leaves to its reader.
	role     Role
	leader   uint64 // of currentTerm, as far as known
	election timer
	silence  int   // ticks since a leader was heard, in whatever term
	clock    int64 // ticks since the start
	reading  reads
	transfer handover
	out      Output
	handed   handed
	past     struct{ term, vote, commit uint64 } // as check last saw them
}

// A peer is what a candidate or leader knows about one server of the cluster.
type peer struct {
	id          uint64
	voteGranted bool

	nextIndex  uint64 // index of the next entry to send
	matchIndex uint64 // highest index known to be replicated, and saved, there

	probing bool  // nextIndex is a guess: look for the point of agreement before sending entries
	heardAt int64 // leader's clock when the last answer of this term came
	acked   Stamp // the newest stamp that came back
}

// never is a clock long before the start.
const never = -1 << 40

// Config is what a server is started with; time is in ticks of its own clock.
type Config struct {
	ID             uint64
	Servers        []uint64 // all servers of the cluster, sorted: it does not change
	ElectionTicks  int      // followers campaign after a random time in [ElectionTicks, 2*ElectionTicks)
	HeartbeatTicks int
	Rand           Rand
	PreVote        bool // ask before a campaign (dissertation §9.6)
	CheckQuorum    bool // step down without a majority (§6.2 there); no votes while a leader is heard (§4.2.3 there)
	LeaseRead      bool // answer reads on the leader's lease (§6.4.1 there); implies CheckQuorum's rule for votes
	DriftPercent   int  // no clock of the cluster runs more than so many per cent fast or slow: leases rely on it
	Explain        bool // fill Output.Rules
}

// Rand is the only source of randomness; *rand.Rand of math/rand/v2 is one.
type Rand interface {
	IntN(n int) int
}

// Stored is what a disk holds when a server starts; nothing, the first time. Entries follow
// the snapshot without a gap. Applied is how far the state machine is: commitIndex is not
// stored, but what was applied was committed. The last save may have been cut short by a
// crash, so there may be entries of a term above CurrentTerm; nobody was told of them.
type Stored struct {
	CurrentTerm, VotedFor uint64
	Snapshot              Snapshot
	Entries               []Entry
	Applied               uint64
}

// New starts a server. It refuses, with the reason, a configuration that cannot work and
// stored state that no run can have left.
func New(cfg Config, disk Stored) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("paper: configuration: %w", err)
	}
	if err := disk.validate(cfg.Servers); err != nil {
		return nil, fmt.Errorf("paper: stored state of server %d: %w", cfg.ID, err)
	}
	s := &Server{
		Config:      cfg,
		currentTerm: disk.CurrentTerm,
		votedFor:    disk.VotedFor,
		log:         raftLog{snapshot: disk.Snapshot, entries: disk.Entries[:len(disk.Entries):len(disk.Entries)]},
		commitIndex: disk.Applied,
		lastApplied: disk.Applied,
	}
	if term := s.log.lastTerm(); term > s.currentTerm {
		s.currentTerm, s.votedFor = term, 0 // the vote of that term was never given
	}
	for _, id := range cfg.Servers {
		s.peers = append(s.peers, peer{id: id})
	}
	s.handed = handed{term: disk.CurrentTerm, vote: disk.VotedFor, entries: s.log.last(), snapshot: disk.Snapshot.Index, applied: disk.Applied}
	s.resetElectionTimer()
	return s, nil
}

func (s *Server) peer(id uint64) *peer {
	for i := range s.peers {
		if s.peers[i].id == id {
			return &s.peers[i]
		}
	}
	return nil
}

func (s *Server) self() *peer { return s.peer(s.ID) }

// majority is the smallest number of servers of which any two sets have one in common.
func (s *Server) majority() int { return len(s.peers)/2 + 1 }

// reachedByMajority is the greatest value that a majority has reached.
func reachedByMajority[V int64 | uint64](s *Server, value func(*peer) V) V {
	var few [9]V
	values := few[:0]
	for i := range s.peers {
		v := value(&s.peers[i])
		at := len(values)
		for values = append(values, v); at > 0 && values[at-1] < v; at-- {
			values[at] = values[at-1]
		}
		values[at] = v // sorted, the greatest first
	}
	return values[s.majority()-1]
}

// Tick tells the server that one tick of its clock has passed. A server whose disk is busy
// waits for it with a campaign: its requests could not leave, and would be of an old term
// when they do.
func (s *Server) Tick() {
	s.clock++
	s.silence++
	s.election.elapsed++
	if s.role == Leader {
		s.tickLeader()
	} else if s.election.elapsed >= s.election.timeout && !s.handed.saving {
		s.electionTimeout()
	}
	s.check()
}

// check asserts what every input must leave true.
func (s *Server) check() {
	last := s.log.last()
	if s.lastApplied > s.commitIndex || s.commitIndex > last {
		s.broken("P1: lastApplied %d, commitIndex %d, last index %d", s.lastApplied, s.commitIndex, last)
	}
	if s.commitIndex < s.past.commit {
		s.broken("P1: commitIndex fell from %d to %d", s.past.commit, s.commitIndex)
	}
	if s.currentTerm < s.past.term {
		s.broken("P2: currentTerm fell from %d to %d", s.past.term, s.currentTerm)
	}
	if s.currentTerm == s.past.term && s.past.vote != 0 && s.votedFor != s.past.vote {
		s.broken("P2: voted for %d and then for %d", s.past.vote, s.votedFor)
	}
	s.past.term, s.past.vote, s.past.commit = s.currentTerm, s.votedFor, s.commitIndex
	if term := s.log.lastTerm(); term > s.currentTerm {
		s.broken("P3: the last entry is of term %d", term)
	}
	if s.role >= Candidate && s.votedFor != s.ID {
		s.broken("P6: a %v that voted for %d", s.role, s.votedFor)
	}
	if s.role != Leader {
		return
	}
	for i := range s.peers {
		if p := &s.peers[i]; p.id != s.ID && (p.matchIndex >= p.nextIndex || p.nextIndex > last+1) {
			s.broken("P7: server %d has match %d, next %d, last index %d", p.id, p.matchIndex, p.nextIndex, last)
		}
	}
}

// broken stops the server: going on with a broken invariant would spread the damage.
func (s *Server) broken(format string, args ...any) {
	panic(fmt.Sprintf("paper: server %d, %v in term %d: invariant %s", s.ID, s.role, s.currentTerm, fmt.Sprintf(format, args...)))
}

// Status is what pictures and checks look at.
type Status struct {
	ID, Term, VotedFor, Leader uint64
	Role                       Role
	CommitIndex, LastApplied   uint64
	FirstIndex, LastIndex      uint64
	LastTerm                   uint64
}

// Status of the server now.
func (s *Server) Status() Status {
	return Status{
		ID: s.ID, Term: s.currentTerm, VotedFor: s.votedFor, Leader: s.leader, Role: s.role,
		CommitIndex: s.commitIndex, LastApplied: s.lastApplied,
		FirstIndex: s.log.first(), LastIndex: s.log.last(), LastTerm: s.log.lastTerm(),
	}
}

// EachPeer calls f with nextIndex and matchIndex of every other server, at a leader.
func (s *Server) EachPeer(f func(id, nextIndex, matchIndex uint64)) {
	for i := range s.peers {
		if p := &s.peers[i]; s.role == Leader && p.id != s.ID {
			f(p.id, p.nextIndex, p.matchIndex)
		}
	}
}

// EntryAt is the entry of the log at index; false if it is not (or no longer) there.
func (s *Server) EntryAt(index uint64) (Entry, bool) {
	if index < s.log.first() || index > s.log.last() {
		return Entry{}, false
	}
	return s.log.entries[index-s.log.first()], true
}
