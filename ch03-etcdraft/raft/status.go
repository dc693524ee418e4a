package raft

import (
	"encoding/json"
	"strconv"

	pb "insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch03-etcdraft/tracker"
)

// BasicStatus is the state of a node at one moment.
type BasicStatus struct {
	ID uint64

	pb.HardState
	SoftState

	Applied        uint64
	LeadTransferee uint64 // None unless leadership is being handed over
}

// Status adds the configuration in force and, on the leader only, what it knows of
// each member.
type Status struct {
	BasicStatus
	Config   tracker.Config
	Progress map[uint64]tracker.Progress
}

func (r *raft) basicStatus() BasicStatus {
	return BasicStatus{ID: r.id, HardState: r.hardState(), SoftState: r.softState(), Applied: r.raftLog.applied, LeadTransferee: r.leadTransferee}
}

func (r *raft) status() Status {
	s := Status{BasicStatus: r.basicStatus(), Config: r.prs.Config.Clone()}
	if r.state == StateLeader {
		s.Progress = make(map[uint64]tracker.Progress, len(r.prs.Progress))
		r.prs.Visit(func(id uint64, pr *tracker.Progress) {
			own := *pr
			own.Inflights = pr.Inflights.Clone()
			s.Progress[id] = own
		})
	}
	return s
}

// LogStatus is the extent of a node's log, stored or not: First is one above the newest
// snapshot. etcd's library does not show it; pictures and checkers need it.
type LogStatus struct {
	First, Last, LastTerm uint64
	BaseTerm              uint64 // of the entry before First
}

// LogStatus returns the extent of the log.
func (rn *RawNode) LogStatus() LogStatus {
	l := rn.raft.raftLog
	first := l.firstIndex()
	base, _ := l.term(first - 1) // 0 where the log begins
	return LogStatus{First: first, Last: l.lastIndex(), LastTerm: l.lastTerm(), BaseTerm: base}
}

// EntryAt returns the entry at index, stored or not; false if the log does not hold it.
func (rn *RawNode) EntryAt(index uint64) (pb.Entry, bool) {
	l := rn.raft.raftLog
	if index < l.firstIndex() || index > l.lastIndex() {
		return pb.Entry{}, false
	}
	ents, err := l.slice(index, index+1, noLimit)
	if err != nil || len(ents) != 1 {
		return pb.Entry{}, false
	}
	return ents[0], true
}

// MarshalJSON writes etcd's form: IDs in hex without leading zeros.
func (s Status) MarshalJSON() ([]byte, error) {
	type progress struct {
		Match uint64 `json:"match"`
		Next  uint64 `json:"next"`
		State string `json:"state"`
	}
	members := make(map[string]progress, len(s.Progress))
	for id, pr := range s.Progress {
		members[hex(id)] = progress{Match: pr.Match, Next: pr.Next, State: pr.State.String()}
	}
	return json.Marshal(struct {
		ID             string              `json:"id"`
		Term           uint64              `json:"term"`
		Vote           string              `json:"vote"`
		Commit         uint64              `json:"commit"`
		Lead           string              `json:"lead"`
		RaftState      StateType           `json:"raftState"`
		Applied        uint64              `json:"applied"`
		Progress       map[string]progress `json:"progress"`
		LeadTransferee string              `json:"leadtransferee"`
	}{
		hex(s.ID), s.Term, hex(s.Vote), s.Commit, hex(s.Lead), s.RaftState, s.Applied, members, hex(s.LeadTransferee),
	})
}

// String returns the JSON form.
func (s Status) String() string {
	b, err := s.MarshalJSON()
	if err != nil {
		return "raft status: " + err.Error()
	}
	return string(b)
}

func hex(id uint64) string { return strconv.FormatUint(id, 16) }
