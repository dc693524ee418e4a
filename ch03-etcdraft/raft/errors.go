package raft

import "errors"

// Errors of Node and RawNode.
var (
	// ErrStopped is returned by a Node's methods after Stop.
	ErrStopped = errors.New("raft: stopped")
	// ErrProposalDropped means that the proposal was not taken in and never will
	// be: there is no leader, or the leader holds too much uncommitted data. The
	// caller may propose again.
	ErrProposalDropped = errors.New("raft proposal dropped")
	// ErrStepLocalMsg refuses a message of a type that must never come from a peer.
	ErrStepLocalMsg = errors.New("raft: cannot step raft local message")
	// ErrStepPeerNotFound refuses a response from a node that is not a member.
	ErrStepPeerNotFound = errors.New("raft: cannot step as peer not found")
)

// Errors that a Storage returns; raft tells them apart by identity.
var (
	// ErrCompacted means that the index is below the first one kept.
	ErrCompacted = errors.New("requested index is unavailable due to compaction")
	// ErrSnapOutOfDate means that a newer snapshot is there already.
	ErrSnapOutOfDate = errors.New("requested index is older than the existing snapshot")
	// ErrUnavailable means that the index is beyond the last one.
	ErrUnavailable = errors.New("requested entry at index is unavailable")
	// ErrSnapshotTemporarilyUnavailable asks raft to try again later.
	ErrSnapshotTemporarilyUnavailable = errors.New("snapshot is temporarily unavailable")
)
