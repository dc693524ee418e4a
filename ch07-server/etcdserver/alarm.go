package etcdserver

import (
	"context"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch07-server/alarm"
)

// Alarm reads, raises or ends alarms, for the whole cluster.
func (s *EtcdServer) Alarm(ctx context.Context, r *pb.AlarmRequest) (*pb.AlarmResponse, error) {
	if err := alarm.Check(r); err != nil {
		return nil, err
	}
	return answer[*pb.AlarmResponse](s.proposeV3(ctx, &pb.InternalRaftRequest{Alarm: r}))
}

// Alarms lists the active alarms.
func (s *EtcdServer) Alarms() []*pb.AlarmMember { return s.alarms.Get(pb.AlarmType_NONE) }

// checkSpace refuses a request that the database has no room for, and raises
// the alarm that stops everybody else from writing too.
func (s *EtcdServer) checkSpace(ctx context.Context, r *pb.InternalRaftRequest) error {
	if s.quota.Available(r) {
		return nil
	}
	if !s.alarms.Active(pb.AlarmType_NOSPACE) {
		s.lg.Warn("the database has reached its size limit: only deletes and compaction are accepted until the alarm is disarmed",
			"quota-bytes", s.quota.Limit(), "size-bytes", s.be.Size())
		_, err := s.proposeV3(ctx, s.noSpaceAlarm())
		if err != nil {
			s.lg.Warn("failed to raise the NOSPACE alarm", "error", err)
		}
	}
	return ErrNoSpace
}

func (s *EtcdServer) noSpaceAlarm() *pb.InternalRaftRequest {
	return &pb.InternalRaftRequest{Alarm: &pb.AlarmRequest{
		MemberID: uint64(s.id), Action: pb.AlarmRequest_ACTIVATE, Alarm: pb.AlarmType_NOSPACE,
	}}
}

// raiseNoSpace proposes the alarm on behalf of the apply loop, which cannot
// wait for an entry that it would have to apply itself.
func (s *EtcdServer) raiseNoSpace() {
	s.goAttach(func() {
		if _, err := s.proposeV3(s.ctx, s.noSpaceAlarm()); err != nil && !s.isStopping() {
			s.lg.Warn("failed to raise the NOSPACE alarm", "error", err)
		}
	})
}
