// Package clientv3 is the client of the v3 API (book §8.2.3): keys, transactions,
// watches, leases, members and maintenance of a cluster, over one gRPC connection to
// each endpoint.
//
// The life of a call: Put makes an Op; the Op becomes a request; a balancer picks one
// of the endpoints that are connected, in turn; if none is, the call waits as long as
// its context allows. Errors come back as the values of package rpctypes, or as the
// error of the context.
//
//	kv.go, op.go, compare.go, txn.go   requests and answers
//	client.go, endpoint.go, retry.go   connection, choice of a member, failover
//	token.go                           the token of a user, fetched and renewed
//	watch_core.go                      what is known of the watches on one stream: a value
//	watch_stream.go, watch.go          the goroutines around it, and what callers see
//	watch_backlog.go                   how much may wait for a caller who does not read
//	keepalive_core.go                  which lease is due when: a value
//	keepalive.go, lease.go             the goroutines around it, and the other calls
//	cluster.go, maintenance.go         members; alarms, status, hashes, snapshots
//
// What is sent twice, and what is not. A request that never reached a connection waits
// for one. A read that failed with Unavailable is sent again, to the next member. A
// write that may have reached a member is never sent again: the caller gets the error
// and has to look whether the write took effect. With Config.DisableRetry nothing waits
// and nothing is sent again, so that a program that records histories sees every
// failure.
//
// Vocabulary: a watch is what a caller asked for; a stream is one gRPC stream that
// carries many watches; a watch survives its stream.
package clientv3
