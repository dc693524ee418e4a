package election

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"insideetcd/ch02-raft/paper"
	"insideetcd/labs/explain"

	"github.com/stretchr/testify/require"
)

// seed makes a run a student's own; 0 stands for the seeds that everybody sees.
var seed = flag.Uint64("lab.seed", 0, "run this seed only")

// shortest is the shortest election timeout, in ticks.
const shortest = 10

// evenly is a source of randomness that always says the same, so that the test knows when
// the timer runs out: after shortest + evenly ticks.
type evenly int

func (e evenly) IntN(n int) int { return min(int(e), n-1) }

// server is the one server that a test looks at: number 1 of a cluster of n. The others are
// the test itself.
type server struct {
	*paper.Server
	t    *testing.T
	told []string // what was done to it
}

// start makes a server that knows nothing yet.
func start(t *testing.T, n int, change ...func(*paper.Config, *paper.Stored)) *server {
	t.Helper()
	cfg := paper.Config{ID: 1, ElectionTicks: shortest, HeartbeatTicks: 2, Rand: evenly(4)}
	for id := range n {
		cfg.Servers = append(cfg.Servers, uint64(id)+1)
	}
	var disk paper.Stored
	for _, f := range change {
		f(&cfg, &disk)
	}
	s, err := paper.New(cfg, disk)
	require.NoError(t, err)
	m := &server{Server: s, t: t}
	m.tell("server 1 of %d starts %s", n, m.state())
	return m
}

// withLog gives the server's log entries of these terms, from index 1 on.
func withLog(terms ...uint64) func(*paper.Config, *paper.Stored) {
	return func(_ *paper.Config, disk *paper.Stored) {
		for i, term := range terms {
			disk.Entries = append(disk.Entries, paper.Entry{Index: uint64(i) + 1, Term: term, Command: []byte("x")})
			disk.CurrentTerm = max(disk.CurrentTerm, term)
		}
	}
}

// inTerm has the server start in a term, without a vote.
func inTerm(term uint64) func(*paper.Config, *paper.Stored) {
	return func(_ *paper.Config, disk *paper.Stored) { disk.CurrentTerm = term }
}

func (s *server) tell(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	s.told = append(s.told, line)
	s.t.Log(line)
}

// story is the given of a failure.
func (s *server) story() string { return strings.Join(s.told, "\n") }

func (s *server) state() string {
	st := s.Status()
	return fmt.Sprintf("as %v in term %d, vote %d, log up to %d/t%d", st.Role, st.Term, st.VotedFor, st.LastIndex, st.LastTerm)
}

// does runs one input, and explains an invariant that the server found broken.
func (s *server) does(what string, input func()) {
	s.t.Helper()
	defer func() {
		s.t.Helper()
		found := recover()
		if text, ok := found.(string); ok && strings.Contains(text, "invariant P") {
			explain.That(s.t, false, explain.Case{Given: s.story() + "\n" + what, Expected: "the invariants of the type Server hold", Got: text, Rule: broken(text)})
		} else if found != nil {
			panic(found) // still to be written, or a mistake of another kind
		}
	}()
	input()
}

// broken is the rule behind an invariant.
func broken(text string) string {
	if strings.Contains(text, "invariant P2") {
		return ruleOneVote
	}
	return "the numbered invariants above the type Server, ch02-raft/paper/server.go"
}

// tick lets n ticks pass.
func (s *server) tick(n int) {
	s.t.Helper()
	s.does(fmt.Sprintf("%d ticks pass", n), func() {
		for range n {
			s.Tick()
		}
	})
	s.tell("after %d ticks: %s", n, s.state())
}

// hear hands in a message from another server.
func (s *server) hear(from, term uint64, body paper.Body) {
	s.t.Helper()
	what := fmt.Sprintf("server %d sends %v (term %d) %v", from, body.Kind(), term, body)
	s.does(what, func() { s.Step(paper.Message{From: from, To: 1, Term: term, Body: body}) })
	s.tell("%s: now %s", what, s.state())
}

// campaigns has the leader of the term, server 2, hand over: a way to a candidacy that
// needs no timer. What the candidate wants to be done is done.
func (s *server) campaigns(term uint64) {
	s.t.Helper()
	s.hear(2, term, &paper.TimeoutNow{})
	s.take()
	require.Equal(s.t, paper.Candidate, s.Status().Role, "after TimeoutNow")
}

// take is what the server wants done; it is told at once that its disk has done it.
func (s *server) take() paper.Output {
	out, _ := s.Take()
	s.Saved()
	return out
}

// sent are the messages of one kind, and whether all of them wait for the save.
func sent(out paper.Output, kind paper.Kind) (messages []paper.Message, afterSave bool) {
	is := func(m paper.Message) bool { return m.Body.Kind() == kind }
	for _, m := range slices.Concat(out.Send, out.SendAfterSave) {
		if is(m) {
			messages = append(messages, m)
		}
	}
	return messages, !slices.ContainsFunc(out.Send, is)
}

// receivers of messages, sorted.
func receivers(messages []paper.Message) []uint64 {
	var ids []uint64
	for _, m := range messages {
		ids = append(ids, m.To)
	}
	slices.Sort(ids)
	return ids
}

// expect ends the test with an explanation unless got is want.
func expect[V any](s *server, rule, what string, want, got V) {
	s.t.Helper()
	explain.Equal(s.t, fmt.Sprint(want), fmt.Sprint(got), explain.Case{Given: s.story(), Expected: what + ": ", Got: what + ": ", Rule: rule})
}

// The rules of this lab, with their sources.
const (
	ruleTimeout = "election timeout: a follower that hears neither the leader nor gives a vote for its election timeout campaigns, and not before (Raft Figure 2, Followers 2; §5.2; book §2.1)"
	ruleBegin   = "begin an election: increment the term, vote for yourself, reset the timer, ask all others (Raft Figure 2, Candidates 1; book §2.1)"
	ruleAgain   = "try again: a candidate whose timeout elapses begins a new election, in a new term (Raft Figure 2, Candidates 4)"
	rulePreVote = "PreVote: ask first, and change neither term nor vote before a majority would vote for you (dissertation §9.6; book §2.1)"
	ruleSaved   = "persistent state: term and vote are on disk BEFORE a message that depends on them leaves (Raft Figure 2, State)"
	ruleOneVote = "one vote a term: a server votes for at most one candidate in a term, first come first served (Raft §5.2; Figure 2, RequestVote 2)"
	ruleNewTerm = "a new term, a new vote: what was voted in an earlier term binds nobody (Raft §5.1)"
	ruleUpTo    = "up-to-date: the log whose last entry has the later term; in the same term, the longer one (Raft §5.4.1)"
	ruleTimer   = "granting a vote resets the election timer (Raft Figure 2, Followers 2)"
	ruleWin     = "majority: votes of more than half of all servers, one's own included, make a leader (Raft Figure 2, Candidates 2)"
	ruleOnce    = "each server counts once: a repeated message is no second vote, and a refusal is none (Raft §5.2)"
	ruleLeader  = "a new leader tells everybody at once, and begins its term with an empty entry (Raft Figure 2, Leaders 1; §8)"
)
