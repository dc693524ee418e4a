package backend

import (
	"fmt"
	"math"
	"runtime"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Bucket names one of the top-level buckets of the file.
type Bucket uint8

// The buckets of etcd 3.4 and what they hold. Key and value formats belong to the
// package that owns the bucket.
const (
	BucketKey            Bucket = iota // revision → mvccpb.KeyValue (mvcc)
	BucketMeta                         // consistent_index, scheduledCompactRev, finishedCompactRev
	BucketLease                        // lease ID → leasepb.Lease
	BucketAlarm                        // marshalled AlarmMember → nothing
	BucketAuth                         // authEnabled, authRevision
	BucketAuthUsers                    // user name → authpb.User
	BucketAuthRoles                    // role name → authpb.Role
	BucketCluster                      // clusterVersion
	BucketMembers                      // member ID as hex text → member as JSON
	BucketMembersRemoved               // member ID as hex text → "removed"
	numBuckets
)

var bucketNames = [numBuckets][]byte{
	BucketKey:            []byte("key"),
	BucketMeta:           []byte("meta"),
	BucketLease:          []byte("lease"),
	BucketAlarm:          []byte("alarm"),
	BucketAuth:           []byte("auth"),
	BucketAuthUsers:      []byte("authUsers"),
	BucketAuthRoles:      []byte("authRoles"),
	BucketCluster:        []byte("cluster"),
	BucketMembers:        []byte("members"),
	BucketMembersRemoved: []byte("members_removed"),
}

// Name is the bucket's name in the file.
func (b Bucket) Name() []byte { return bucketNames[b] }

func (b Bucket) String() string { return string(bucketNames[b]) }

// Keys of the meta bucket.
var (
	MetaConsistentIndex     = []byte("consistent_index")    // uint64, big endian
	MetaScheduledCompactRev = []byte("scheduledCompactRev") // revision, 17 bytes
	MetaFinishedCompactRev  = []byte("finishedCompactRev")  // revision, 17 bytes
)

const (
	// DefaultBatchInterval is the time from the first change of a batch to its commit.
	DefaultBatchInterval = 100 * time.Millisecond
	// DefaultBatchLimit is the number of changes after which a batch is committed.
	DefaultBatchLimit = 10_000
	// DefaultLockTimeout is how long Open waits for another process to let go of the file.
	DefaultLockTimeout = time.Second
	// DefaultMmapSize is the address space, in bytes, that is reserved for the file.
	DefaultMmapSize = 10 << 30

	// keyFillPercent: revisions only rise, so a split page is never filled up later
	// and may be left nearly full.
	keyFillPercent = 0.9
)

// MmapSizeFor returns the address space, in bytes, to reserve for a quota in bytes;
// a quota of 0 or less is none.
func MmapSizeFor(quota int64) int64 {
	if quota <= 0 {
		return DefaultMmapSize
	}
	return quota + quota/10
}

// boltOptions is the only place where options are made: Open and Defrag both call it,
// so a defragmented file is used exactly as before.
func boltOptions(cfg Config) (*bolt.Options, error) {
	opts := &bolt.Options{
		Timeout:         cfg.LockTimeout,
		InitialMmapSize: int(initialMmap(cfg)),
		// Without the freelist a commit is smaller, and opening reads the whole file
		// instead. 3.4 does so on Linux only.
		NoFreelistSync: runtime.GOOS == "linux",
		NoSync:         cfg.UnsafeNoFsync,
		NoGrowSync:     cfg.UnsafeNoFsync,
	}
	switch cfg.FreelistType {
	case "", "array":
		opts.FreelistType = bolt.FreelistArrayType
	case "map", "hashmap":
		opts.FreelistType = bolt.FreelistMapType
	default:
		return nil, fmt.Errorf("backend: unknown freelist type %q, use \"array\" or \"map\"", cfg.FreelistType)
	}
	return opts, nil
}

// initialMmap is the reserved address space in bytes. Windows makes the file as big
// as the mapping, and 32 bits are too few: there bbolt maps as the file grows.
func initialMmap(cfg Config) int64 {
	size := cfg.MmapSize
	if size == 0 {
		size = DefaultMmapSize
	}
	if runtime.GOOS == "windows" || size > math.MaxInt {
		return 0
	}
	return size
}
