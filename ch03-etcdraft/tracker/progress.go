// Package tracker is a leader's knowledge of its cluster: who belongs to it and in which
// role (Config), how far each member's log is known to agree (Progress), and the votes
// of an election. See book §3.1.5. Nothing in it sends or decides; raft does.
package tracker

import (
	"fmt"
	"strings"
)

// StateType says how a leader sends to a member.
type StateType uint64

const (
	// StateProbe: one message, then wait, until it is known where the logs agree.
	StateProbe StateType = iota
	// StateReplicate: one message after the other without waiting.
	StateReplicate
	// StateSnapshot: nothing, until a snapshot has arrived.
	StateSnapshot
)

var stateNames = [...]string{"StateProbe", "StateReplicate", "StateSnapshot"}

// String is the constant's name.
func (s StateType) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("StateType(%d)", uint64(s))
}

// Progress is what a leader knows of one member's log (Raft figure 2: nextIndex and
// matchIndex) and how it goes on sending.
//
//	          first message, then an answer that agrees
//	StateProbe ───────────────────────────────────────▶ StateReplicate
//	  ▲  │ ◀────────────────────────────────────────────    │
//	  │  │        an answer that disagrees, or unreachable   │
//	  │  └──── the log before Next is gone ──▶ StateSnapshot ◀┘
//	  └──────── the snapshot arrived or failed ────┘
//
// Invariants, checked by raft at each change:
//
//	P1. Match < Next ≤ the leader's last index + 1.
//	P2. Match never goes back while the leader's term lasts.
//	P3. in StateSnapshot PendingSnapshot is its index, elsewhere it is 0.
//	P4. Inflights is empty outside StateReplicate.
type Progress struct {
	Match, Next uint64 // the last index known to agree; the next one to send
	State       StateType

	PendingSnapshot uint64 // index of the snapshot that was sent

	// RecentActive: something was heard of the member since the leader last asked
	// itself whether it still has a quorum.
	RecentActive bool
	// ProbeSent: a message was sent in StateProbe and not answered yet. In
	// StateReplicate: a message without entries was sent into a full window.
	ProbeSent bool

	Inflights *Inflights
	IsLearner bool
}

// ResetState enters state with nothing in flight.
func (pr *Progress) ResetState(state StateType) {
	pr.State, pr.ProbeSent, pr.PendingSnapshot = state, false, 0
	pr.Inflights.reset()
}

// ProbeAcked allows the next message: an answer came.
func (pr *Progress) ProbeAcked() { pr.ProbeSent = false }

// BecomeProbe starts to look for the place where the logs agree. After a snapshot that is
// at least where the snapshot ends.
func (pr *Progress) BecomeProbe() {
	next := pr.Match + 1
	if pr.State == StateSnapshot {
		next = max(next, pr.PendingSnapshot+1)
	}
	pr.ResetState(StateProbe)
	pr.Next = next
}

// BecomeReplicate starts to send without waiting, from the first entry that is missing.
func (pr *Progress) BecomeReplicate() {
	pr.ResetState(StateReplicate)
	pr.Next = pr.Match + 1
}

// BecomeSnapshot waits for the snapshot up to index, which is being sent.
func (pr *Progress) BecomeSnapshot(index uint64) {
	pr.ResetState(StateSnapshot)
	pr.PendingSnapshot = index
}

// MaybeUpdate takes in that the member holds everything up to n, and reports whether
// that is news.
func (pr *Progress) MaybeUpdate(n uint64) bool {
	pr.Next = max(pr.Next, n+1)
	if n <= pr.Match {
		return false
	}
	pr.Match = n
	pr.ProbeAcked()
	return true
}

// OptimisticUpdate counts everything up to n as sent.
func (pr *Progress) OptimisticUpdate(n uint64) { pr.Next = n + 1 }

// MaybeDecrTo takes in that the member refused the entries after rejected, and has an
// entry that may agree at hint at the latest. It reports whether that is news: answers
// come late, twice and out of order.
func (pr *Progress) MaybeDecrTo(rejected, hint uint64) bool {
	if pr.State == StateReplicate {
		if rejected <= pr.Match {
			return false // agreed since then
		}
		pr.Next = pr.Match + 1
		return true
	}
	if pr.Next-1 != rejected {
		return false // not the answer to the probe under way
	}
	pr.Next = max(pr.Match+1, min(rejected, hint+1))
	pr.ProbeAcked()
	return true
}

// IsPaused reports whether the member is to be sent no entries now.
func (pr *Progress) IsPaused() bool {
	switch pr.State {
	case StateProbe:
		return pr.ProbeSent
	case StateReplicate:
		return pr.Inflights.Full()
	default:
		return true
	}
}

// String shows what is not as usual: StateProbe match=3 next=4 learner paused inactive.
func (pr *Progress) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s match=%d next=%d", pr.State, pr.Match, pr.Next)
	if pr.IsLearner {
		b.WriteString(" learner")
	}
	if pr.IsPaused() {
		b.WriteString(" paused")
	}
	if pr.PendingSnapshot > 0 {
		fmt.Fprintf(&b, " pendingSnap=%d", pr.PendingSnapshot)
	}
	if !pr.RecentActive {
		b.WriteString(" inactive")
	}
	if n := pr.Inflights.Count(); n > 0 {
		fmt.Fprintf(&b, " inflight=%d", n)
		if pr.Inflights.Full() {
			b.WriteString("[full]")
		}
	}
	return b.String()
}

// ProgressMap is the progress of each member.
type ProgressMap map[uint64]*Progress

// String shows one member a line, in ascending order.
func (m ProgressMap) String() string {
	var b strings.Builder
	for _, id := range m.ids() {
		fmt.Fprintf(&b, "%d: %s\n", id, m[id])
	}
	return b.String()
}
