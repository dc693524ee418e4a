package scenarios

import (
	"fmt"
	"maps"
	"slices"

	"go.etcd.io/etcd/client/v3/naming/endpoints"
	"go.etcd.io/etcd/client/v3/naming/resolver"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// naming registers the server itself as a service, and finds it by its name.
func naming(s *stage) {
	service := s.key("service")
	manager, err := endpoints.NewManager(s.client, service)
	s.must(err)
	s.must(manager.AddEndpoint(s.ctx, service+"/1", endpoints.Endpoint{Addr: s.server.Endpoint, Metadata: "the first"}))
	updates, err := manager.NewWatchChannel(s.ctx)
	s.must(err)
	told := func() {
		list, _ := next(s, updates)
		for _, u := range list {
			s.say("%s %s, metadata %v", map[endpoints.Operation]string{endpoints.Add: "added", endpoints.Delete: "deleted"}[u.Op], u.Key, u.Endpoint.Metadata)
		}
	}
	told()
	s.must(manager.AddEndpoint(s.ctx, service+"/2", endpoints.Endpoint{Addr: "127.0.0.1:1"}))
	told()
	s.must(manager.DeleteEndpoint(s.ctx, service+"/2"))
	told()
	list, err := manager.List(s.ctx)
	s.must(err)
	for _, key := range slices.Sorted(maps.Keys(list)) {
		s.say("listed %s, the server %t", key, list[key].Addr == s.server.Endpoint)
	}

	builder, err := resolver.NewBuilder(s.client)
	s.must(err)
	conn, err := grpc.NewClient(fmt.Sprintf("etcd:///%s", service), grpc.WithResolvers(builder), grpc.WithTransportCredentials(insecure.NewCredentials()))
	s.must(err)
	defer conn.Close()
	health, err := healthpb.NewHealthClient(conn).Check(s.ctx, &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true))
	s.must(err)
	s.say("called by its name: %s", health.Status)
}
