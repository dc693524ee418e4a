package tracker

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"insideetcd/ch03-etcdraft/quorum"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// Config is who belongs to the cluster.
//
// Invariants:
//
//	C1. no member is voter, of either half, and learner at once.
//	C2. LearnersNext is part of the outgoing voters: these become learners when the
//	    transition ends, and must vote until then.
//	C3. outside a transition LearnersNext is empty and AutoLeave false.
type Config struct {
	Voters quorum.JointConfig
	// AutoLeave: raft proposes by itself to end the transition.
	AutoLeave bool
	Learners  map[uint64]struct{}
	// LearnersNext are voters of the outgoing half that the incoming one has as learners.
	LearnersNext map[uint64]struct{}
}

// Joint reports whether a transition is under way.
func (c Config) Joint() bool { return len(c.Voters[1]) > 0 }

// Clone returns a Config with the same members that shares no set with c.
func (c Config) Clone() Config {
	return Config{
		Voters:    quorum.JointConfig{maps.Clone(c.Voters[0]), maps.Clone(c.Voters[1])},
		AutoLeave: c.AutoLeave, Learners: maps.Clone(c.Learners), LearnersNext: maps.Clone(c.LearnersNext),
	}
}

// String shows the sets that are not empty: voters=(1 2 3)&&(1 2) learners=(4).
func (c Config) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "voters=%s", c.Voters)
	for _, set := range []struct {
		name    string
		members quorum.MajorityConfig
	}{{"learners", c.Learners}, {"learners_next", c.LearnersNext}} {
		if len(set.members) > 0 {
			fmt.Fprintf(&b, " %s=%s", set.name, set.members)
		}
	}
	if c.AutoLeave {
		b.WriteString(" autoleave")
	}
	return b.String()
}

// ConfState is the form in which snapshots hold the members.
func (c Config) ConfState() pb.ConfState {
	return pb.ConfState{
		Voters: ascending(c.Voters[0]), VotersOutgoing: ascending(c.Voters[1]),
		Learners: ascending(c.Learners), LearnersNext: ascending(c.LearnersNext),
		AutoLeave: c.AutoLeave,
	}
}

// ascending returns the members of set in order, nil if there are none.
func ascending(set map[uint64]struct{}) []uint64 {
	if len(set) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(set))
}

// ProgressTracker is everything a leader knows of its cluster, and the votes that a
// candidate has got.
type ProgressTracker struct {
	Config
	Progress ProgressMap
	Votes    map[uint64]bool

	MaxInflight      int    // messages to one member that are not acknowledged
	MaxInflightBytes uint64 // bytes of their entries; 0: no limit

	order []uint64 // the members of Progress in ascending order; see SetMembers
}

// MakeProgressTracker returns a tracker of nobody.
func MakeProgressTracker(maxInflight int, maxInflightBytes uint64) ProgressTracker {
	return ProgressTracker{
		Config:      Config{Voters: quorum.JointConfig{quorum.MajorityConfig{}}},
		Progress:    ProgressMap{},
		Votes:       map[uint64]bool{},
		MaxInflight: maxInflight, MaxInflightBytes: maxInflightBytes,
	}
}

// SetMembers puts a configuration in force, with the progress of exactly its members.
func (p *ProgressTracker) SetMembers(c Config, progress ProgressMap) {
	p.Config, p.Progress, p.order = c, progress, progress.ids()
}

// IsSingleton reports whether one voter decides alone.
func (p *ProgressTracker) IsSingleton() bool {
	return len(p.Voters[0]) == 1 && len(p.Voters[1]) == 0
}

// AckedIndex returns how far a voter is known to agree: Progress.Match.
func (p *ProgressTracker) AckedIndex(id uint64) (quorum.Index, bool) {
	pr, ok := p.Progress[id]
	if !ok {
		return 0, false
	}
	return quorum.Index(pr.Match), true
}

// Committed returns the highest index that a quorum is known to hold.
func (p *ProgressTracker) Committed() uint64 { return uint64(p.Voters.CommittedIndex(p)) }

// Visit calls f for each member in ascending order: the order of messages must not
// depend on that of a map.
func (p *ProgressTracker) Visit(f func(id uint64, pr *Progress)) {
	for _, id := range p.order {
		f(id, p.Progress[id])
	}
}

// QuorumActive reports whether a quorum was heard of recently.
func (p *ProgressTracker) QuorumActive() bool {
	votes := make(map[uint64]bool, len(p.Progress))
	for id, pr := range p.Progress {
		votes[id] = pr.RecentActive
	}
	return p.Voters.VoteResult(votes) == quorum.VoteWon
}

// VoterNodes returns the voters of both halves in ascending order.
func (p *ProgressTracker) VoterNodes() []uint64 { return ascending(p.Voters.IDs()) }

// LearnerNodes returns the learners in ascending order.
func (p *ProgressTracker) LearnerNodes() []uint64 { return ascending(p.Learners) }

// ResetVotes begins an election.
func (p *ProgressTracker) ResetVotes() { p.Votes = map[uint64]bool{} }

// RecordVote takes in the vote of a member. Its first answer counts.
func (p *ProgressTracker) RecordVote(id uint64, granted bool) {
	if _, answered := p.Votes[id]; !answered {
		p.Votes[id] = granted
	}
}

// TallyVotes counts the votes of the voters and tells what they decide.
func (p *ProgressTracker) TallyVotes() (granted, rejected int, result quorum.VoteResult) {
	for id, vote := range p.Votes {
		switch {
		case !p.Voters.Contains(id):
		case vote:
			granted++
		default:
			rejected++
		}
	}
	return granted, rejected, p.Voters.VoteResult(p.Votes)
}

// ids returns the members in ascending order.
func (m ProgressMap) ids() []uint64 { return slices.Sorted(maps.Keys(m)) }
