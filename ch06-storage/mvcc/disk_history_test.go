package mvcc

import (
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/interval"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// diskModel is the store as a list of everything that ever happened, in the words of the
// backend: revisions with their subs, records, what a compaction leaves on disk, hashes. (What
// the store means to those who ask it is ch01-intro/model; see model_test.go.)
type diskModel struct {
	rev     int64
	compact int64
	log     []modelChange // in the order of revisions, never shortened
	// disk34 is what etcd 3.4.23 would have on disk after its compactions.
	disk34 []modelChange
}

type modelChange struct {
	rev Revision
	kv  *mvccpb.KeyValue
}

func (c modelChange) String() string { return fmt.Sprintf("%v %s=%s", c.rev, c.kv.Key, c.kv.Value) }

func newDiskModel() *diskModel { return &diskModel{rev: 1, compact: -1} }

// at returns the live keys at revision rev.
func (m *diskModel) at(rev int64) map[string]*mvccpb.KeyValue {
	live := map[string]*mvccpb.KeyValue{}
	for _, c := range m.log {
		if c.rev.Main > rev {
			break
		}
		if c.rev.Tombstone {
			delete(live, string(c.kv.Key))
		} else {
			live[string(c.kv.Key)] = c.kv
		}
	}
	return live
}

func (m *diskModel) rangeAt(iv interval.Interval, rev int64) []*mvccpb.KeyValue {
	var found []*mvccpb.KeyValue
	for _, kv := range m.at(rev) {
		if iv.Contains(kv.Key) {
			found = append(found, kv)
		}
	}
	sort.Slice(found, func(i, j int) bool { return string(found[i].Key) < string(found[j].Key) })
	return found
}

// modelTxn is an open transaction on the model.
type modelTxn struct {
	m       *diskModel
	changes int32
}

func (t *modelTxn) rev() int64 {
	if t.changes > 0 {
		return t.m.rev + 1
	}
	return t.m.rev
}

func (t *modelTxn) add(kv *mvccpb.KeyValue, tombstone bool) {
	c := modelChange{Revision{t.m.rev + 1, t.changes, tombstone}, kv}
	t.m.log = append(t.m.log, c)
	t.m.disk34 = append(t.m.disk34, c)
	t.changes++
}

func (t *modelTxn) put(key, value []byte, lease int64) {
	kv := &mvccpb.KeyValue{Key: key, Value: value, Lease: lease, CreateRevision: t.m.rev + 1, ModRevision: t.m.rev + 1, Version: 1}
	if old := t.m.at(t.m.rev + 1)[string(key)]; old != nil {
		kv.CreateRevision, kv.Version = old.CreateRevision, old.Version+1
	}
	t.add(kv, false)
}

func (t *modelTxn) deleteRange(iv interval.Interval) int64 {
	found := t.m.rangeAt(iv, t.m.rev+1)
	for _, kv := range found {
		t.add(&mvccpb.KeyValue{Key: kv.Key}, true)
	}
	return int64(len(found))
}

func (t *modelTxn) end() { t.m.rev = t.rev() }

func (t *modelTxn) abort() {
	t.m.log = t.m.log[:len(t.m.log)-int(t.changes)]
	t.m.disk34 = t.m.disk34[:len(t.m.disk34)-int(t.changes)]
}

// newest returns the newest revision of key up to the main revision at, in log order.
func (m *diskModel) newest(key []byte, at int64) (newest Revision) {
	for _, c := range m.log {
		if c.rev.Main <= at && string(c.kv.Key) == string(key) {
			newest = c.rev
		}
	}
	return newest
}

func (m *diskModel) compactTo(rev int64) {
	m.compact = rev
	var left []modelChange
	for _, c := range m.disk34 {
		if c.rev.Main > rev || (c.rev == m.newest(c.kv.Key, rev) && !c.rev.Tombstone) {
			left = append(left, c)
		}
	}
	m.disk34 = left
}

// hashKV is etcd 3.4.23's, step by step, on the disk that it would have.
func (m *diskModel) hashKV(rev int64) uint32 {
	keep := map[Revision]bool{}
	for _, kv := range m.at(rev) {
		keep[m.newest(kv.Key, rev)] = true
	}
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	h.Write([]byte("key"))
	for _, c := range m.disk34 {
		if c.rev.Main > rev || (c.rev.Main <= m.compact && len(keep) > 0 && !keep[c.rev]) {
			continue
		}
		h.Write(c.rev.AppendTo(nil))
		record, err := c.kv.MarshalVT()
		if err != nil {
			panic(err)
		}
		h.Write(record)
	}
	return h.Sum32()
}

// requireSame compares the member with the model in every way.
func (m *diskModel) requireSame(t require.TestingT, s *member) {
	require.Equal(t, m.rev, s.Rev(), "current revision")
	require.Equal(t, m.compact, s.FirstRev(), "compact revision")
	s.requireIndexMatchesDisk()
	for rev := max(1, m.compact); rev <= m.rev; rev++ {
		m.requireSameRange(t, s, interval.All(), rev, 0)
	}
	if m.compact > 1 {
		_, err := s.Range(interval.All(), RangeOptions{Rev: m.compact - 1})
		require.ErrorIs(t, err, ErrCompacted)
	}
	_, err := s.Range(interval.All(), RangeOptions{Rev: m.rev + 1})
	require.ErrorIs(t, err, ErrFutureRev)
	m.requireHistoryOnDisk(t, s)
	for rev := max(1, m.compact+1); rev <= m.rev; rev++ {
		hash, current, compactRev, err := s.HashByRev(rev)
		require.NoError(t, err)
		require.Equal(t, []any{m.hashKV(rev), m.rev, m.compact}, []any{hash, current, compactRev}, "HashKV at %d", rev)
	}
	hash, _, _, err := s.HashByRev(0)
	require.NoError(t, err)
	require.Equal(t, m.hashKV(m.rev), hash, "HashKV now")
}

// requireHistoryOnDisk: a compaction leaves every change from the compact revision on,
// that revision included, for a watch may begin there (S7); of the past it leaves what
// reads find, and nothing else.
func (m *diskModel) requireHistoryOnDisk(t require.TestingT, s *member) {
	want := []string{}
	for _, c := range m.log {
		isRead := c.rev == m.newest(c.kv.Key, m.compact) && !c.rev.Tombstone
		if c.rev.Main >= m.compact || isRead {
			want = append(want, c.String())
		}
	}
	require.Equal(t, want, s.onDisk(), "history on disk, compacted at %d", m.compact)
}

func (m *diskModel) requireSameRange(t require.TestingT, s ReadView, iv interval.Interval, rev, limit int64) {
	res, err := s.Range(iv, RangeOptions{Rev: rev, Limit: limit})
	require.NoError(t, err)
	at := rev
	if at == 0 {
		at = res.Rev
	}
	want := m.rangeAt(iv, at)
	require.EqualValues(t, len(want), res.Count, "count of %v at %d", iv, rev)
	if limit > 0 && int64(len(want)) > limit {
		want = want[:limit]
	}
	require.Len(t, res.KVs, len(want))
	for i, kv := range want {
		got, err := res.KVs[i].Decode()
		require.NoError(t, err)
		require.True(t, kv.EqualVT(got), "want %v, got %v at %d", kv, got, rev)
	}
	res, err = s.Range(iv, RangeOptions{Rev: rev, Count: true})
	require.NoError(t, err)
	require.Empty(t, res.KVs)
	require.EqualValues(t, len(m.rangeAt(iv, at)), res.Count)
}

// history draws operations and does each to the member and to the model.
type history struct {
	t *rapid.T
	*member
	model *diskModel
}

var (
	drawKey      = rapid.SampledFrom([]string{"a", "a\x00", "b", "c", "d"})
	drawInterval = rapid.Custom(func(t *rapid.T) interval.Interval {
		key := []byte(drawKey.Draw(t, "key"))
		switch rapid.IntRange(0, 3).Draw(t, "shape") {
		case 0:
			return interval.New(key, []byte{0})
		case 1:
			return interval.New(key, []byte(drawKey.Draw(t, "end")))
		}
		return interval.Point(key)
	})
)

// Txn writes, reads its own writes, and ends or is given up.
func (h *history) Txn(t *rapid.T) {
	txn, want := h.Write(), &modelTxn{m: h.model}
	defer txn.Abort()
	for range rapid.IntRange(0, 4).Draw(t, "operations") {
		switch rapid.IntRange(0, 2).Draw(t, "operation") {
		case 0:
			key, value := []byte(drawKey.Draw(t, "key")), []byte(rapid.StringN(0, 3, -1).Draw(t, "value"))
			lease := rapid.Int64Range(0, 2).Draw(t, "lease")
			want.put(key, value, lease)
			require.Equal(t, want.rev(), txn.Put(key, value, lease))
		case 1:
			iv := drawInterval.Draw(t, "interval")
			n := want.deleteRange(iv)
			got, rev := txn.DeleteRange(iv)
			require.Equal(t, []int64{n, want.rev()}, []int64{got, rev})
		case 2:
			h.model.requireSameRange(t, txn, drawInterval.Draw(t, "interval"), 0, 0)
		}
		require.EqualValues(t, want.changes, txn.Changes())
		require.Equal(t, want.rev(), txn.Rev())
	}
	if rapid.IntRange(0, 4).Draw(t, "give up") == 0 {
		want.abort()
		txn.Abort()
		return
	}
	want.end()
	txn.End()
}

// Range reads at any revision that can be read.
func (h *history) Range(t *rapid.T) {
	rev := rapid.Int64Range(max(0, h.model.compact), h.model.rev).Draw(t, "revision")
	h.model.requireSameRange(t, h.Store, drawInterval.Draw(t, "interval"), rev, rapid.Int64Range(0, 3).Draw(t, "limit"))
}

// Compact compacts anywhere, also where it must be refused.
func (h *history) Compact(t *rapid.T) {
	rev := rapid.Int64Range(max(0, h.model.compact), h.model.rev+1).Draw(t, "revision")
	done, err := h.Store.Compact(rev)
	switch {
	case rev <= h.model.compact:
		require.ErrorIs(t, err, ErrCompacted)
		<-done
	case rev > h.model.rev:
		require.ErrorIs(t, err, ErrFutureRev)
	default:
		require.NoError(t, err)
		<-done
		h.model.compactTo(rev)
	}
}

// Commit writes the batch to disk; without it reads go through the buffer.
func (h *history) Commit(*rapid.T) { h.Store.Commit() }

// Restart stops the member in order and starts it again.
func (h *history) Restart(t *rapid.T) {
	path := h.path
	h.stop()
	h.member = startMember(t, path, Config{CompactionBatchLimit: 3})
}

func (h *history) Check(t *rapid.T) { h.model.requireSame(t, h.member) }

func TestRandomHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		require.NoError(rt, err)
		h := &history{t: rt, model: newDiskModel()}
		h.member = startMember(rt, filepath.Join(dir, "db"), Config{CompactionBatchLimit: 3})
		defer func() { h.stop() }()
		rt.Repeat(map[string]func(*rapid.T){
			"Txn": h.Txn, "Txn2": h.Txn, "Range": h.Range, "Compact": h.Compact,
			"Commit": h.Commit, "Restart": h.Restart, "": h.Check,
		})
	})
}
