package sim

import "fmt"

// Invariant is the number of a property that must always hold.
type Invariant int

// The invariants. 1 to 5 are those of Raft Figure 3, under its names.
const (
	// ElectionSafety: at most one leader is elected in a term.
	ElectionSafety Invariant = 1 + iota
	// LeaderAppendOnly: a leader never overwrites or deletes entries of its log.
	LeaderAppendOnly
	// LogMatching: if two logs hold an entry with the same index and term, they are
	// identical up to it. Logs that are no longer there count as well.
	LogMatching
	// LeaderCompleteness: what was committed in a term is in the logs of the leaders of
	// all higher terms.
	LeaderCompleteness
	// StateMachineSafety: no two servers commit or apply different entries at an index,
	// and each applies every entry once, in order.
	StateMachineSafety
	// Monotonic: a server's term and commit index never fall while it runs, a restart
	// takes up the saved term, and a server votes for one candidate a term.
	Monotonic
	// NothingAcknowledgedLost: what a client was told has happened lies synced on the
	// disks of a majority, and is in every state machine at the end.
	NothingAcknowledgedLost
	// StableStorage: a server with nothing left to write has its term, vote and log on disk.
	StableStorage
	// Liveness: when all faults end, a leader is elected, a write is committed and every
	// server catches up within a bounded number of ticks.
	Liveness
	// Linearizability: there is one order of all requests that explains every answer and
	// in which no request that began after another's answer comes before it.
	Linearizability
	// EngineContract: the engine does not panic, accepts its own disk, and keeps to what
	// Node and Ready promise.
	EngineContract

	invariants
)

var invariantNames = [...]string{"", "election safety", "leader append-only", "log matching", "leader completeness",
	"state machine safety", "monotonic term and commit", "nothing acknowledged lost", "stable storage", "liveness",
	"linearizability", "engine contract"}

// String is the number and the name, as failures print them.
func (i Invariant) String() string {
	if i <= 0 || i >= invariants {
		return fmt.Sprintf("invariant %d", int(i))
	}
	return fmt.Sprintf("invariant %d, %s", int(i), invariantNames[i])
}

// Violation is the first thing that went wrong in a run; it is an error.
type Violation struct {
	Invariant Invariant `json:"invariant"`
	At        int64     `json:"at"` // virtual time, microseconds
	Node      uint64    `json:"node,omitempty"`
	Message   string    `json:"message"` // with the numbers that broke it
}

// Error names the invariant, the server and the numbers.
func (v *Violation) Error() string {
	who := ""
	if v.Node != 0 {
		who = fmt.Sprintf("S%d: ", v.Node)
	}
	return fmt.Sprintf("%v violated at %.3f ms: %s%s", v.Invariant, float64(v.At)/1000, who, v.Message)
}
