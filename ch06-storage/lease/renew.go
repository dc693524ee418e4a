package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/backend"
)

// Renew succeeds only in core.renew, under mu, where Revoke removes leases too: at that
// moment the lease exists, has not expired, and its clock starts anew (REGRESSIONS L2).
func (s *lessor) Renew(ctx context.Context, id ID) (int64, error) {
	for {
		ttlSeconds, changed, err := s.tryRenew(id, false)
		if errors.Is(err, errCheckpointed) {
			ttlSeconds, changed, err = s.takeBackAndRenew(ctx, id)
		}
		if !errors.Is(err, errExpired) {
			if err == nil {
				renewedTotal.Inc()
			}
			return ttlSeconds, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// tryRenew renews once. With errExpired, changed is closed when it is worth another try.
func (s *lessor) tryRenew(id ID, cleared bool) (ttlSeconds int64, changed <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ttlSeconds, err = s.core.renew(id, time.Now(), cleared)
	if errors.Is(err, errExpired) {
		changed = s.waitFor(id)
	}
	return ttlSeconds, changed, err
}

// waitFor needs mu.
func (s *lessor) waitFor(id ID) <-chan struct{} {
	if s.waiting[id] == nil {
		s.waiting[id] = make(chan struct{})
	}
	return s.waiting[id]
}

// takeBackAndRenew has all members forget the checkpoint of the lease first: the next
// primary would let it live shorter than is promised now.
func (s *lessor) takeBackAndRenew(ctx context.Context, id ID) (ttlSeconds int64, changed <-chan struct{}, err error) {
	s.telling.RLock()
	defer s.telling.RUnlock()
	s.mu.Lock()
	cp := s.checkpointer
	s.mu.Unlock()
	if cp != nil {
		err := cp(ctx, &pb.LeaseCheckpointRequest{Checkpoints: []*pb.LeaseCheckpoint{{ID: int64(id)}}})
		if err != nil {
			return 0, nil, fmt.Errorf("lease: the checkpoint of lease %x cannot be taken back, so it is not renewed: %w", uint64(id), err)
		}
	}
	return s.tryRenew(id, true)
}

func (s *lessor) Promote(extend time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	s.changeTerm()
	s.term, s.endTerm = context.WithCancel(context.Background())
	s.core.promote(time.Now(), extend)
}

func (s *lessor) Demote() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changeTerm()
	s.core.demote()
}

// changeTerm ends what the primary has under way; it needs mu. Renewals that wait look
// again: they are refused, or go through if there was a promotion.
func (s *lessor) changeTerm() {
	s.endTerm()
	for id, waiting := range s.waiting {
		close(waiting)
		delete(s.waiting, id)
	}
}

func (s *lessor) Recover(b backend.Backend, rd RangeDeleter) error {
	c, err := recoverCore(b, s.cfg.MinTTL)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changeTerm()
	s.core, s.b, s.rangeDeleter = c, b, rd
	s.core.setCheckpointInterval(s.checkpointInterval(), time.Now())
	return nil
}

func (s *lessor) Stop() {
	s.mu.Lock()
	first := !s.stopped
	s.stopped = true
	s.changeTerm()
	s.core.demote()
	s.mu.Unlock()
	if first {
		close(s.stop)
	}
	<-s.done
}
