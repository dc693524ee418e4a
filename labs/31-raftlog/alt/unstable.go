//go:build ignore

// Another solution of lab 3.1, the functions of unstable: it passes too, so the tests ask for the
// rules and not for this or that way to write them down.
package raft

import pb "insideetcd/ch03-etcdraft/raftpb"

// append always makes an array of its own: slower, and nothing lent can be overwritten.
func (u *unstable) append(ents []pb.Entry) {
	first, end := ents[0].Index, u.offset+uint64(len(u.entries))
	if first > end {
		u.logger.Panicf("invariant U1: append at index %d leaves a gap after %d", first, end-1)
	}
	var kept []pb.Entry
	if first > u.offset {
		kept = u.entries[:first-u.offset]
	} else {
		u.offset = first
	}
	u.offsetInProgress = max(u.offset, min(u.offsetInProgress, first))
	u.entries = append(append([]pb.Entry(nil), kept...), ents...)
}

// stableTo leaves at once unless the entry that was written is the one that is here.
func (u *unstable) stableTo(i, t uint64) {
	if i < u.offset || i >= u.offset+uint64(len(u.entries)) {
		return
	}
	n := i - u.offset + 1
	if u.entries[n-1].Term != t {
		return
	}
	u.entries, u.offset = append([]pb.Entry(nil), u.entries[n:]...), u.offset+n
	u.offsetInProgress = max(u.offset, u.offsetInProgress)
}
