package backend

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestReaderSeesWhatWasUnlockedBeforeItAndNothingElse(t *testing.T) {
	b := newBackend(t)
	b.put(BucketLease, "a", "1")
	b.batch.Lock()
	b.batch.UnsafePut(BucketLease, []byte("a"), []byte("2"))
	require.Equal(t, "2", string(b.batch.UnsafeGet(BucketLease, []byte("a"))), "the batch sees itself")
	before := b.ConcurrentReadTx()
	b.batch.Unlock()
	after := b.ConcurrentReadTx()
	b.ForceCommit() // does not wait for readers, and does not disturb them
	b.put(BucketLease, "a", "3")
	require.Equal(t, map[string]string{"a": "1"}, all(t, before, BucketLease))
	require.Equal(t, map[string]string{"a": "2"}, all(t, after, BucketLease))
	require.Equal(t, map[string]string{"a": "3"}, b.now(t, BucketLease))
	before.Unlock()
	after.Unlock()
}

func TestUnsafeRange(t *testing.T) {
	b := newBackend(t)
	for _, k := range []string{"a", "b", "c"} {
		b.put(BucketLease, k, "disk")
	}
	b.ForceCommit()
	b.put(BucketLease, "b", "buffer")
	b.put(BucketLease, "bb", "")
	b.del(BucketLease, "c")
	tx := b.ConcurrentReadTx()
	defer tx.Unlock()
	b.batch.Lock()
	defer b.batch.Unlock()
	for name, tx := range map[string]ReadTx{"reader": tx, "batch": b.batch} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				key, end string
				limit    int64
				want     string
			}{
				{"a", "", 0, "a=disk"},
				{"b", "", 0, "b=buffer"},
				{"bb", "", 0, "bb="},
				{"c", "", 0, ""},
				{"d", "", 0, ""},
				{"a", "z", 0, "a=disk b=buffer bb="},
				{"a", "z", 2, "a=disk b=buffer"},
				{"b", "bb", 0, "b=buffer"},
				{"bb", "z", 1, "bb="},
				{"c", "z", 0, ""},
			} {
				var end []byte
				if c.end != "" {
					end = []byte(c.end)
				}
				keys, vals := tx.UnsafeRange(BucketLease, []byte(c.key), end, c.limit)
				var got []string
				for i := range keys {
					got = append(got, fmt.Sprintf("%s=%s", keys[i], vals[i]))
				}
				require.Equal(t, c.want, strings.Join(got, " "), "%+v", c)
			}
			stop := errors.New("stop")
			require.ErrorIs(t, tx.UnsafeForEach(BucketLease, func(k, _ []byte) error {
				if string(k) == "b" {
					return stop
				}
				return nil
			}), stop)
		})
	}
}

// life is a backend beside a map of what it should hold, and readers pinned on the way.
type life struct {
	b       *backend
	cfg     Config
	state   map[string]string
	index   uint64
	seq     int
	readers []pinnedReader
}

type pinnedReader struct {
	tx    ReadTx
	state map[string]string
}

func (l *life) endReaders() {
	for _, r := range l.readers {
		r.tx.Unlock()
	}
	l.readers = nil
}

// makeWay ends the readers for whom a commit would wait.
func (l *life) makeWay() {
	if l.cfg.MmapSize == 1 {
		l.endReaders()
	}
}

func (l *life) Pin(*rapid.T) {
	l.readers = append(l.readers, pinnedReader{l.b.ConcurrentReadTx(), maps.Clone(l.state)})
}

func (l *life) End(*rapid.T) { l.endReaders() }

func (l *life) Write(t *rapid.T) {
	l.makeWay()
	l.b.write(func(tx BatchTx) {
		for range rapid.IntRange(0, 5).Draw(t, "changes") {
			l.change(t, tx)
		}
		l.index += uint64(rapid.IntRange(0, 1).Draw(t, "entries"))
		tx.UnsafeSetConsistentIndex(l.index)
		require.Equal(t, l.state, all(t, tx, BucketKey), "the batch reads its own writes")
	})
}

