package mvcc

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"

	"github.com/stretchr/testify/require"
)

func TestEmptyStore(t *testing.T) {
	m := newMember(t)
	require.EqualValues(t, 1, m.Rev())
	require.EqualValues(t, -1, m.FirstRev())
	res, err := m.Range(interval.All(), RangeOptions{})
	require.NoError(t, err)
	require.Equal(t, RangeResult{Rev: 1}, res)
	_, err = m.Range(interval.All(), RangeOptions{Rev: 2})
	require.ErrorIs(t, err, ErrFutureRev)
	hash, rev, compactRev, err := m.HashByRev(0)
	require.NoError(t, err)
	require.Equal(t, []any{uint32(1084519789), int64(1), int64(-1)}, []any{hash, rev, compactRev}, "of the three bytes key")
}

func TestTransactionSeesItselfAndNobodyElseDoes(t *testing.T) {
	m := newMember(t)
	m.put("a", "1")
	before := m.Read()
	defer before.End()

	txn := m.Write()
	require.EqualValues(t, 2, txn.Rev(), "until the first change: the revision at its begin")
	require.EqualValues(t, 3, txn.Put([]byte("b"), []byte("1"), 7))
	require.EqualValues(t, 3, txn.Rev())
	n, rev := txn.DeleteRange(interval.Point([]byte("a")))
	require.Equal(t, []int64{1, 3}, []int64{n, rev})
	n, rev = txn.DeleteRange(interval.Point([]byte("absent")))
	require.Equal(t, []int64{0, 3}, []int64{n, rev})
	res, err := txn.Range(interval.All(), RangeOptions{})
	require.NoError(t, err)
	require.Len(t, res.KVs, 1)
	require.EqualValues(t, 7, res.KVs[0].Lease())
	require.Equal(t, "1", string(res.KVs[0].Value()))
	require.Equal(t, "1", m.get("a", 0), "outside nothing has happened yet")
	require.EqualValues(t, 2, m.Rev())
	txn.SetConsistentIndex(5)
	require.Zero(t, m.ConsistentIndex())
	txn.End()

	require.EqualValues(t, 3, m.Rev())
	require.EqualValues(t, 5, m.ConsistentIndex())
	require.Equal(t, "-", m.get("a", 0))
	require.Equal(t, "1", m.get("a", 2), "the past stays")
	res, err = before.Range(interval.All(), RangeOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 2, res.Rev)
	require.Equal(t, "a", string(res.KVs[0].Key()), "and so does what a reader began with")
}

func TestTransactionWithoutChangesKeepsTheRevision(t *testing.T) {
	m := newMember(t)
	txn := m.Write()
	n, rev := txn.DeleteRange(interval.All())
	require.Equal(t, []int64{0, 1}, []int64{n, rev})
	txn.SetConsistentIndex(3)
	txn.End()
	require.EqualValues(t, 1, m.Rev())
	require.EqualValues(t, 3, m.ConsistentIndex(), "the entry counts all the same")
	m.SetConsistentIndex(4)
	m.Commit()
	m.afterCrash(func(again *member) { require.EqualValues(t, 4, again.ConsistentIndex()) })
}

func TestRangeResultBelongsToTheCaller(t *testing.T) {
	m := newMember(t)
	m.put("a", "1")
	m.put("b", "2")
	for _, committed := range []bool{false, true} {
		if committed {
			m.Commit()
		}
		res, err := m.Range(interval.All(), RangeOptions{})
		require.NoError(t, err)
		second := bytes.Clone(res.KVs[1])
		_ = append(res.KVs[0], "overrun"...) // must not reach its neighbour
		require.Equal(t, second, []byte(res.KVs[1]))
		clear(res.KVs[0])
		require.Equal(t, "1", m.get("a", 0))
	}
}

