package backend

import (
	"fmt"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (b *backend) Hash(ignore func(bucket, key []byte) bool) (uint32, error) {
	b.batch.Commit()
	tx := &concurrentReadTx{backend: b}
	tx.Lock()
	defer tx.Unlock()
	// A change that came in since the commit is in the buffer only, and not hashed.
	return hashBolt(tx.view.tx, ignore)
}

// hashBolt runs over every bucket in the file, also those that this package does not
// know: name, then each key and value.
func hashBolt(tx *bolt.Tx, ignore func(bucket, key []byte) bool) (uint32, error) {
	h := crc32.New(castagnoli)
	err := tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
		h.Write(name)
		return bucket.ForEach(func(k, v []byte) error {
			if ignore == nil || !ignore(name, k) {
				h.Write(k)
				h.Write(v)
			}
			return nil
		})
	})
	if err != nil {
		return 0, fmt.Errorf("backend: cannot hash the file: %w", err)
	}
	return h.Sum32(), nil
}
