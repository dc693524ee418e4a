package main

// place is where the library keeps a rule.
type place struct {
	function string // as in raft.handleAppend
	code     string // a piece of one line of it; "" is its first line
	differs  string // from the paper, if it does
}

// places are in the order of the paper. They name code and not line numbers, so that they
// hold until the rule itself is moved.
var places = map[string]place{
	"AppendEntries receiver 1": {"raft.answerLowerTerm", "case pb.MsgApp, pb.MsgHeartbeat:", "answered only where PreVote or CheckQuorum could keep a higher term from being noticed; ignored otherwise"},
	"AppendEntries receiver 2": {"raft.handleAppend", "if !l.matchTerm(m.Index, m.LogTerm)", "the refusal names where the logs may agree (`raft.refuseAppend`)"},
	"AppendEntries receiver 3": {"unstable.append", "case first <= u.offset:", "what Storage holds from there on is void, and overwritten by the next `Ready`"},
	"AppendEntries receiver 4": {"raft.handleAppend", "l.append(m.Entries[at-m.Index-1:])", ""},
	"AppendEntries receiver 5": {"raft.handleAppend", "l.commitTo(min(m.Commit, last))", ""},

	"RequestVote receiver 1": {"raft.meetTerm", "case m.Term < r.Term:", "ignored: the candidate's timeout serves as well"},
	"RequestVote receiver 2": {"raft.handleVote", "if !free || !r.raftLog.isUpToDate(", "no vote while a leader of this term is known"},

	"All servers 1":     {"raftLog.nextEnts", "", "handed to the application, which applies them"},
	"All servers 2":     {"raft.meetTerm", "default:", ""},
	"Followers 2":       {"raft.tick", "r.electionElapsed >= r.randomizedElectionTimeout", "only voters campaign, and nobody over a change of members that is not applied (`raft.hup`)"},
	"Candidates 1":      {"raft.campaign", "r.becomeCandidate()", ""},
	"Candidates 2":      {"raft.countVote", "case result == quorum.VoteWon:", "in a transition of members: of both majorities"},
	"Candidates 3":      {"yieldTo", "r.becomeFollower(m.Term, m.From)", ""},
	"Candidates 4":      {"raft.tick", "r.electionElapsed >= r.randomizedElectionTimeout", "given up as soon as a majority has refused (`quorum.VoteLost`)"},
	"Leaders 1":         {"raft.becomeLeader", "r.appendEntries([]pb.Entry{{}})", "the first message to all is an empty entry; heartbeats (`raft.handleBeat`) are messages of their own"},
	"Leaders 2":         {"raft.handleProposal", "r.appendEntries(m.Entries)", "the answer to the client is the application's"},
	"Leaders 3":         {"raft.sendAppend", "Type: pb.MsgApp,", "within a window, without waiting for answers"},
	"Leaders 3 success": {"raft.handleAgreement", "pr.MaybeUpdate(m.Index)", ""},
	"Leaders 3 conflict": {"raft.handleRefusal", "if !pr.MaybeDecrTo(m.Index, hint)",
		"by whole terms, not by one entry"},
	"Leaders 4": {"raft.advanceCommit", "!r.raftLog.matchTerm(i, r.Term)", ""},

	"InstallSnapshot receiver 1": {"raft.meetTerm", "case m.Term < r.Term:", "ignored"},
	"InstallSnapshot receiver 6": {"raft.restore", "case r.raftLog.matchTerm(at.Index, at.Term):", "entries before it are kept as well"},
	"InstallSnapshot receiver 8": {"raft.restore", "r.raftLog.restore(s)", "in one message; how the state travels is the transport's"},
	"Leaders snapshot":           {"raft.sendSnapshot", "pr.BecomeSnapshot(", "only to a member that was heard of"},

	"PreVote 1":          {"raft.campaign", "r.becomePreCandidate()", ""},
	"PreVote 2":          {"raft.handleVote", "m.Type == pb.MsgPreVote && m.Term > r.Term", "whether a leader is heard counts with CheckQuorum only (`raft.inLease`)"},
	"PreVote 3":          {"raft.countVote", "r.state == StatePreCandidate:", ""},
	"Disruptive servers": {"raft.meetTerm", "if r.inLease()", "with CheckQuorum"},
	"CheckQuorum":        {"raft.handleCheckQuorum", "if !r.prs.QuorumActive()", ""},
	"ReadIndex 2":        {"raft.admitRead", "if r.readOnly.add(m", ""},
	"ReadIndex 3":        {"raft.answerConfirmed", "range ro.take(", ""},
	"Lease":              {"raft.admitRead", "r.readOnly.leased()", "a quarter of the timeout is kept back"},
	"Transfer 1":         {"raft.handleProposal", "case r.leadTransferee != None:", ""},
	"Transfer 2":         {"raft.tryHandOver", "Type: pb.MsgTimeoutNow", ""},
	"Transfer 3":         {"raft.handleTimeoutNow", "r.hup(campaignTransfer)", ""},
}