func TestLimitAndCount(t *testing.T) {
	m := newMember(t)
	for i := range 2*walkSlice + 1 { // more than one slice of the walk
		m.put(fmt.Sprintf("k%04d", i), "x")
	}
	for _, limit := range []int64{0, 1, walkSlice, walkSlice + 1, 5000} {
		res, err := m.Range(interval.New([]byte("k"), []byte("l")), RangeOptions{Limit: limit})
		require.NoError(t, err)
		want := int64(2*walkSlice + 1)
		require.Equal(t, want, res.Count)
		if limit > 0 {
			want = min(want, limit)
		}
		require.Len(t, res.KVs, int(want))
		for i, kv := range res.KVs {
			require.Equal(t, fmt.Sprintf("k%04d", i), string(kv.Key()))
		}
	}
}

func TestCompactAnswers(t *testing.T) {
	m := newMember(t)
	m.put("a", "1")
	m.put("a", "2")
	done, err := m.Compact(4)
	require.ErrorIs(t, err, ErrFutureRev)
	require.Nil(t, done)
	m.compact(3)
	done, err = m.Compact(3)
	require.ErrorIs(t, err, ErrCompacted)
	<-done
	_, err = m.Range(interval.All(), RangeOptions{Rev: 2})
	require.ErrorIs(t, err, ErrCompacted)
	require.Equal(t, "2", m.get("a", 3), "the compact revision itself can be read")
	_, _, _, err = m.HashByRev(3)
	require.ErrorIs(t, err, ErrCompacted, "but not hashed")
	_, _, _, err = m.HashByRev(9)
	require.ErrorIs(t, err, ErrFutureRev)
}

// TestCompactionWaitsForOlderReaders: whoever began to read before goes on reading the
// past, whoever comes later cannot ask for it, and nobody waits for anybody but the
// goroutine that removes.
func TestCompactionWaitsForOlderReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := startMember(t, filepath.Join(t.TempDir(), "db"), Config{})
		defer m.stop()
		m.put("a", "1")
		m.put("a", "2")
		older := m.Read()
		done, err := m.Compact(3)
		require.NoError(t, err)
		_, err = m.Range(interval.All(), RangeOptions{Rev: 2})
		require.ErrorIs(t, err, ErrCompacted)
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("removed under a reader")
		default:
		}
		res, err := older.Range(interval.All(), RangeOptions{Rev: 2})
		require.NoError(t, err)
		require.Equal(t, "1", string(res.KVs[0].Value()))
		older.End()
		<-done
		require.Equal(t, []string{"3.0 a=2"}, m.onDisk())
	})
}

func TestCompactionInSlicesWithPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := startMember(t, filepath.Join(t.TempDir(), "db"), Config{
			CompactionBatchLimit: 10, CompactionSleepInterval: DefaultCompactionSleepInterval,
		})
		defer m.stop()
		for range 35 {
			m.put("a", "x")
		}
		begin := time.Now()
		m.compact(m.Rev())
		require.Equal(t, 3*DefaultCompactionSleepInterval, time.Since(begin), "35 records in slices of 10")
	})
}

func TestCloseStopsACompaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	m := startMember(t, path, Config{CompactionBatchLimit: 1, CompactionSleepInterval: time.Hour})
	m.put("a", "1")
	m.put("a", "2")
	done, err := m.Compact(3)
	require.NoError(t, err)
	m.stop()
	select {
	case <-done:
		t.Fatal("nothing may claim that the compaction was finished")
	default:
	}
	again := startMember(t, path, Config{})
	defer again.stop()
	<-again.compacted
	require.Equal(t, []string{"3.0 a=2"}, again.onDisk())
}

func TestOnCommitTellsChangesInOrder(t *testing.T) {
	var told []string
	var m *member
	m = startMember(t, filepath.Join(t.TempDir(), "db"), Config{OnCommit: func(rev int64, changes []Change) {
		require.Equal(t, rev, m.Rev(), "readers are there already")
		for _, c := range changes {
			told = append(told, fmt.Sprintf("%v %s=%s", c.Rev, c.Record.Key(), c.Record.Value()))
		}
	}})
	defer m.stop()
	m.put("a", "1")
	txn := m.Write()
	txn.Put([]byte("dropped"), nil, 0)
	txn.Abort()
	m.Write().End()
	m.delThenPut("a", "2")
	require.Equal(t, []string{"2.0 a=1", "3.0† a=", "3.1 a=2"}, told)
	require.Equal(t, told, m.onDisk())
}