// change puts or deletes a key: one that rises, or any key up to the last of those.
func (l *life) change(t *rapid.T, tx BatchTx) {
	val := rapid.StringN(0, 3, -1).Draw(t, "value")
	key := fmt.Sprintf("%04d", rapid.IntRange(0, l.seq).Draw(t, "key"))
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		l.seq += 2
		key = fmt.Sprintf("%04d", l.seq)
		tx.UnsafeSeqPut(BucketKey, []byte(key), []byte(val))
		l.state[key] = val
	case 1:
		tx.UnsafePut(BucketKey, []byte(key), []byte(val))
		l.state[key] = val
	case 2:
		tx.UnsafeDelete(BucketKey, []byte(key))
		delete(l.state, key)
	}
}

func (l *life) Commit(*rapid.T) {
	l.makeWay()
	l.b.ForceCommit()
}

func (l *life) Defrag(t *rapid.T) {
	l.endReaders()
	require.NoError(t, l.b.Defrag())
}

func (l *life) Restart(t *rapid.T) {
	l.endReaders()
	require.NoError(t, l.b.Close())
	l.b = openTest(t, l.cfg)
	require.Equal(t, l.index, l.b.ConsistentIndex())
}

func (l *life) Check(t *rapid.T) {
	require.Equal(t, l.state, l.b.now(t, BucketKey))
	for _, r := range l.readers {
		require.Equal(t, r.state, all(t, r.tx, BucketKey))
	}
	tx := l.b.ConcurrentReadTx()
	defer tx.Unlock()
	for i := range l.seq + 2 {
		key := fmt.Sprintf("%04d", i)
		want, ok := l.state[key]
		got := tx.UnsafeGet(BucketKey, []byte(key))
		require.Equal(t, ok, got != nil)
		require.Equal(t, want, string(got))
	}
}

// TestReadersKeepTheirState draws writes of every kind, commits, defragmentations and
// restarts, and pins readers all along: each sees, until it ends, what was there at its
// begin.
func TestReadersKeepTheirState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		require.NoError(rt, err)
		cfg := Config{Path: filepath.Join(dir, "db"), BatchLimit: rapid.IntRange(1, 20).Draw(rt, "limit")}
		if rapid.Bool().Draw(rt, "small map") {
			cfg.MmapSize = 1 // every commit may move the map, so it waits for readers
		}
		l := &life{b: openTest(rt, cfg), cfg: cfg, state: map[string]string{}}
		defer func() {
			l.endReaders()
			require.NoError(rt, l.b.Close())
		}()
		l.b.write(func(tx BatchTx) { tx.UnsafeCreateBucket(BucketKey) })
		rt.Repeat(map[string]func(*rapid.T){
			"Write": l.Write, "Write more": l.Write, "Pin": l.Pin, "End": l.End,
			"Commit": l.Commit, "Defrag": l.Defrag, "Restart": l.Restart, "": l.Check,
		})
	})
}

func TestCommitByCount(t *testing.T) {
	b := openTest(t, Config{Path: filepath.Join(t.TempDir(), "db"), BatchLimit: 3})
	b.write(func(tx BatchTx) { tx.UnsafeCreateBucket(BucketKey) })
	b.ForceCommit()
	for puts, onDisk := range []int{0, 0, 0, 3, 3, 3, 6} {
		b.afterCrash(t, func(again *backend) {
			require.Len(t, again.now(t, BucketKey), onDisk, "after %d puts", puts)
		})
		b.seqPut(BucketKey, fmt.Sprint(puts), "x")
	}
	require.NoError(t, b.Close())
}

func TestCommitByInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := open(Config{Path: filepath.Join(t.TempDir(), "db"), UnsafeNoFsync: true, Logger: quiet})
		require.NoError(t, err)
		defer func() { require.NoError(t, b.Close()) }()
		b.write(func(tx BatchTx) { tx.UnsafeCreateBucket(BucketKey) })
		b.seqPut(BucketKey, "a", "1")
		b.write(func(tx BatchTx) { tx.UnsafeSetConsistentIndex(7) })

		time.Sleep(DefaultBatchInterval - 1)
		synctest.Wait()
		b.afterCrash(t, func(again *backend) { require.Zero(t, again.ConsistentIndex(), "not yet") })
		time.Sleep(1)
		synctest.Wait()
		b.afterCrash(t, func(again *backend) {
			require.EqualValues(t, 7, again.ConsistentIndex())
			require.Equal(t, map[string]string{"a": "1"}, again.now(t, BucketKey))
		})
	})
}

