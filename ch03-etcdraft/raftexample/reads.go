package raftexample

import (
	"bytes"
	"encoding/binary"

	"insideetcd/ch03-etcdraft/raft"
)

// reads are the GETs that wait, in three rooms.
//
//	arrived ──ask──▶ asked ──the leader answers: index──▶ confirmed ──applied ≥ index──▶ answered
//
// One question serves all that have arrived before it. Who comes later waits for the next
// question: between the two a write may have been acknowledged that the answer to the
// first does not cover.
//
// A question, or its answer, may be lost, and a new leader knows nothing of it. Then it is
// asked again, and those who have arrived meanwhile join. So the new question must have a
// new ID: under the old one the late answer to the first would be taken for the answer to
// the second, and the latecomers would read the past (R1).
//
// Invariants
//
//	G1. every read among asked arrived before the question attempt was put.
//	G2. attempt is 0 exactly if nobody is among asked.
type reads struct {
	arrived   []read
	asked     []read
	confirmed []read

	attempt uint64 // ID of the question that asked waits for
	reign   reign  // whom it was put to
	askedAt int    // the tick
}

type read struct {
	key    string
	answer func(Result, error)
	until  int    // the tick at which it gives up
	index  uint64 // once confirmed: what must be applied first
}

// reign is who leads, and since which term: a leader that lost its office and won it back
// has forgotten all questions.
type reign struct{ lead, term uint64 }

func (n *raftNode) reign() reign {
	s := n.node.BasicStatus()
	return reign{lead: s.Lead, term: s.Term}
}

// read answers with the value of key, not older than the moment of this call.
func (n *raftNode) read(key string, answer func(Result, error)) {
	n.reads.arrived = append(n.reads.arrived, read{key: key, answer: answer, until: n.now + n.requestTicks})
}

// askIfDue puts a question if somebody waits for one, or puts it again if the leader has
// changed since (R2), or if there was no answer for long.
func (n *raftNode) askIfDue() {
	r := &n.reads
	switch now := n.reign(); {
	case now.lead == raft.None:
	case len(r.asked) == 0 && len(r.arrived) > 0:
		n.ask(now)
	case len(r.asked) > 0 && now != r.reign:
		n.ask(now)
	case len(r.asked) > 0 && n.now-r.askedAt >= n.retryTicks:
		n.ask(now)
	}
}

// ask puts one question for all that wait. The reign is noted BEFORE, so a change that
// comes between the question and its answer is seen.
func (n *raftNode) ask(now reign) {
	r := &n.reads
	r.asked, r.arrived = append(r.asked, r.arrived...), nil
	r.attempt, r.reign, r.askedAt = n.newID(), now, n.now
	n.node.ReadIndex(question(r.attempt))
}

func question(attempt uint64) []byte { return binary.BigEndian.AppendUint64(nil, attempt) }

// confirm takes in the leader's answers. One to an earlier question means nothing.
func (n *raftNode) confirm(states []raft.ReadState) {
	r := &n.reads
	for _, rs := range states {
		if r.attempt == 0 || !bytes.Equal(rs.RequestCtx, question(r.attempt)) {
			continue
		}
		for _, read := range r.asked {
			read.index = rs.Index
			r.confirmed = append(r.confirmed, read)
		}
		r.asked, r.attempt = nil, 0
	}
}

// answerReads answers the reads whose index is applied.
func (n *raftNode) answerReads() {
	waiting := n.reads.confirmed[:0]
	for _, read := range n.reads.confirmed {
		if read.index <= n.appliedIndex {
			read.answer(n.kvstore.get(read.key), nil)
		} else {
			waiting = append(waiting, read)
		}
	}
	n.reads.confirmed = waiting
}

// expireReads answers those who have waited too long.
func (n *raftNode) expireReads() {
	r := &n.reads
	for _, room := range []*[]read{&r.arrived, &r.asked, &r.confirmed} {
		waiting := (*room)[:0]
		for _, read := range *room {
			if read.until <= n.now {
				read.answer(Result{}, ErrTimeout)
			} else {
				waiting = append(waiting, read)
			}
		}
		*room = waiting
	}
	if len(r.asked) == 0 {
		r.attempt = 0
	}
}
