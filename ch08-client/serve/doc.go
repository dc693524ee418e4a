// Package serve puts listeners, gRPC and HTTP around a ch07 server (book §7.3.2): it is
// the shell that owns sockets and their goroutines, and knows nothing of keys or Raft.
//
//	client URL ──▶ listener ──▶ first bytes? ── HTTP/2 preface ──▶ gRPC
//	                                         └─ anything else ───▶ net/http: /version /health /metrics
//	peer URL ────▶ listener ──────────────────────────────────────▶ net/http: /members /version
//
// One client port serves both kinds because clients, load balancers and people with
// curl are given one address. What arrives is told apart by its first bytes: a gRPC client
// opens with the HTTP/2 preface (RFC 9113 §3.4), whose method PRI no HTTP/1 client uses.
// gRPC then runs on grpc-go's own transport; serving it through net/http's HTTP/2 would
// cost more than twice the CPU per call.
package serve
