package paper

// Rule is a sentence of the paper that a server acts on. With Config.Explain it records
// which ones fired, in order.
type Rule uint8

// The rules in the order of Figure 2, then of the later sections.
const (
	RuleAppendEntries1 Rule = iota
	RuleAppendEntries2
	RuleAppendEntries3
	RuleAppendEntries4
	RuleAppendEntries5
	RuleRequestVote1
	RuleRequestVote2
	RuleAllServers1
	RuleAllServers2
	RuleFollowers2
	RuleCandidates1
	RuleCandidates2
	RuleCandidates3
	RuleCandidates4
	RuleLeaders1
	RuleLeaders2
	RuleLeaders3
	RuleLeaders3Success
	RuleLeaders3Conflict
	RuleLeaders4
	RuleInstallSnapshot1
	RuleInstallSnapshot6
	RuleInstallSnapshot8
	RuleLeadersSnapshot
	RulePreVote1
	RulePreVote2
	RulePreVote3
	RuleDisruptive
	RuleCheckQuorum
	RuleReadIndex2
	RuleReadIndex3
	RuleLease
	RuleTransfer1
	RuleTransfer2
	RuleTransfer3
	rules
)

// RuleText describes a rule: Box is where the paper has it, Section refers to the paper,
// or with "d." to the dissertation.
type RuleText struct {
	Name, Box, Section, Text string
}

var ruleTexts = [rules]RuleText{
	RuleAppendEntries1:   {"AppendEntries receiver 1", "AppendEntries RPC", "§5.1", "a leader of an old term is refused, and told the current term"},
	RuleAppendEntries2:   {"AppendEntries receiver 2", "AppendEntries RPC", "§5.3", "refused: the log does not hold the entry before the new ones"},
	RuleAppendEntries3:   {"AppendEntries receiver 3", "AppendEntries RPC", "§5.3", "an entry that conflicts with a new one is cut off, with all that follow"},
	RuleAppendEntries4:   {"AppendEntries receiver 4", "AppendEntries RPC", "§5.3", "entries that the log does not hold yet are appended"},
	RuleAppendEntries5:   {"AppendEntries receiver 5", "AppendEntries RPC", "§5.3", "commitIndex follows the leader's, as far as the log is known to agree"},
	RuleRequestVote1:     {"RequestVote receiver 1", "RequestVote RPC", "§5.1", "a candidate of an old term is refused, and told the current term"},
	RuleRequestVote2:     {"RequestVote receiver 2", "RequestVote RPC", "§5.2, §5.4.1", "the vote is free and the candidate's log at least as up-to-date: granted"},
	RuleAllServers1:      {"All servers 1", "Rules for Servers", "§5.3", "what is committed is applied, in the order of the log"},
	RuleAllServers2:      {"All servers 2", "Rules for Servers", "§5.1", "a message of a higher term makes a follower of that term"},
	RuleFollowers2:       {"Followers 2", "Rules for Servers", "§5.2", "the election timeout passes without a leader or a vote given: a campaign"},
	RuleCandidates1:      {"Candidates 1", "Rules for Servers", "§5.2", "a new term, a vote for itself, a new timer, RequestVote to all others"},
	RuleCandidates2:      {"Candidates 2", "Rules for Servers", "§5.2", "votes of a majority: leader"},
	RuleCandidates3:      {"Candidates 3", "Rules for Servers", "§5.2", "another is the leader of this term: follower"},
	RuleCandidates4:      {"Candidates 4", "Rules for Servers", "§5.2", "nobody won in time: a new election"},
	RuleLeaders1:         {"Leaders 1", "Rules for Servers", "§5.2", "elected: heartbeats to all, and again before any election timeout"},
	RuleLeaders2:         {"Leaders 2", "Rules for Servers", "§5.3", "a client's command is appended to the leader's log"},
	RuleLeaders3:         {"Leaders 3", "Rules for Servers", "§5.3", "entries from nextIndex on are sent"},
	RuleLeaders3Success:  {"Leaders 3 success", "Rules for Servers", "§5.3", "a follower has them: nextIndex and matchIndex move on"},
	RuleLeaders3Conflict: {"Leaders 3 conflict", "Rules for Servers", "§5.3", "a follower's log does not agree: nextIndex moves back"},
	RuleLeaders4:         {"Leaders 4", "Rules for Servers", "§5.3, §5.4.2", "a majority has an entry of the current term: commitIndex moves on"},
	RuleInstallSnapshot1: {"InstallSnapshot receiver 1", "InstallSnapshot RPC", "§7", "a leader of an old term is refused"},
	RuleInstallSnapshot6: {"InstallSnapshot receiver 6", "InstallSnapshot RPC", "§7", "the log holds the snapshot's last entry: it is kept, and committed so far"},
	RuleInstallSnapshot8: {"InstallSnapshot receiver 8", "InstallSnapshot RPC", "§7", "the log is replaced by the snapshot, and the state by the snapshot's"},
	RuleLeadersSnapshot:  {"Leaders snapshot", "InstallSnapshot RPC", "§7", "the entries that a follower needs are compacted: the snapshot is sent"},
	RulePreVote1:         {"PreVote 1", "PreVote", "d. §9.6", "before a campaign: would I win?"},
	RulePreVote2:         {"PreVote 2", "PreVote", "d. §9.6", "yes: no leader is heard here, and the asker's log is at least as up-to-date"},
	RulePreVote3:         {"PreVote 3", "PreVote", "d. §9.6", "a majority says yes: a real campaign"},
	RuleDisruptive:       {"Disruptive servers", "CheckQuorum", "d. §4.2.3", "a leader was heard just now: the candidate is ignored, with its term"},
	RuleCheckQuorum:      {"CheckQuorum", "CheckQuorum", "d. §6.2", "no majority answered for an election timeout: the leader steps down"},
	RuleReadIndex2:       {"ReadIndex 2", "Reads", "§8, d. §6.4", "the read waits for a round of heartbeats that begins after it"},
	RuleReadIndex3:       {"ReadIndex 3", "Reads", "§8, d. §6.4", "a majority answered the round: still leader, the read may go on"},
	RuleLease:            {"Lease", "Reads", "d. §6.4.1", "a majority answered within the lease: no other leader can exist yet"},
	RuleTransfer1:        {"Transfer 1", "Transfer", "d. §3.10", "no new commands; the chosen server is brought up to date"},
	RuleTransfer2:        {"Transfer 2", "Transfer", "d. §3.10", "the chosen server has the whole log: TimeoutNow"},
	RuleTransfer3:        {"Transfer 3", "Transfer", "d. §3.10", "TimeoutNow: campaign without waiting"},
}

// String is the rule's name, e.g. "RequestVote receiver 2".
func (r Rule) String() string { return ruleTexts[r].Name }

// Rules are all rules, in the order of the paper.
func Rules() []RuleText { return append([]RuleText(nil), ruleTexts[:]...) }

// fire records a rule.
func (s *Server) fire(r Rule) {
	if s.Explain {
		s.out.Rules = append(s.out.Rules, r)
	}
}
