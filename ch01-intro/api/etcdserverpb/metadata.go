package etcdserverpb

// Metadata is the first thing a member writes into each segment of its write-ahead log:
// whose log it is. Both fields are always written.
type Metadata struct {
	NodeID    uint64
	ClusterID uint64
}
