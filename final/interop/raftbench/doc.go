// Command raftbench measures package raft of chapter 3 against the library that etcd uses,
// go.etcd.io/raft/v3, and prints the ratios as a table:
//
//	cd final/interop/raftbench && go run .
//
// Both are driven by the same source, the benchmarks of ch03-etcdraft/raft, which use only
// what the two libraries have in common. They are compiled into two programs, because both
// register the same protobuf messages and one process holds each name once:
//
//	ch03-etcdraft/raft/cluster_bench_test.go
//	     │ as it is                   │ with other import paths, in a module of its own
//	     ▼                            ▼
//	  ours.test ── in turns, on the same machine ── reference.test
//	     └───────────────┬────────────┘
//	                     ▼  the fastest run of each counts
//	                   table
//
// The reference is 3.6: its messages are values as ours are. 3.7 hands out pointers and
// needs another source.
package main
