package mvcc

import (
	"bytes"
	"errors"
	"hash"
	"hash/crc32"
	"time"

	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/backend"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Hash implements KV.
func (s *Store) Hash() (sum uint32, rev int64, err error) {
	start := time.Now()
	defer func() { hashSeconds.Observe(time.Since(start).Seconds()) }()
	sum, err = s.b.Hash(func(bucket, key []byte) bool {
		return bytes.Equal(bucket, backend.BucketMeta.Name()) && bytes.Equal(key, backend.MetaConsistentIndex)
	})
	return sum, s.Rev(), err
}

// HashByRev implements KV. Two members may have compacted at the same revision, but not
// have removed the same records yet; so the hash covers what a finished compaction leaves,
// as 3.4 does: of the records up to the compact revision only those that are live.
// 3.4 removes a tombstone of the compact revision itself, which stays here (S7): it is not
// live, so it does not count.
func (s *Store) HashByRev(rev int64) (sum uint32, currentRev, compactRev int64, err error) {
	start := time.Now()
	defer func() { hashRevSeconds.Observe(time.Since(start).Seconds()) }()
	txn := s.newReadTxn()
	txn.begin()
	defer txn.End()
	switch {
	case rev > 0 && rev <= txn.firstRev:
		return 0, 0, txn.firstRev, ErrCompacted
	case rev > txn.rev:
		return 0, txn.rev, 0, ErrFutureRev
	case rev == 0:
		rev = txn.rev
	}
	h := historyHash{index: s.index, upTo: rev, compactRev: txn.firstRev, liveAt: rev, crc: crc32.New(castagnoli)}
	if !s.index.anyLive(rev) {
		// 3.4 does not filter at all then: what counts is what a compaction left on disk.
		h.liveAt = h.compactRev
	}
	h.crc.Write(backend.BucketKey.Name())
	if err := txn.pin().UnsafeForEach(backend.BucketKey, h.add); err != nil && !errors.Is(err, errBeyond) {
		return 0, txn.rev, 0, err
	}
	return h.crc.Sum32(), txn.rev, txn.firstRev, nil
}

// historyHash adds up the records of the bucket "key" in the order of revisions.
type historyHash struct {
	index      index
	upTo       int64 // later records do not count
	compactRev int64 // records up to here count only if they are live
	liveAt     int64 // at this revision
	crc        hash.Hash32
}

var errBeyond = errors.New("mvcc: beyond the hashed revision")

func (h *historyHash) add(k, v []byte) error {
	rev, err := ParseRevision(k)
	if err != nil {
		return err
	}
	if rev.Main > h.upTo {
		return errBeyond
	}
	if rev.Main <= h.compactRev && !h.index.isLive(mvccpb.RawKeyValue(v).Key(), rev, h.liveAt) {
		return nil
	}
	h.crc.Write(k)
	h.crc.Write(v)
	return nil
}
