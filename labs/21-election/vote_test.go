package election

import (
	"fmt"
	"testing"

	"insideetcd/ch02-raft/paper"
)

// Task 2.1.2: who gets my vote. Server 1 is asked by others.

// answer is what server 1 says to a RequestVote.
func (s *server) answer(from, term uint64, ask *paper.RequestVote) (granted, afterSave bool) {
	s.t.Helper()
	s.take()
	s.hear(from, term, ask)
	out := s.take()
	replies, afterSave := sent(out, paper.KindRequestVoteReply)
	expect(s, ruleOneVote, "RequestVoteReply to", []uint64{from}, receivers(replies))
	granted = replies[0].Body.(*paper.RequestVoteReply).VoteGranted
	s.tell("server 1 answers: %v", replies[0].Body)
	return granted, afterSave
}

func TestOneVoteATerm(t *testing.T) {
	s := start(t, 5, inTerm(7))
	granted, _ := s.answer(3, 7, &paper.RequestVote{})
	expect(s, ruleOneVote, "the vote for 3 is granted", true, granted)
	expect(s, ruleOneVote, "vote", 3, s.Status().VotedFor)
	granted, _ = s.answer(2, 7, &paper.RequestVote{})
	expect(s, ruleOneVote, "the vote for 2 is granted", false, granted)
	expect(s, ruleOneVote, "vote", 3, s.Status().VotedFor)
	granted, _ = s.answer(3, 7, &paper.RequestVote{})
	expect(s, ruleOneVote, "the vote for 3, who asks again because the answer was lost, is granted", true, granted)
}

func TestANewTermIsANewVote(t *testing.T) {
	s := start(t, 5, inTerm(7))
	s.answer(3, 7, &paper.RequestVote{})
	granted, _ := s.answer(2, 8, &paper.RequestVote{})
	expect(s, ruleNewTerm, "the vote for 2 is granted", true, granted)
	expect(s, ruleNewTerm, "term", 8, s.Status().Term)
	expect(s, ruleNewTerm, "vote", 2, s.Status().VotedFor)
}

func TestAVoteIsSavedBeforeItIsTold(t *testing.T) {
	s := start(t, 3, inTerm(1))
	s.take()
	s.hear(3, 2, &paper.RequestVote{})
	out := s.take()
	_, afterSave := sent(out, paper.KindRequestVoteReply)
	expect(s, ruleSaved, "the reply waits for the save", true, afterSave)
	saved := paper.HardState{}
	if out.Save.State != nil {
		saved = *out.Save.State
	}
	expect(s, ruleSaved, "saved", paper.HardState{CurrentTerm: 2, VotedFor: 3}, saved)
}

func TestOnlyAnUpToDateLogGetsTheVote(t *testing.T) {
	for _, c := range []struct {
		reason      string
		mine        []uint64
		index, term uint64 // of the candidate's last entry
		want        bool
	}{
		{"both logs are empty", nil, 0, 0, true},
		{"the same last entry", []uint64{1, 2}, 2, 2, true},
		{"the same last term and longer", []uint64{1, 2}, 3, 2, true},
		{"the same last term and shorter", []uint64{1, 2, 2}, 2, 2, false},
		{"a later last term and shorter", []uint64{1, 1, 1, 1}, 2, 2, true},
		{"an earlier last term and longer", []uint64{1, 3}, 9, 2, false},
		{"an empty log", []uint64{1}, 0, 0, false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			s := start(t, 3, withLog(c.mine...))
			granted, _ := s.answer(2, 9, &paper.RequestVote{LastLogIndex: c.index, LastLogTerm: c.term})
			expect(s, ruleUpTo, fmt.Sprintf("the vote for a candidate with %s is granted", c.reason), c.want, granted)
			if !c.want {
				expect(s, ruleUpTo, "vote", 0, s.Status().VotedFor)
			}
		})
	}
}

func TestGrantingAVoteResetsTheTimer(t *testing.T) {
	s := start(t, 3)
	s.tick(timeout - 1)
	granted, _ := s.answer(3, 1, &paper.RequestVote{})
	expect(s, ruleOneVote, "granted", true, granted)
	s.tick(timeout - 1)
	expect(s, ruleTimer, "role", paper.Follower, s.Status().Role)
}