func TestDamagedFileIsRefused(t *testing.T) {
	for name, damage := range map[string]func(backend.BatchTx){
		"a key that is no revision": func(tx backend.BatchTx) { tx.UnsafePut(backend.BucketKey, []byte("x"), nil) },
		"a record of another revision": func(tx backend.BatchTx) {
			tx.UnsafePut(backend.BucketKey, Revision{Main: 9}.AppendTo(nil), encodePut(Revision{Main: 8}, generation{8, 1}, []byte("k"), nil, 0).record)
		},
		"a record that is no key-value": func(tx backend.BatchTx) {
			tx.UnsafePut(backend.BucketKey, Revision{Main: 9}.AppendTo(nil), []byte{0xff, 0xff})
		},
		"a compact revision that is none": func(tx backend.BatchTx) {
			tx.UnsafePut(backend.BucketMeta, backend.MetaFinishedCompactRev, []byte("9"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMember(t)
			tx := m.b.BatchTx()
			tx.Lock()
			damage(tx)
			tx.Unlock()
			_, err := Open(quiet, m.b, Config{})
			require.ErrorContains(t, err, "mvcc: cannot restore the store: ")
		})
	}
}

// TestReadersBesideAWriter is for the race detector: each transaction writes one value to
// all keys, so a reader that sees two values has seen half a transaction.
func TestReadersBesideAWriter(t *testing.T) {
	b, err := backend.Open(backend.Config{Path: filepath.Join(t.TempDir(), "db"), BatchLimit: 50, BatchInterval: time.Millisecond, UnsafeNoFsync: true, Logger: quiet})
	require.NoError(t, err)
	s, err := Open(quiet, b, Config{CompactionBatchLimit: 10, CompactionSleepInterval: time.Microsecond})
	require.NoError(t, err)
	stop := make(chan struct{})
	var running sync.WaitGroup
	for range 3 {
		running.Go(func() { readUntil(t, s, stop) })
	}
	running.Go(func() { hashUntil(t, s, stop) })
	for i := range 400 {
		txn := s.Write()
		for key := byte('a'); key < 'k'; key++ {
			txn.Put([]byte{key}, fmt.Append(nil, i), 0)
		}
		if i%7 == 0 {
			txn.Abort()
			continue
		}
		txn.End()
		if i%20 == 11 {
			_, err := s.Compact(s.Rev() - 3)
			require.NoError(t, err)
		}
		if i%100 == 99 {
			require.NoError(t, b.Defrag())
		}
	}
	close(stop)
	running.Wait()
	require.NoError(t, s.Close())
	require.NoError(t, b.Close())
}

func readUntil(t *testing.T, s *Store, stop chan struct{}) {
	last := int64(0)
	for {
		select {
		case <-stop:
			return
		default:
		}
		txn := s.Read()
		res, err := txn.Range(interval.All(), RangeOptions{})
		txn.End()
		if err != nil || res.Rev < last || (res.Rev > 1 && len(res.KVs) != 10) {
			t.Errorf("read after revision %d: %v, %d keys at %d", last, err, len(res.KVs), res.Rev)
			return
		}
		last = res.Rev
		for _, kv := range res.KVs {
			if kv.ModRevision() != res.Rev || !bytes.Equal(kv.Value(), res.KVs[0].Value()) {
				t.Errorf("half a transaction at %d: %s of %d next to %s", res.Rev, kv.Value(), kv.ModRevision(), res.KVs[0].Value())
				return
			}
		}
	}
}

// hashUntil: at one revision and one compact revision there is one hash.
func hashUntil(t *testing.T, s *Store, stop chan struct{}) {
	seen := map[[2]int64]uint32{}
	for {
		select {
		case <-stop:
			return
		default:
		}
		hash, rev, compactRev, err := s.HashByRev(0)
		state := [2]int64{rev, compactRev}
		if before, ok := seen[state]; err != nil || (ok && before != hash) {
			t.Errorf("hash at (revision, compact revision) %v: %d, before %d, %v", state, hash, before, err)
			return
		}
		seen[state] = hash
	}
}
