package etcdserver

import (
	"context"
	"encoding/binary"
	"slices"
	"time"
)

// A linearizable read must see everything that was acknowledged before it
// started (book §2.5.1). The read loop asks raft for its commit index once for
// all readers that wait at that moment; whoever comes later waits for the next
// round, because the index of a round that has begun may be too old for him.

// readRetryInterval is after how long an unanswered ReadIndex is asked again.
const readRetryInterval = 500 * time.Millisecond

// readRound is one round: everybody who waits for it gets the same outcome.
type readRound struct {
	done chan struct{}
	err  error // set BEFORE done is closed
}

func newReadRound() *readRound { return &readRound{done: make(chan struct{})} }

func (r *readRound) finish(err error) {
	r.err = err
	close(r.done)
}

// LinearizableReadNotify returns once this member's store holds everything
// that was acknowledged, anywhere in the cluster, before the call.
func (s *EtcdServer) LinearizableReadNotify(ctx context.Context) error {
	round := s.nextRead.Load()
	select {
	case s.readWanted <- struct{}{}:
	default: // the loop was told already
	}
	select {
	case <-round.done:
		return round.err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stopping:
		return ErrStopped
	}
}

// linearizableReads runs one round after the other.
func (s *EtcdServer) linearizableReads() {
	for {
		select {
		case <-s.readWanted:
		case <-s.stopping:
			return
		}
		// Taken BEFORE the round: a leader that changes after this line is
		// noticed during the round (test R2).
		leaderChanged := s.leaderChangedNotify()
		round := s.nextRead.Swap(newReadRound())
		index, err := s.confirmedIndex(leaderChanged)
		if err == nil {
			err = s.waitApplied(index)
		}
		round.finish(err)
	}
}

// confirmedIndex asks raft for the commit index of a leader that was the
// leader at the time of the question. Each attempt has an ID of its own, so
// that a late answer to a question of an earlier round cannot be taken for an
// answer to this one (test R1); all attempts of one round are equally good.
func (s *EtcdServer) confirmedIndex(leaderChanged <-chan struct{}) (uint64, error) {
	deadline, start := s.deadlines.get()
	retry := time.NewTimer(readRetryInterval)
	defer retry.Stop()
	var attempts []uint64
	for {
		id := s.reqIDGen.Next()
		attempts = append(attempts, id)
		if err := s.r.ReadIndex(deadline, binary.BigEndian.AppendUint64(nil, id)); err != nil {
			return 0, s.explain(s.ctx, deadline, start, err)
		}
		index, answered, err := s.awaitReadState(attempts, retry.C, leaderChanged, deadline)
		if answered || err != nil {
			return index, err
		}
		slowReadIndexes.Inc()
		s.lg.Warn("waiting for ReadIndex response took too long, retrying", "attempts", len(attempts))
		retry.Reset(readRetryInterval)
	}
}

// awaitReadState waits for the answer to one of the attempts, until retry fires.
func (s *EtcdServer) awaitReadState(attempts []uint64, retry <-chan time.Time, leaderChanged <-chan struct{}, deadline context.Context) (index uint64, answered bool, err error) {
	for {
		select {
		case rs := <-s.r.readStateC:
			if len(rs.RequestCtx) == 8 && slices.Contains(attempts, binary.BigEndian.Uint64(rs.RequestCtx)) {
				return rs.Index, true, nil
			}
		case <-retry:
			return 0, false, nil
		case <-leaderChanged:
			readIndexesFailed.Inc()
			return 0, false, ErrLeaderChanged
		case <-deadline.Done():
			slowReadIndexes.Inc()
			return 0, false, ErrTimeout
		case <-s.stopping:
			return 0, false, ErrStopped
		}
	}
}

func (s *EtcdServer) waitApplied(index uint64) error {
	if s.AppliedIndex() >= index {
		return nil
	}
	select {
	case <-s.applyWait.wait(index):
		return nil
	case <-s.stopping:
		return ErrStopped
	}
}
