package paper

import "fmt"

// A Message is one half of an RPC of the paper: the request and the reply travel as
// messages of their own, so that nothing waits and everything may be lost, repeated or late.
// A message and all it points to are never changed once sent.
type Message struct {
	From, To uint64
	Term     uint64 // currentTerm of the sender; in a granted pre-vote, of the asker
	Body     Body
}

// A Body is one of the types of this file, by pointer.
type Body interface {
	Kind() Kind
	String() string
	wellFormed(m Message) bool
}

// Kind tells the bodies apart. It is the second index of the handler table.
type Kind uint8

// The messages, in the order in which the paper and the dissertation bring them.
const (
	KindRequestVote Kind = iota
	KindRequestVoteReply
	KindAppendEntries
	KindAppendEntriesReply
	KindInstallSnapshot
	KindInstallSnapshotReply
	KindPreVote
	KindPreVoteReply
	KindReadIndex
	KindReadIndexReply
	KindTimeoutNow
	kinds
)

var kindNames = [kinds]string{
	"RequestVote", "RequestVoteReply", "AppendEntries", "AppendEntriesReply",
	"InstallSnapshot", "InstallSnapshotReply", "PreVote", "PreVoteReply",
	"ReadIndex", "ReadIndexReply", "TimeoutNow",
}

// String is the name of the message in the paper.
func (k Kind) String() string { return kindNames[k] }

// RequestVote asks for a vote (§5.2; Figure 2, RequestVote RPC). The candidate is the sender.
type RequestVote struct {
	LastLogIndex, LastLogTerm uint64 // of the candidate's last entry, §5.4.1
	Transfer                  bool   // sent at the leader's own wish: voters need not wait for its silence (dissertation §4.2.3)
}

// RequestVoteReply answers RequestVote.
type RequestVoteReply struct {
	VoteGranted bool
}

// AppendEntries replicates entries and, also without any, is the heartbeat (§5.2, §5.3;
// Figure 2, AppendEntries RPC). The leader is the sender.
type AppendEntries struct {
	PrevLogIndex, PrevLogTerm uint64
	Entries                   []Entry // shared with the sender's log: read only
	LeaderCommit              uint64
	Stamp                     Stamp
}

// AppendEntriesReply answers AppendEntries. The paper's leader knows from the RPC what a
// reply is about; here the reply says it.
type AppendEntriesReply struct {
	Success       bool
	MatchIndex    uint64 // if Success: the follower's log is the leader's up to here
	PrevLogIndex  uint64 // if not: what was asked
	ConflictIndex uint64 // and the first index worth asking next,
	ConflictTerm  uint64 // and the term of the entry in the way, 0 if the log is too short (§5.3, last but two paragraphs)
	Stamp         Stamp
}

// InstallSnapshot brings a follower the state in place of entries that the leader has
// forgotten (§7, Figure 13), in one chunk.
type InstallSnapshot struct {
	Snapshot Snapshot
	Stamp    Stamp
}

// InstallSnapshotReply answers InstallSnapshot.
type InstallSnapshotReply struct {
	MatchIndex uint64
	Stamp      Stamp
}

// PreVote asks whether a RequestVote in the next term would be granted (dissertation §9.6).
type PreVote struct {
	LastLogIndex, LastLogTerm uint64
}

// PreVoteReply answers PreVote.
type PreVoteReply struct {
	VoteGranted bool
}

// ReadIndex asks the leader, on behalf of a follower's client, from which index on the
// state machine answers the read ID (dissertation §6.4).
type ReadIndex struct {
	ID uint64
}

// ReadIndexReply answers ReadIndex.
type ReadIndexReply struct {
	ID, Index uint64
}

// TimeoutNow tells the one follower that the leader hands over to: start an election at
// once (dissertation §3.10).
type TimeoutNow struct{}

// A Stamp is put on what a leader sends and comes back unchanged. It tells the leader WHEN
// the answering server still followed it: not before the stamped message left.
type Stamp struct {
	Round  uint64 // the newest round of heartbeats that began before, see reads.go
	SentAt int64  // the leader's own clock, in ticks
}

// Kind of the body, one for each type.
func (*RequestVote) Kind() Kind          { return KindRequestVote }
func (*RequestVoteReply) Kind() Kind     { return KindRequestVoteReply }
func (*AppendEntries) Kind() Kind        { return KindAppendEntries }
func (*AppendEntriesReply) Kind() Kind   { return KindAppendEntriesReply }
func (*InstallSnapshot) Kind() Kind      { return KindInstallSnapshot }
func (*InstallSnapshotReply) Kind() Kind { return KindInstallSnapshotReply }
func (*PreVote) Kind() Kind              { return KindPreVote }
func (*PreVoteReply) Kind() Kind         { return KindPreVoteReply }
func (*ReadIndex) Kind() Kind            { return KindReadIndex }
func (*ReadIndexReply) Kind() Kind       { return KindReadIndexReply }
func (*TimeoutNow) Kind() Kind           { return KindTimeoutNow }

func (b *RequestVote) String() string {
	s := fmt.Sprintf("last %d/t%d", b.LastLogIndex, b.LastLogTerm)
	if b.Transfer {
		s += " transfer"
	}
	return s
}

func (b *AppendEntries) String() string {
	s := fmt.Sprintf("prev %d/t%d", b.PrevLogIndex, b.PrevLogTerm)
	switch n := len(b.Entries); {
	case n == 1:
		s += fmt.Sprintf(" entry %d/t%d", b.Entries[0].Index, b.Entries[0].Term)
	case n > 1:
		s += fmt.Sprintf(" entries %d/t%d..%d/t%d", b.Entries[0].Index, b.Entries[0].Term, b.Entries[n-1].Index, b.Entries[n-1].Term)
	}
	return s + fmt.Sprintf(" commit %d", b.LeaderCommit)
}

func (b *AppendEntriesReply) String() string {
	if b.Success {
		return fmt.Sprintf("success match %d", b.MatchIndex)
	}
	s := fmt.Sprintf("conflict after %d: try %d", b.PrevLogIndex, b.ConflictIndex)
	if b.ConflictTerm != 0 {
		s += fmt.Sprintf(", mine is of t%d", b.ConflictTerm)
	}
	return s
}

func (b *RequestVoteReply) String() string { return granted(b.VoteGranted) }
func (b *PreVote) String() string          { return fmt.Sprintf("last %d/t%d", b.LastLogIndex, b.LastLogTerm) }
func (b *PreVoteReply) String() string     { return granted(b.VoteGranted) }
func (b *InstallSnapshot) String() string {
	return fmt.Sprintf("snapshot %d/t%d", b.Snapshot.Index, b.Snapshot.Term)
}
func (b *InstallSnapshotReply) String() string { return fmt.Sprintf("match %d", b.MatchIndex) }
func (b *ReadIndex) String() string            { return fmt.Sprintf("read %d", b.ID) }
func (b *ReadIndexReply) String() string       { return fmt.Sprintf("read %d at index %d", b.ID, b.Index) }
func (*TimeoutNow) String() string             { return "campaign now" }

func granted(yes bool) string {
	if yes {
		return "granted"
	}
	return "refused"
}
