package etcdserverpb

// Request is a request of the v2 API as it travels through the raft log. In etcd 3.4
// the server itself still uses it for a member's attributes (PUT), the cluster version
// (PUT) and SYNC, so every 3.4 log holds some, as bare bytes beside encoded
// InternalRaftRequests. A reader tells them apart by decoding strictly: what is not one
// is the other.
//
// Every field but the two pointers is always written, zero or not. Like the other hand
// written messages (package wire) it drops unknown fields and is strict about known
// ones.
type Request struct {
	ID         uint64
	Method     string
	Path       string
	Val        string
	Dir        bool
	PrevValue  string
	PrevIndex  uint64
	PrevExist  *bool `json:",omitempty"` // nil = do not care
	Expiration int64 // Unix time in nanoseconds; 0 = never
	Wait       bool
	Since      uint64
	Recursive  bool
	Sorted     bool
	Quorum     bool
	Time       int64 // Unix time in nanoseconds, of SYNC
	Stream     bool
	Refresh    *bool `json:",omitempty"` // nil = false
}
