package etcdserver

import (
	"encoding/json"
	"errors"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/version"
	"insideetcd/ch07-server/membership"
)

// In etcd 3.4 a member announces itself, and the leader the cluster version,
// by v2 requests: every member, also an old one, understands them.

const announceRetry = 500 * time.Millisecond

// announce publishes this member's name and client URLs, and the cluster
// version if nobody has decided one. The server is ready once the first is
// done.
func (s *EtcdServer) announce() {
	attributes, err := json.Marshal(s.attributes)
	if err != nil {
		s.fail(err)
		return
	}
	published := s.insist("publish local member to cluster", pb.Request{
		Method: "PUT",
		Path:   membership.MemberAttributesStorePath(s.id),
		Val:    string(attributes),
	})
	if !published {
		return
	}
	s.lg.Info("published local member to cluster through raft",
		"local-member-id", s.id.String(), "name", s.attributes.Name,
		"client-urls", s.attributes.ClientURLs, "cluster-id", s.ClusterID().String())
	close(s.readych)
	if s.cluster.Version() != nil {
		return
	}
	s.lg.Info("setting up initial cluster version", "cluster-version", version.Cluster)
	s.insist("set the cluster version", pb.Request{
		Method: "PUT",
		Path:   membership.StoreClusterVersionKey(),
		Val:    version.Cluster,
	})
}

// insist proposes r until it was applied or the server stops.
func (s *EtcdServer) insist(what string, r pb.Request) bool {
	for {
		err := s.proposeV2(s.ctx, &r)
		if err == nil {
			return true
		}
		if errors.Is(err, ErrStopped) {
			return false
		}
		s.lg.Warn("failed to "+what, "error", err)
		select {
		case <-time.After(announceRetry):
		case <-s.stopping:
			return false
		}
	}
}

// onClusterVersion hears of every cluster version that is applied.
func (s *EtcdServer) onClusterVersion(v version.Version) {
	s.lg.Info("enabled capabilities for version", "cluster-version", v.MajorMinor())
}
