// Package etcdserverpb holds the requests and answers of the v3 services, and the shape in
// which a request goes through the raft log.
//
// The life of a put in the types of this package: the client sends a PutRequest; the server
// puts it into an InternalRaftRequest under a RequestHeader with an ID of its own and
// proposes the bytes; every member gets them back as a committed entry, finds out with
// DecodeRaftEntry what they are, and applies them; the member that proposed it finds the
// waiting call by the ID and answers a PutResponse.
//
// Two messages are written by hand: Request, the request of the v2 API, which a 3.4 server
// still uses for its own members and version, and Metadata, the first record of every WAL
// segment. All others are generated from the .proto files.
package etcdserverpb
