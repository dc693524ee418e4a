package election

import (
	"testing"

	"insideetcd/ch02-raft/paper"
)

// Task 2.1.1: when to campaign. The timer runs out after shortest + 4 ticks.

const timeout = shortest + 4

func TestAFollowerCampaignsWhenItHearsNobody(t *testing.T) {
	s := start(t, 3, withLog(1, 1, 2))
	s.tick(timeout - 1)
	expect(s, ruleTimeout, "role", paper.Follower, s.Status().Role)
	s.tick(1)
	expect(s, ruleTimeout, "role", paper.Candidate, s.Status().Role)
	expect(s, ruleBegin, "term", 3, s.Status().Term)
	expect(s, ruleBegin, "vote", 1, s.Status().VotedFor)
	out := s.take()
	asked, afterSave := sent(out, paper.KindRequestVote)
	expect(s, ruleBegin, "RequestVote to", []uint64{2, 3}, receivers(asked))
	expect(s, ruleSaved, "the requests wait for the save", true, afterSave)
}

func TestAHeartbeatPutsTheCampaignOff(t *testing.T) {
	s := start(t, 3, inTerm(5))
	s.tick(timeout - 1)
	s.hear(2, 5, &paper.AppendEntries{})
	s.tick(timeout - 1)
	expect(s, ruleTimeout, "role", paper.Follower, s.Status().Role)
	s.tick(1)
	expect(s, ruleTimeout, "role", paper.Candidate, s.Status().Role)
}

func TestACandidateTriesAgain(t *testing.T) {
	s := start(t, 5)
	s.tick(timeout)
	s.take()
	s.tick(timeout - 1)
	expect(s, ruleAgain, "term", 1, s.Status().Term)
	s.tick(1)
	expect(s, ruleAgain, "term", 2, s.Status().Term)
	expect(s, ruleAgain, "role", paper.Candidate, s.Status().Role)
	out := s.take()
	asked, _ := sent(out, paper.KindRequestVote)
	expect(s, ruleAgain, "RequestVote to", []uint64{2, 3, 4, 5}, receivers(asked))
}

func TestWithPreVoteItAsksFirst(t *testing.T) {
	s := start(t, 3, withLog(1), func(c *paper.Config, _ *paper.Stored) { c.PreVote = true })
	s.tick(timeout)
	expect(s, rulePreVote, "role", paper.PreCandidate, s.Status().Role)
	expect(s, rulePreVote, "term", 1, s.Status().Term)
	expect(s, rulePreVote, "vote", 0, s.Status().VotedFor)
	out := s.take()
	asked, _ := sent(out, paper.KindPreVote)
	expect(s, rulePreVote, "PreVote to", []uint64{2, 3}, receivers(asked))
	campaign, _ := sent(out, paper.KindRequestVote)
	expect(s, rulePreVote, "RequestVote to", []uint64(nil), receivers(campaign))
}
