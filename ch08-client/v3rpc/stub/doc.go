// Package stub holds the gRPC services of etcd's v3 API: for each service a client, a
// server interface and the ServiceDesc that ties method names to them.
//
// The proto files here declare services only. Their messages live in
// ch01-intro/api, in the same proto packages, so that storage and consensus
// can use messages without linking gRPC. On the wire nothing shows this cut: a method is
// still called /etcdserverpb.KV/Range and its request etcdserverpb.RangeRequest.
//
// Book §8.1.1 (proto file), §8.1.2 (server), §8.1.3 (client). Regenerate with
//
//	go run ./ch01-intro/cmd/genproto
package stub
