package lease

import (
	"context"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

const (
	// tickInterval is how often the goroutine looks for something to do. It sees an expiry
	// late by so much at most: a TTL is a minimum.
	tickInterval = 500 * time.Millisecond
	// offersPerTick leases are offered in one go: revokeRate.
	offersPerTick = int(revokeRate * tickInterval / time.Second)
	// checkpointsPerRequest keeps raft entries small.
	checkpointsPerRequest = 1000
)

func (s *lessor) ExpiredLeasesC() <-chan []*Lease { return s.expiredC }

// offer is a batch of expired leases, and until when it may be made.
type offer struct {
	leases []*Lease
	term   context.Context
}

// run is the lessor's goroutine. While nobody takes an offer it makes no new one; when the
// lessor is demoted it withdraws it. A receiver may be quicker than that: see IsExpired.
func (s *lessor) run() {
	defer close(s.done)
	ticker := time.NewTicker(tickInterval)
	defer ticker.Stop()
	var next offer
	for {
		var out chan<- []*Lease
		var withdrawn <-chan struct{}
		if len(next.leases) > 0 {
			out, withdrawn = s.expiredC, next.term.Done()
		}
		select {
		case <-ticker.C:
			if len(next.leases) == 0 {
				next = s.nextOffer()
			}
			s.tellCheckpoints()
		case out <- next.leases:
			next = offer{}
		case <-withdrawn:
			next = offer{}
		case <-s.stop:
			return
		}
	}
}

func (s *lessor) nextOffer() offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return offer{leases: s.core.expired(time.Now(), offersPerTick), term: s.term}
}

// tellCheckpoints has all checkpoints agreed on that are due, one request after the other.
// What a failed request said is said again one interval later.
func (s *lessor) tellCheckpoints() {
	for {
		n, err := s.tellSome()
		if err != nil {
			s.lg.Warn("checkpoints of leases were not agreed on", "leases", n, "error", err)
			return
		}
		if n < checkpointsPerRequest {
			return
		}
	}
}

func (s *lessor) tellSome() (n int, err error) {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.mu.Lock()
	due := s.core.dueCheckpoints(time.Now(), checkpointsPerRequest)
	cp, term := s.checkpointer, s.term
	s.mu.Unlock()
	if len(due) == 0 || cp == nil {
		return 0, nil
	}
	r := &pb.LeaseCheckpointRequest{Checkpoints: make([]*pb.LeaseCheckpoint, len(due))}
	for i, c := range due {
		r.Checkpoints[i] = &pb.LeaseCheckpoint{ID: int64(c.id), Remaining_TTL: c.remaining}
	}
	return len(due), cp(term, r)
}
