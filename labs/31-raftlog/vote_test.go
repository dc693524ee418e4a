package raftlog

import (
	"fmt"
	"testing"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// Task 3.1.1: whose log is newer. Node 1 is asked for its vote.

// asked are the logs that a candidate may come with.
var asked = []struct {
	reason      string
	mine        []uint64
	index, term uint64 // of the candidate's last entry
	want        bool
}{
	{"empty, as mine", nil, 0, 0, true},
	{"equal to mine", []uint64{1, 2}, 2, 2, true},
	{"of the same last term and longer", []uint64{1, 2}, 3, 2, true},
	{"of the same last term and shorter", []uint64{1, 2, 2}, 2, 2, false},
	{"of a later last term and shorter", []uint64{1, 1, 1, 1}, 2, 2, true},
	{"of an earlier last term and longer", []uint64{1, 3}, 9, 2, false},
	{"empty, and mine is not", []uint64{1}, 0, 0, false},
}

func votes(t *testing.T, request, response pb.MessageType) {
	for _, c := range asked {
		t.Run(c.reason, func(t *testing.T) {
			n := start(t, 1, c.mine...)
			n.hear(pb.Message{Type: request, From: 2, Term: 9, Index: c.index, LogTerm: c.term})
			expect(n, ruleUpTo, fmt.Sprintf("%v for a log %s is granted", request, c.reason), c.want, !n.answer(response).Reject)
		})
	}
}

func TestAVoteGoesToAnUpToDateLog(t *testing.T) { votes(t, pb.MsgVote, pb.MsgVoteResp) }

func TestAPreVoteAsksTheSame(t *testing.T) { votes(t, pb.MsgPreVote, pb.MsgPreVoteResp) }
