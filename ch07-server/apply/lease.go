package apply

import (
	"errors"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/lease"
)

// Entries about leases. When a lease expires is not decided here: the leader's
// clock does that, and proposes to revoke it. So applying stays a function of
// state and entry, and a lease ends at the same revision on every member.

func (a *applierV3backend) leaseGrant(r *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error) {
	l, err := a.lessor.Grant(lease.ID(r.ID), r.TTL)
	if err != nil {
		return nil, err
	}
	return &pb.LeaseGrantResponse{Header: a.header(), ID: int64(l.ID), TTL: l.TTL}, nil
}

func (a *applierV3backend) leaseRevoke(r *pb.LeaseRevokeRequest) (*pb.LeaseRevokeResponse, error) {
	if err := a.lessor.Revoke(lease.ID(r.ID)); err != nil {
		return nil, err
	}
	return &pb.LeaseRevokeResponse{Header: a.header()}, nil
}

// leaseCheckpoint passes over leases that have ended meanwhile.
func (a *applierV3backend) leaseCheckpoint(r *pb.LeaseCheckpointRequest) (*pb.LeaseCheckpointResponse, error) {
	for _, c := range r.Checkpoints {
		err := a.lessor.Checkpoint(lease.ID(c.ID), c.Remaining_TTL)
		if err != nil && !errors.Is(err, lease.ErrLeaseNotFound) {
			return nil, err
		}
	}
	return &pb.LeaseCheckpointResponse{Header: a.header()}, nil
}

func (a *applierV3backend) header() *pb.ResponseHeader {
	return &pb.ResponseHeader{Revision: a.kv.Rev()}
}

// checkLease refuses a put that names a lease which does not exist.
func (a *applierV3backend) checkLease(r *pb.PutRequest) error {
	if id := lease.ID(r.Lease); id != lease.NoLease && a.lessor.Lookup(id) == nil {
		return lease.ErrLeaseNotFound
	}
	return nil
}
