// Package api is the vocabulary of etcd: every message above Raft that travels between
// processes or lies on disk. It holds no code; its folders are one Go package each.
//
//	mvccpb        KeyValue, one version of a key as it is stored; Event, what a watcher sees
//	leasepb       Lease as it is stored
//	authpb        User, Role, Permission as they are stored
//	membershippb  membership changes of newer clusters
//	etcdserverpb  requests and answers of the services, and InternalRaftRequest, the
//	              request as it goes through the raft log
//	v3lockpb      requests and answers of the lock service
//	v3electionpb  requests and answers of the election service
//	wire          the few tools for messages whose bytes are written by hand
//
// Names and numbers are etcd's, the union of 3.3 to 3.7. What is newer than 3.4 says since
// when it exists and is not written to disk or log. The services themselves, which tie
// requests to answers, stand in ch08-client/v3rpc/stub: so storage and consensus use the
// messages without linking gRPC.
//
// Most messages are generated from the .proto files beside the Go files:
//
//	go run ./ch01-intro/cmd/genproto
//
// Each generated message has two families of methods. MarshalVT, UnmarshalVT, SizeVT, CloneVT
// and EqualVT work without reflection. MarshalVTStrict does what MarshalVT does, but always in
// field-number order, also for a chosen member of a oneof; what is stored or replicated MUST
// be written with it, since etcd writes that order and hashes are taken over bytes.
package api