func TestConsistentIndexMustNotFall(t *testing.T) {
	b := newBackend(t)
	b.write(func(tx BatchTx) { tx.UnsafeSetConsistentIndex(9) })
	require.PanicsWithValue(t, "backend: consistent index would fall from 9 to 8", func() {
		b.write(func(tx BatchTx) { tx.UnsafeSetConsistentIndex(8) })
	})
	require.EqualValues(t, 9, b.ConsistentIndex())
}

func TestSeqPutMustRise(t *testing.T) {
	b := newBackend(t)
	b.seqPut(BucketKey, "b", "1")
	require.Panics(t, func() { b.seqPut(BucketKey, "a", "1") })
	require.Equal(t, map[string]string{"b": "1"}, b.now(t, BucketKey))
}

// TestMovingTheMemoryMap lets a file outgrow its address space again and again while
// readers come and go: no deadlock, and every reader sees whole batches.
func TestMovingTheMemoryMap(t *testing.T) {
	b := openTest(t, Config{Path: filepath.Join(t.TempDir(), "db"), MmapSize: 1})
	b.write(func(tx BatchTx) { tx.UnsafeCreateBucket(BucketKey) })
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if n := len(b.now(t, BucketKey)); n%10 != 0 {
					t.Errorf("%d pairs: half a batch", n)
					return
				}
			}
		})
	}
	big := bytes.Repeat([]byte("x"), 10_000)
	for i := range 50 {
		b.write(func(tx BatchTx) {
			for j := range 10 {
				tx.UnsafeSeqPut(BucketKey, fmt.Appendf(nil, "%04d", 10*i+j), big)
			}
		})
		b.ForceCommit()
	}
	close(stop)
	readers.Wait()
	require.Greater(t, b.Size(), int64(5_000_000))
	require.NoError(t, b.Close())
}

// TestLargestGrowthIsNotUnderestimated: the bound decides whether readers may stay during
// a commit; beyond it they would be waited for for ever.
func TestLargestGrowthIsNotUnderestimated(t *testing.T) {
	const slack = 64 << 20
	b := newBackend(t)
	for round, size := range []int{1, 100, 4000, 5000, 100_000} {
		b.batch.Lock()
		for i := range 300 {
			b.batch.UnsafeSeqPut(BucketKey, fmt.Appendf(nil, "%d.%04d", round, i), bytes.Repeat([]byte("x"), size))
		}
		for i := range 50 { // spread over old pages
			b.batch.UnsafePut(BucketKey, fmt.Appendf(nil, "0.%04d", i*6), bytes.Repeat([]byte("y"), size/2))
		}
		bound := maxGrowth(b.SizeInUse(), b.batch.bytes, b.batch.pending, b.db.Info().PageSize) - slack
		before := b.Size()
		b.batch.Unlock()
		b.ForceCommit()
		require.LessOrEqual(t, b.Size()-before, bound, "values of %d bytes", size)
	}
}

func TestFileInUse(t *testing.T) {
	b := newBackend(t)
	_, err := Open(Config{Path: b.cfg.Path, LockTimeout: time.Millisecond, Logger: quiet})
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, b.cfg.Path+" is locked; stop the other process")
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "db")
	_, err := Open(Config{Path: path, FreelistType: "tree"})
	require.ErrorContains(t, err, `unknown freelist type "tree"`)
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("no database"), 10_000), 0o600))
	_, err = Open(Config{Path: path})
	require.ErrorContains(t, err, "cannot open "+path)
	_, err = Open(Config{Path: filepath.Join(dir, "absent", "db")})
	require.ErrorIs(t, err, os.ErrNotExist)

	b := openTest(t, Config{Path: filepath.Join(dir, "index")})
	b.write(func(tx BatchTx) {
		tx.UnsafeCreateBucket(BucketMeta)
		tx.UnsafePut(BucketMeta, MetaConsistentIndex, []byte("short"))
	})
	require.NoError(t, b.Close())
	_, err = Open(b.cfg)
	require.ErrorContains(t, err, "consistent index")
	_, err = Open(b.cfg)
	require.NotErrorIs(t, err, ErrInUse, "the refusal let the lock go")
}

