package membership

import (
	"insideetcd/ch01-intro/ids"
	"insideetcd/ch01-intro/version"
	"insideetcd/ch06-storage/backend"
)

// clusterVersionKey is where the bucket "cluster" keeps the cluster version.
var clusterVersionKey = []byte("clusterVersion")

// buckets writes the cluster's facts into the backend: members and members_removed
// by ID in hex text, cluster by name. This server never reads them; etcd 3.6 and
// the offline tools do. Nothing is written while there is no backend.
type buckets struct{ be backend.Backend }

func (b buckets) create() {
	b.locked(func(tx backend.BatchTx) {
		tx.UnsafeCreateBucket(backend.BucketMembers)
		tx.UnsafeCreateBucket(backend.BucketMembersRemoved)
		tx.UnsafeCreateBucket(backend.BucketCluster)
	})
}

func (b buckets) saveMember(m *Member) {
	b.locked(func(tx backend.BatchTx) {
		tx.UnsafePut(backend.BucketMembers, bucketKey(m.ID), []byte(encode(m)))
	})
}

func (b buckets) removeMember(id ids.ID) {
	b.locked(func(tx backend.BatchTx) {
		tx.UnsafeDelete(backend.BucketMembers, bucketKey(id))
		tx.UnsafePut(backend.BucketMembersRemoved, bucketKey(id), []byte("removed"))
	})
}

func (b buckets) saveVersion(v version.Version) {
	b.locked(func(tx backend.BatchTx) {
		tx.UnsafePut(backend.BucketCluster, clusterVersionKey, []byte(v.String()))
	})
}

func (b buckets) locked(write func(backend.BatchTx)) {
	if b.be == nil {
		return
	}
	tx := b.be.BatchTx()
	tx.Lock()
	defer tx.Unlock()
	write(tx)
}

func bucketKey(id ids.ID) []byte { return []byte(id.String()) }
