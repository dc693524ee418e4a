// Package membership knows who belongs to the cluster (book §7.2).
//
// Vocabulary. A Member has an ID and two sets of attributes. RaftAttributes (peer
// URLs, learner or voter) change only by configuration changes: Raft must know them
// too. Attributes (name, client URLs) are what a member publishes about itself each
// time it starts; a member that never did is "unstarted". A RaftCluster is the set of
// members, the IDs that were removed for ever, and the cluster version.
//
// The life of a configuration change: somebody proposes a raftpb.ConfChange whose
// context is JSON (confchange.go builds it); Raft commits it; the apply loop asks
// ValidateConfigurationChange, which judges it by the replicated tree and therefore
// says the same on every member; then Apply changes the cluster. A refused change
// still has to be settled with Raft as a change of nobody (NodeID 0).
//
// Every fact is written in three places, and always in all three:
//
//	memory          what this process asks all day
//	the v2 tree     /0/members, /0/removed_members, /0/version; it travels in Raft
//	                snapshots and is what a member starts from (v2tree.go)
//	three buckets   members, members_removed, cluster of the backend; etcd 3.6 starts
//	                from these (buckets.go)
//
// Two sources that may disagree have cost etcd members that came back from the dead
// after an upgrade; so each change goes through one function that writes them all.
package membership
