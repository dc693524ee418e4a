package etcdserver

import (
	"context"
	"errors"
	"sync"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/lease"
	"insideetcd/ch06-storage/mvcc"
)

const (
	// appliedWaitLimit is how long a question about a lease waits for apply.
	appliedWaitLimit = time.Second
	// maxPendingRevokes is how many expired leases are revoked at a time.
	maxPendingRevokes = 16
)

// LeaseGrant makes a lease; without an ID the server chooses one.
func (s *EtcdServer) LeaseGrant(ctx context.Context, r *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error) {
	for r.ID == int64(lease.NoLease) {
		r.ID = int64(s.reqIDGen.Next() & (1<<63 - 1)) // positive
	}
	return answer[*pb.LeaseGrantResponse](s.proposeV3(ctx, &pb.InternalRaftRequest{LeaseGrant: r}))
}

// LeaseRevoke ends a lease and deletes its keys.
func (s *EtcdServer) LeaseRevoke(ctx context.Context, r *pb.LeaseRevokeRequest) (*pb.LeaseRevokeResponse, error) {
	return answer[*pb.LeaseRevokeResponse](s.proposeV3(ctx, &pb.InternalRaftRequest{LeaseRevoke: r}))
}

// LeaseRenew lets a lease live for its whole TTL from now on and returns that
// in seconds. It goes through no entry: how long a lease lives is the leader's
// business alone.
func (s *EtcdServer) LeaseRenew(ctx context.Context, id lease.ID) (ttl int64, err error) {
	if err := s.waitAppliedForLease(ctx); err != nil {
		return -1, err
	}
	ttl, err = s.lessor.Renew(ctx, id)
	if errors.Is(err, lease.ErrNotPrimary) {
		return -1, s.notPrimary()
	}
	return ttl, err
}

// LeaseTimeToLive tells what a lease has left, and its keys if asked for.
func (s *EtcdServer) LeaseTimeToLive(ctx context.Context, r *pb.LeaseTimeToLiveRequest) (*pb.LeaseTimeToLiveResponse, error) {
	if err := s.waitAppliedForLease(ctx); err != nil {
		return nil, err
	}
	if s.Leader() != s.id {
		return nil, s.notPrimary()
	}
	l := s.lessor.Lookup(lease.ID(r.ID))
	if l == nil {
		return nil, lease.ErrLeaseNotFound
	}
	resp := &pb.LeaseTimeToLiveResponse{
		Header: &pb.ResponseHeader{}, ID: r.ID,
		TTL: int64(l.Remaining.Seconds()), GrantedTTL: l.TTL,
	}
	if r.Keys {
		for _, key := range s.lessor.Keys(l.ID) {
			resp.Keys = append(resp.Keys, []byte(key))
		}
	}
	return resp, nil
}

// LeaseLeases lists the leases; on the leader those first that expire first.
func (s *EtcdServer) LeaseLeases(ctx context.Context, r *pb.LeaseLeasesRequest) (*pb.LeaseLeasesResponse, error) {
	resp := &pb.LeaseLeasesResponse{Header: &pb.ResponseHeader{}}
	for _, l := range s.lessor.Leases() {
		resp.Leases = append(resp.Leases, &pb.LeaseStatus{ID: int64(l.ID)})
	}
	return resp, nil
}

// waitAppliedForLease waits until what was committed before the call is
// applied: a lease granted a moment ago must be known.
func (s *EtcdServer) waitAppliedForLease(ctx context.Context) error {
	index := s.CommittedIndex()
	if s.AppliedIndex() >= index {
		return nil
	}
	limit := time.NewTimer(appliedWaitLimit)
	defer limit.Stop()
	select {
	case <-s.applyWait.wait(index):
		return nil
	case <-limit.C:
		return ErrTimeoutWaitAppliedIndex
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stopping:
		return ErrStopped
	}
}

func (s *EtcdServer) notPrimary() error {
	if s.isStopping() {
		return ErrStopped
	}
	return ErrNoLeader
}

// revokeExpiredLeases proposes the end of every lease that the lessor offers;
// it offers a lease again until it is gone (REGRESSIONS L5).
func (s *EtcdServer) revokeExpiredLeases() {
	slots := make(chan struct{}, maxPendingRevokes)
	var revoking sync.WaitGroup
	defer revoking.Wait()
	for {
		select {
		case expired := <-s.lessor.ExpiredLeasesC():
			for _, l := range expired {
				select {
				case slots <- struct{}{}:
				case <-s.stopping:
					return
				}
				revoking.Go(func() {
					defer func() { <-slots }()
					s.revokeExpired(l.ID)
				})
			}
		case <-s.stopping:
			return
		}
	}
}

// revokeExpired asks a quorum first whether this member still leads: one that
// was paused for longer than a TTL does not know what the others have renewed
// meanwhile (REGRESSIONS L1).
func (s *EtcdServer) revokeExpired(id lease.ID) {
	err := s.LinearizableReadNotify(s.ctx)
	if err == nil && !s.lessor.IsExpired(id) {
		return
	}
	if err == nil {
		_, err = s.LeaseRevoke(s.ctx, &pb.LeaseRevokeRequest{ID: int64(id)})
	}
	switch {
	case err == nil:
		leasesExpired.Inc()
	case errors.Is(err, lease.ErrLeaseNotFound), s.isStopping():
	default:
		s.lg.Warn("failed to revoke an expired lease, trying again", "lease-id", int64(id), "error", err)
	}
}

// checkpointLeases makes known to all members what leases have left, and returns when
// this one has applied it.
func (s *EtcdServer) checkpointLeases(ctx context.Context, r *pb.LeaseCheckpointRequest) error {
	_, err := answer[*pb.LeaseCheckpointResponse](s.proposeV3(ctx, &pb.InternalRaftRequest{LeaseCheckpoint: r}))
	return err
}

// attachLeases says for each change of the store to which lease its key belongs.
func attachLeases(le lease.Lessor) func(rev int64, changes []mvcc.Change) {
	return func(_ int64, changes []mvcc.Change) {
		for i := range changes {
			record := changes[i].Record
			// A lease that is not there any more leaves the key without one.
			_ = le.Assign(record.Key(), lease.ID(record.Lease()))
		}
	}
}
