package raft

import (
	"slices"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// SoftState is what is worth knowing and not worth keeping: it need not be
// persisted.
type SoftState struct {
	Lead      uint64 // None if not known
	RaftState StateType
}

// Ready is everything that the application must now do, in this order. The
// package comment draws it; book §3.2.1.
//
//	┌─ disk ────────────┐   ┌─ network ─┐   ┌─ state machine ──────────┐
//	│ Snapshot, Entries │──▶│ Messages  │──▶│ Snapshot, CommittedEntries│──▶ Advance
//	│ then HardState    │   └───────────┘   │ then answer clients       │
//	└─ fsync if MustSync┘                   └───────────────────────────┘
//
// The slices are lent for reading until they are no longer used, also after
// Advance; raft does not write to them and the application must not.
type Ready struct {
	// SoftState is nil if it is as it was.
	*SoftState

	// HardState is empty if it is as it was. It MUST be persisted BEFORE Messages
	// are sent, and not BEFORE the Entries and the Snapshot that its Commit covers.
	pb.HardState

	// ReadStates answer ReadIndex: each read MUST wait until its Index is applied.
	ReadStates []ReadState

	// Entries MUST be persisted BEFORE Messages are sent and BEFORE CommittedEntries
	// are applied. They replace whatever the log holds from the first of their
	// indexes on.
	Entries []pb.Entry

	// Snapshot, if not empty, MUST be persisted BEFORE Entries, and applied BEFORE
	// CommittedEntries.
	Snapshot pb.Snapshot

	// CommittedEntries are to be applied, AFTER Entries and HardState are on disk:
	// some of them may be in Entries of this very Ready. They follow the entries of
	// the Ready before without a gap, and none comes twice in the life of a node.
	CommittedEntries []pb.Entry

	// Messages are to be sent AFTER Entries, HardState and Snapshot are on disk; a
	// leader MAY send while its disk still works, unless Term or Vote change. For a MsgSnap the outcome MUST
	// be reported with ReportSnapshot. The slice itself, not what the messages hold,
	// is used again after Advance.
	Messages []pb.Message

	// MustSync says that Entries and HardState MUST be on disk, and not merely in a
	// buffer, before going on.
	MustSync bool
}

// IsEmptyHardState reports whether st says nothing.
func IsEmptyHardState(st pb.HardState) bool { return st == pb.HardState{} }

// IsEmptySnap reports whether sp is no snapshot.
func IsEmptySnap(sp pb.Snapshot) bool { return sp.Metadata.Index == 0 }

// MustSync reports whether going from prev to st with entsnum new entries needs an
// fsync: term, vote and log are promises to other nodes (Raft figure 2, persistent
// state). The commit index is not, it can be found out again.
func MustSync(st, prev pb.HardState, entsnum int) bool {
	return entsnum != 0 || st.Vote != prev.Vote || st.Term != prev.Term
}

// PayloadSize returns the bytes of e that count towards MaxUncommittedEntriesSize.
func PayloadSize(e pb.Entry) int { return len(e.Data) }

var localMessages = []pb.MessageType{
	pb.MsgHup, pb.MsgBeat, pb.MsgUnreachable, pb.MsgSnapStatus, pb.MsgCheckQuorum,
	pb.MsgStorageAppend, pb.MsgStorageAppendResp, pb.MsgStorageApply, pb.MsgStorageApplyResp,
}

// IsLocalMsg reports whether messages of type t never come from a peer.
func IsLocalMsg(t pb.MessageType) bool { return slices.Contains(localMessages, t) }

var responseMessages = []pb.MessageType{
	pb.MsgAppResp, pb.MsgVoteResp, pb.MsgHeartbeatResp, pb.MsgUnreachable, pb.MsgPreVoteResp,
}

// IsResponseMsg reports whether messages of type t tell of an earlier message of
// this node, and so mean nothing if they come from a node that it never wrote to.
func IsResponseMsg(t pb.MessageType) bool { return slices.Contains(responseMessages, t) }
