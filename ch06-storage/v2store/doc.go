// Package v2store is etcd's first data model: a tree of files and directories in
// memory, like a small file system (book §6.1).
//
// Vocabulary. A node is a file (it has a value) or a directory (it has children).
// The index is the store's clock: every successful write takes the next one, and
// a node remembers the index that created and the index that last modified it.
// An Event describes what one operation did. The history keeps the last 1000
// events, so that somebody who looked away for a moment can catch up.
//
// The life of one write: the caller holds an operation that Raft has committed.
// Set, Create, Update or Delete takes worldLock, finds or makes the node, takes
// the next index, builds the Event and adds it to the history. On an error
// nothing has changed: neither the tree nor the index.
//
// Two tenants share one tree: the server's own facts lie under /0 (members,
// removed members, cluster version), the users' keys under /1. The namespaces are
// read-only themselves: they can be filled but not replaced or removed.
//
// There is no file behind this package. What survives a restart is the JSON of
// the whole store, which is the payload of every Raft snapshot: Save writes it,
// Recovery reads it. Its layout is etcd 3.4's to the byte, because the other
// members of a cluster, and Debian's etcd on the same data directory, read it too;
// the exported fields of the unexported types here are that layout.
package v2store
