// Package v2 says what etcd's first API means: a tree of files and directories, to be read
// beside the list of changes that the v3 model is (book §1.2).
//
//	            v3                              v2
//	shape       keys in one order               a tree: /config/db/host
//	past        every revision, until compacted the last 1000 events, for watches only
//	version     revision, mod, create, version  index: modifiedIndex, createdIndex
//	condition   transaction over many keys      compare one file: its value, its index
//	time        leases, shared by keys          a TTL on each node
//	clients     gRPC                            HTTP and JSON
//
// A [Tree] is a value: no network, no disk, no goroutine, and the time comes from outside.
// The index is its clock of changes: every successful write takes the next one, and so does
// every expiry. An operation says in an [Event] what it did, and an [Error] why it did not;
// their JSON is what the HTTP API answers.
//
// The two trees of a server, the keys and what the server keeps for itself, share one index.
// Here are only the keys, so a tree may begin at any index.
package v2
