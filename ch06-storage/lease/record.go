package lease

import (
	"encoding/binary"
	"fmt"

	"insideetcd/ch01-intro/api/leasepb"
	"insideetcd/ch06-storage/backend"
)

// The bucket "lease" maps the ID, 8 bytes big endian, to a leasepb.Lease. Which keys belong
// to a lease is not said there: it stands in the keys (mvccpb.KeyValue.lease), once.

func recordKey(id ID) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(id))
}

// record is the disk form of a lease; 3.4's bytes.
func (l *lease) record() []byte {
	pb := leasepb.Lease{ID: int64(l.id), TTL: l.ttl, RemainingTTL: l.remaining}
	b, err := pb.MarshalVTStrict()
	if err != nil {
		panic(fmt.Sprintf("lease: cannot encode lease %x: %v", uint64(l.id), err))
	}
	return b
}

// writeRecord needs the lock of tx.
func writeRecord(tx backend.BatchTx, l *lease) {
	tx.UnsafePut(backend.BucketLease, recordKey(l.id), l.record())
}

// readRecord restores one lease. Its TTL is raised to this server's minimum.
func (c *core) readRecord(k, v []byte) error {
	damaged := func(what string) error {
		return fmt.Errorf("lease: record of lease %x is damaged (%s): restore the member from a snapshot", k, what)
	}
	if len(k) != 8 {
		return damaged(fmt.Sprintf("its key has %d bytes, want 8", len(k)))
	}
	var pb leasepb.Lease
	if err := pb.UnmarshalVT(v); err != nil {
		return damaged(err.Error())
	}
	id := ID(binary.BigEndian.Uint64(k))
	if ID(pb.ID) != id || id == NoLease {
		return damaged(fmt.Sprintf("it names lease %x", uint64(pb.ID)))
	}
	c.restore(id, pb.TTL, pb.RemainingTTL)
	return nil
}

// recoverCore reads all leases of a backend. Nobody is primary then; keys are attached by
// the store, which reads them.
func recoverCore(b backend.Backend, minTTL int64) (*core, error) {
	c := newCore(minTTL)
	tx := b.BatchTx()
	tx.Lock()
	defer tx.Unlock()
	tx.UnsafeCreateBucket(backend.BucketLease)
	if err := tx.UnsafeForEach(backend.BucketLease, c.readRecord); err != nil {
		return nil, err
	}
	return c, nil
}
