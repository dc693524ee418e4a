package raftexample

import (
	"errors"
	"maps"
	"slices"
)

// Errors of requests. They say what became of the request, because that decides what the
// client may do next.
var (
	ErrNotTaken = errors.New("raftexample: no leader takes the request, nothing was done; try again soon")
	ErrTimeout  = errors.New("raftexample: no answer in time; a write may still happen, or may have happened")
	ErrStopped  = errors.New("raftexample: this member stopped; a write may have happened")
	ErrRemoved  = errors.New("raftexample: this member was removed from the cluster; ask another one")
)

// proposal is somebody who waits for his entry to be applied.
type proposal struct {
	answer func(Result, error)
	until  int // the tick at which he gives up
}

// propose asks to apply c and answers when that is done here, which is after a majority
// has it on disk. Raft may lose a proposal without a word (its leader loses its office, a
// message is lost), so a wait also ends by time.
func (n *raftNode) propose(c kv, answer func(Result, error)) {
	c.ID = n.wait(answer)
	n.settleProposal(c.ID, n.node.Propose(c.encode()))
}

// wait notes that somebody waits, and returns the ID under which he is found.
func (n *raftNode) wait(answer func(Result, error)) uint64 {
	id := n.newID()
	n.proposals[id] = proposal{answer: answer, until: n.now + n.requestTicks}
	return id
}

// settleProposal ends the wait of one that raft has not taken in.
func (n *raftNode) settleProposal(id uint64, err error) {
	if err != nil {
		n.answer(id, Result{}, ErrNotTaken)
	}
}

// answer tells whoever waits for id. For most IDs that is nobody: the request came in at
// another member, or in an earlier life of this one.
func (n *raftNode) answer(id uint64, r Result, err error) {
	if p, waits := n.proposals[id]; waits {
		delete(n.proposals, id)
		p.answer(r, err)
	}
}

// expireProposals answers those who have waited too long, in the order of their IDs, so
// that a run in a test can be repeated.
func (n *raftNode) expireProposals() {
	for _, id := range slices.Sorted(maps.Keys(n.proposals)) {
		if n.proposals[id].until <= n.now {
			n.answer(id, Result{}, ErrTimeout)
		}
	}
}
