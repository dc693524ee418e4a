package sim

import (
	"fmt"
	"math/rand/v2"
)

// This file is the seam between the simulator and a Raft implementation. An engine is a
// state machine without I/O, clock, goroutine or randomness of its own: the simulator
// hands all of them in, and carries out what a Ready asks for.

// Engine makes the nodes of one Raft implementation.
type Engine interface {
	// Name is how commands and traces call the engine, e.g. "paper".
	Name() string
	// Start makes a node from what its disk holds: the zero Stored on the very first
	// start. It refuses, with the reason, what no run of the engine can have stored.
	Start(cfg Config, disk Stored) (Node, error)
}

// Tailor is implemented by an engine that cannot do all that a Config may ask for: its
// nodes are started with what Tailor makes of it.
type Tailor interface {
	Tailor(Config) Config
}

// Config is what a node is started with. Times are in ticks of the node's own clock.
type Config struct {
	ID             uint64
	Servers        []uint64 // all that run, sorted; those that are not Voters wait to be added
	Voters         []uint64 // of the first configuration, sorted; an engine with membership changes finds later ones in Stored
	ElectionTicks  int      // a follower campaigns after a random time in [ElectionTicks, 2*ElectionTicks)
	HeartbeatTicks int
	Rand           *rand.Rand // the node's only source of randomness
	PreVote        bool       // Raft dissertation §9.6
	CheckQuorum    bool       // a leader that hears from no majority for ElectionTicks steps down (§6.2)
	LeaseRead      bool       // reads trust the leader's lease and bounded clock drift (§6.4.1) instead of asking a majority; only with CheckQuorum
	DriftPercent   int        // no clock of the cluster runs more than so many per cent fast or slow
	Explain        bool       // fill Ready.Rules, Status.Match and Status.Next
}

// Node is one member of the cluster. Calls come one at a time.
//
// The simulator takes a Ready whenever there is one, writes what it asks to save, in the
// order in which Readies were taken, and reports with Saved and Applied. Between Ready and
// Saved the node goes on: it is ticked and receives messages, and may or may not offer
// further Readies before the first is saved.
type Node interface {
	Tick()
	// Step hands in a message of the network. It may be old, repeated or out of order,
	// never forged; a node must not change it, because it may be delivered again.
	Step(Message)
	// Propose asks for data to be appended to the log. The error tells that it certainly
	// was not (no leader, a transfer under way); nil promises nothing. A node that passes
	// the proposal on to its leader does so through a network that repeats messages, so
	// it must see to it that the data is not appended twice.
	Propose(data []byte) error
	// Read asks for a read index for the request id, unique for each attempt. The answer
	// comes in a Ready or, when leadership or messages are lost, never.
	Read(id uint64) error
	// Transfer asks the leader to hand over to another voter; others ignore it.
	Transfer(to uint64)
	// Compact hands in the state machine's state after index, which was applied: the log
	// up to it may be forgotten, and laggards be sent the state instead. The node has the
	// snapshot saved with one of its next Readies.
	Compact(index uint64, state []byte)

	// Ready tells what is to be done now; false when nothing is.
	Ready() (Ready, bool)
	// Saved tells that r.Save is durable. Called once for each Ready taken, in order,
	// also when there was nothing to save.
	Saved(r Ready)
	// Applied tells that the state machine holds r.Snapshot and r.Committed. Called once
	// for each Ready, in order, after Saved.
	Applied(r Ready)

	Status() Status
	// EntryAt is the entry of the node's log, saved or not; false if it was compacted or
	// never existed.
	EntryAt(index uint64) (Entry, bool)
}

// Ready is what a node wants done. Order is the contract:
//
//   - Send may leave at once, also BEFORE Save is durable: a leader's entries travel while
//     it writes them (Raft dissertation §10.2.1).
//   - SendAfterSave MUST NOT leave before Save is durable: votes, answers to entries, and
//     whatever else promises that something will be remembered.
//   - Snapshot, then Committed are applied AFTER Save is durable.
//   - Reads may be answered once everything up to their Index has been applied.
type Ready struct {
	Save          Save
	Send          []Message
	SendAfterSave []Message
	Snapshot      *Snapshot // replaces the state machine's state
	Committed     []Entry
	Reads         []ReadState
	Rules         []string // the rules of the paper that fired, in order, e.g. "RequestVote receiver 2"; only with Config.Explain

	// Engine carries whatever the engine wants to have back in Saved and Applied.
	Engine any
}

// Save is a change of what a node's disk holds. It is written in the order of the fields
// and is durable as a whole only at its end: a crash before may leave any prefix of
// Snapshot, Entries one by one, State. So a node may find entries, or a snapshot, of a
// term above its HardState's; it has told nobody of them.
type Save struct {
	Snapshot *Snapshot  // replaces the log up to Snapshot.Index, or all of it if the log does not hold that entry with its term
	Entries  []Entry    // replaces what is stored from Entries[0].Index on
	State    *HardState // nil if unchanged
}

// IsEmpty tells that there is nothing to write.
func (s Save) IsEmpty() bool {
	return s.State == nil && len(s.Entries) == 0 && s.Snapshot == nil
}

// HardState is what has to survive a crash (Raft Figure 2, "persistent state"). Commit is
// zero in engines that do not store it.
type HardState struct {
	Term, Vote, Commit uint64
}

// Entry is one entry of the log. Data is nil in the empty entry of a new leader. Config
// marks entries that are the engine's own business and not for the state machine.
type Entry struct {
	Index, Term uint64
	Data        []byte
	Config      bool
}

// Snapshot is the state machine's state after the entry (Index, Term). Engine holds what
// the engine keeps beside it, e.g. the members.
type Snapshot struct {
	Index, Term uint64
	State       []byte
	Engine      any
}

// Stored is what a disk holds when a node starts: Entries follow Snapshot without a gap.
// Applied is the index that the state machine has reached, at least Snapshot.Index: it
// may keep its state durably (as etcd's does) or be rebuilt from the snapshot, and wants
// the entries from Applied+1 on. The slices are the node's to keep; Data is shared.
type Stored struct {
	State    HardState
	Snapshot Snapshot
	Entries  []Entry
	Applied  uint64
}

// ReadState answers Read(ID): what is applied at Index or later shows every write that
// was acknowledged before the read began.
type ReadState struct {
	ID, Index uint64
}

// Message is a message between nodes; only the engine looks into Body.
type Message struct {
	From, To uint64
	Term     uint64
	Kind     string // e.g. "RequestVote"; one word, in the engine's own terms
	Body     fmt.Stringer
}

// Role of a node.
type Role uint8

// The roles of Raft §5.1; PreCandidate is §9.6 of the dissertation.
const (
	Follower Role = iota
	PreCandidate
	Candidate
	Leader
	Learner
)

// String is the role's name as traces show it.
func (r Role) String() string {
	names := [...]string{"follower", "pre-candidate", "candidate", "leader", "learner"}
	if int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// Status is what the invariants look at after every event, and what pictures show.
type Status struct {
	ID, Term, Vote, Leader uint64 // Leader 0: not known
	Role                   Role
	Commit, Applied        uint64
	First, Last            uint64 // of the log: First is one above the snapshot
	LastTerm               uint64
	BaseTerm               uint64            // of the entry before First; 0: not told
	Members                []uint64          // of the configuration in force, sorted; nil if members never change
	Match, Next            map[uint64]uint64 // per peer, at the leader only, with Config.Explain
}