func TestSnapshotIsTheWholeFile(t *testing.T) {
	b := newBackend(t)
	b.put(BucketKey, "a", "1")
	b.write(func(tx BatchTx) { tx.UnsafeSetConsistentIndex(3) })
	snap := b.Snapshot()
	b.put(BucketKey, "b", "later")
	b.ForceCommit()
	var copied bytes.Buffer
	n, err := snap.WriteTo(&copied)
	require.NoError(t, err)
	require.Equal(t, snap.Size(), n)
	require.EqualValues(t, copied.Len(), n)
	require.NoError(t, snap.Close())

	path := filepath.Join(t.TempDir(), "db")
	require.NoError(t, os.WriteFile(path, copied.Bytes(), 0o600))
	again := openTest(t, Config{Path: path})
	require.Equal(t, map[string]string{"a": "1"}, again.now(t, BucketKey))
	require.EqualValues(t, 3, again.ConsistentIndex())
	require.NoError(t, again.Close())
}

func TestHash(t *testing.T) {
	b := newBackend(t)
	b.put(BucketLease, "a", "1")
	first, err := b.Hash(nil)
	require.NoError(t, err)
	b.write(func(tx BatchTx) { tx.UnsafeSetConsistentIndex(3) })
	second, err := b.Hash(nil)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	ignored, err := b.Hash(func(bucket, key []byte) bool {
		return string(bucket) == "meta" && bytes.Equal(key, MetaConsistentIndex)
	})
	require.NoError(t, err)
	require.Equal(t, first, ignored)
	require.NoError(t, b.Defrag())
	again, err := b.Hash(nil)
	require.NoError(t, err)
	require.Equal(t, second, again, "defragmentation changes no pair")
}

func TestCloseKeepsEverything(t *testing.T) {
	b := newBackend(t)
	b.put(BucketAlarm, "a", "")
	require.NoError(t, b.Close())
	require.NoError(t, b.Close(), "a second time does nothing")
	again := openTest(t, b.cfg)
	require.Equal(t, map[string]string{"a": ""}, again.now(t, BucketAlarm))
	require.NoError(t, again.Close())
}

// TestReadersBesideAWriter is for the race detector.
func TestReadersBesideAWriter(t *testing.T) {
	b, err := open(Config{Path: filepath.Join(t.TempDir(), "db"), BatchLimit: 50, BatchInterval: time.Millisecond, UnsafeNoFsync: true, Logger: quiet})
	require.NoError(t, err)
	b.write(func(tx BatchTx) { tx.UnsafeCreateBucket(BucketKey); tx.UnsafeCreateBucket(BucketLease) })
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				tx := b.ConcurrentReadTx()
				vals := slices.Sorted(maps.Values(all(t, tx, BucketLease)))
				if len(vals) > 0 && (vals[0] != vals[len(vals)-1] || len(all(t, tx, BucketKey)) == 0) {
					t.Errorf("half a batch: %v", vals)
					tx.Unlock()
					return
				}
				tx.Unlock()
			}
		})
	}
	for i := range 500 {
		b.write(func(tx BatchTx) {
			tx.UnsafeSeqPut(BucketKey, fmt.Appendf(nil, "%06d", i), []byte("x"))
			for k := byte('a'); k < 'f'; k++ {
				tx.UnsafePut(BucketLease, []byte{k}, fmt.Append(nil, i))
			}
		})
		if i%100 == 99 {
			require.NoError(t, b.Defrag())
		}
	}
	close(stop)
	readers.Wait()
	require.NoError(t, b.Close())
}
