package etcdserver

import (
	"context"
	"errors"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch07-server/apply"
)

// proposeV3 sends r through the raft log and returns what applying it led to.
//
// An error of this function (not of the result) leaves open whether the
// request took effect: the entry may still be committed after the caller gave
// up. Only ErrRequestTooLarge, ErrTooManyRequests and a refused proposal are
// certain to have changed nothing.
func (s *EtcdServer) proposeV3(ctx context.Context, r *pb.InternalRaftRequest) (apply.Result, error) {
	if s.CommittedIndex() > s.AppliedIndex()+maxApplyBacklog {
		return apply.Result{}, ErrTooManyRequests
	}
	if err := s.checkSpace(ctx, r); err != nil {
		return apply.Result{}, err
	}
	id := s.reqIDGen.Next()
	r.Header = &pb.RequestHeader{ID: id}
	data, err := r.MarshalVTStrict()
	if err != nil {
		return apply.Result{}, err
	}
	if len(data) > int(s.Cfg.MaxRequestBytes) {
		return apply.Result{}, ErrRequestTooLarge
	}
	return s.proposeAndWait(ctx, id, data)
}

// proposeV2 sends a v2 request through the raft log.
func (s *EtcdServer) proposeV2(ctx context.Context, r *pb.Request) error {
	r.ID = s.reqIDGen.Next()
	data, err := r.Marshal()
	if err != nil {
		return err
	}
	res, err := s.proposeAndWait(ctx, r.ID, data)
	if err != nil {
		return err
	}
	return res.Err
}

func (s *EtcdServer) proposeAndWait(ctx context.Context, id uint64, data []byte) (apply.Result, error) {
	c := s.w.register(id)
	deadline, start := s.deadlines.get()
	proposalsPending.Inc()
	defer proposalsPending.Dec()

	err := s.propose(ctx, deadline, data)
	if err == nil {
		select {
		case res := <-c:
			s.w.release(c)
			return res, nil
		case <-ctx.Done():
		case <-deadline.Done():
		}
	}
	proposalsFailed.Inc()
	s.w.forget(id, c)
	return apply.Result{}, s.explain(ctx, deadline, start, err)
}

// propose hands data to raft. That takes a moment as long as there is a leader;
// without one raft holds the proposal back, and a caller that gives up must be
// able to take it back too.
func (s *EtcdServer) propose(ctx, deadline context.Context, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.Leader() == 0 {
		merged, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(deadline, cancel)()
		deadline = merged
	}
	return s.r.Propose(deadline, data)
}

// explain turns the end of a wait that began at start into the error that a
// client gets: it gave up itself, the server stops, or time ran out, and then
// for which reason. err is why a proposal was not even taken, nil if it was.
func (s *EtcdServer) explain(ctx, deadline context.Context, start time.Time, err error) error {
	switch {
	case s.isStopping():
		return ErrStopped
	case errors.Is(ctx.Err(), context.Canceled):
		return ErrCanceled
	case ctx.Err() == nil && deadline.Err() == nil && err != nil:
		return err
	case s.leaderLostAround(start):
		return ErrTimeoutDueToLeaderFail
	}
	return ErrTimeout
}
