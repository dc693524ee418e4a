package scenarios

import (
	"bytes"
	"crypto/sha256"
	"io"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func snapshots(s *stage) {
	const mark = "this value is in the snapshot"
	s.put("a", mark)
	stream, err := s.client.Snapshot(s.ctx)
	s.must(err)
	image, err := io.ReadAll(stream)
	s.must(err)
	s.must(stream.Close())
	if len(image) < sha256.Size {
		s.say("a snapshot of %d bytes", len(image))
		return
	}
	database, hash := image[:len(image)-sha256.Size], image[len(image)-sha256.Size:]
	sum := sha256.Sum256(database)
	s.say("whole pages %t, hash holds %t, has the value %t", len(database)%512 == 0, bytes.Equal(sum[:], hash), bytes.Contains(database, []byte(mark)))
}

func maintenance(s *stage) {
	s.put("a", "1")
	endpoint := s.server.Endpoint
	status, err := s.client.Status(s.ctx, endpoint)
	s.must(err)
	s.say("version 3.4: %t, leader itself: %t, learner: %t, errors: %d", strings.HasPrefix(status.Version, "3.4."),
		status.Leader == status.Header.MemberId, status.IsLearner, len(status.Errors))
	s.say("revision %s, applied what is committed: %t, a term: %t", s.rev(status.Header.Revision),
		status.RaftAppliedIndex == status.RaftIndex, status.RaftTerm > 0)
	s.say("database %t, in use within it %t", status.DbSize > 0, status.DbSizeInUse > 0 && status.DbSizeInUse <= status.DbSize)

	before, err := s.client.HashKV(s.ctx, endpoint, s.at(1))
	s.must(err)
	s.put("a", "2")
	after, err := s.client.HashKV(s.ctx, endpoint, s.at(1))
	s.must(err)
	now, err := s.client.HashKV(s.ctx, endpoint, 0)
	s.must(err)
	s.say("the hash of the past stays: %t, that of now is another: %t", before.Hash == after.Hash, before.Hash != now.Hash)
	_, err = s.client.HashKV(s.ctx, endpoint, s.at(100))
	s.say("the hash of the future: %s", tried(err))

	_, err = s.client.Defragment(s.ctx, endpoint)
	s.say("defragment: %s", tried(err))
	s.get("after it", "a")
	alarms, err := s.client.AlarmList(s.ctx)
	s.must(err)
	s.say("%d alarms", len(alarms.Alarms))
	disarmed, err := s.client.AlarmDisarm(s.ctx, &clientv3.AlarmMember{})
	s.must(err)
	s.say("%d disarmed", len(disarmed.Alarms))
	_, err = s.client.MoveLeader(s.ctx, 12345)
	s.say("make a stranger leader: %s", tried(err))
	_, err = s.client.MoveLeader(s.ctx, status.Leader)
	s.say("make the leader leader: %s", tried(err))
}

func cluster(s *stage) {
	list, err := s.client.MemberList(s.ctx)
	s.must(err)
	for _, m := range list.Members {
		s.say("member %q, %d peer URLs, %d client URLs, learner %t, the one that answers %t",
			m.Name, len(m.PeerURLs), len(m.ClientURLs), m.IsLearner, m.ID == list.Header.MemberId)
	}
	s.say("endpoints from the member list: %s", tried(s.client.Sync(s.ctx)))
	_, err = s.client.Put(clientv3.WithRequireLeader(s.ctx), s.key("a"), "1")
	s.say("put with a leader: %s", tried(err))
	health, err := healthpb.NewHealthClient(s.client.ActiveConnection()).Check(s.ctx, &healthpb.HealthCheckRequest{})
	s.must(err)
	s.say("health: %s", health.Status)
}
