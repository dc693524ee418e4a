// Package apply turns committed entries into changes of the stores (book §7.4).
//
// A raft entry reaches every member in the same order. What a member does with
// it must therefore depend on nothing but its own state and the entry: no
// clock, no randomness, no client's context, and no difference between the
// member a client waits at and the others. If two members ever disagree about
// one entry, they disagree for good. So this package is small, sequential and
// without goroutines, and whatever can be refused is refused before an entry
// is proposed, not here.
//
// There are two kinds of entries. ApplierV3 executes an InternalRaftRequest on
// the multi-version store; ApplierV2 executes a Request on the v2 tree, where
// members and the cluster version live in etcd 3.4.
//
// The answers (response.go) keep key-values as they are stored.
package apply
