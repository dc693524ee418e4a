package mvcc

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"

	"github.com/stretchr/testify/require"
)

var quiet = slog.New(slog.DiscardHandler)

// member is a store on a file, as one etcd member has it.
type member struct {
	t    require.TestingT
	path string
	b    backend.Backend
	*Store
}

// startMember opens path. Timers of the backend never fire: a test says when to commit.
func startMember(t require.TestingT, path string, cfg Config) *member {
	return startMemberWith(t, backend.Config{Path: path}, cfg)
}

func startMemberWith(t require.TestingT, bcfg backend.Config, cfg Config) *member {
	bcfg.BatchInterval, bcfg.UnsafeNoFsync, bcfg.Logger = 1000*time.Hour, true, quiet
	b, err := backend.Open(bcfg)
	require.NoError(t, err)
	if cfg.CompactionSleepInterval == 0 {
		cfg.CompactionSleepInterval = time.Nanosecond
	}
	s, err := Open(quiet, b, cfg)
	require.NoError(t, err)
	return &member{t: t, path: bcfg.Path, b: b, Store: s}
}

func newMember(t *testing.T) *member {
	m := startMember(t, filepath.Join(t.TempDir(), "db"), Config{})
	t.Cleanup(func() { m.stop() })
	return m
}

func (m *member) stop() {
	require.NoError(m.t, m.Store.Close())
	require.NoError(m.t, m.b.Close())
}

// diskImage is what a crash at this moment would leave: the file as it is.
func (m *member) diskImage() string { return copyFile(m.t, m.path) }

// copyFile copies a file to another one in the same folder.
func copyFile(t require.TestingT, path string) string {
	image, err := os.ReadFile(path)
	require.NoError(t, err)
	f, err := os.CreateTemp(filepath.Dir(path), "image")
	require.NoError(t, err)
	_, err = f.Write(image)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return f.Name()
}

// afterCrash starts a member on a disk image, calls fn with it and stops it.
func (m *member) afterCrash(fn func(*member)) {
	image := m.diskImage()
	defer func() { require.NoError(m.t, os.Remove(image)) }()
	again := startMember(m.t, image, Config{})
	defer again.stop()
	fn(again)
}

func (m *member) put(key, value string) int64 {
	txn := m.Write()
	defer txn.End()
	return txn.Put([]byte(key), []byte(value), 0)
}

func (m *member) del(key string) int64 {
	txn := m.Write()
	defer txn.End()
	n, rev := txn.DeleteRange(interval.Point([]byte(key)))
	require.EqualValues(m.t, 1, n)
	return rev
}

// delThenPut deletes and recreates a key within one revision.
func (m *member) delThenPut(key, value string) int64 {
	txn := m.Write()
	defer txn.End()
	txn.DeleteRange(interval.Point([]byte(key)))
	return txn.Put([]byte(key), []byte(value), 0)
}

func (m *member) compact(rev int64) {
	done, err := m.Compact(rev)
	require.NoError(m.t, err)
	<-done
}

// get returns the value of key at rev, or "-".
func (m *member) get(key string, rev int64) string {
	res, err := m.Range(interval.Point([]byte(key)), RangeOptions{Rev: rev})
	require.NoError(m.t, err)
	if len(res.KVs) == 0 {
		return "-"
	}
	return string(res.KVs[0].Value())
}

// onDisk lists the history in the backend: revision, key and value of each record.
func (m *member) onDisk() []string {
	tx := m.b.ConcurrentReadTx()
	defer tx.Unlock()
	list := []string{}
	require.NoError(m.t, tx.UnsafeForEach(backend.BucketKey, func(k, v []byte) error {
		record := mvccpb.RawKeyValue(v)
		list = append(list, fmt.Sprintf("%v %s=%s", mustParse(k), record.Key(), record.Value()))
		return nil
	}))
	return list
}

// contents lists everything an index holds.
func contents(x index) []string {
	list := []string{}
	x.(*treeIndex).visit(interval.All(), func(ki *keyIndex) bool {
		list = append(list, fmt.Sprintf("%q %+v %v", ki.key, ki.open, slices.Clone(ki.revs)))
		return true
	})
	return list
}

// requireIndexMatchesDisk is invariant 2 of Store.
func (m *member) requireIndexMatchesDisk() {
	rebuilt := &Store{lg: quiet, b: m.b, index: newTreeIndex()}
	tx := m.b.ConcurrentReadTx()
	defer tx.Unlock()
	require.NoError(m.t, tx.UnsafeForEach(backend.BucketKey, rebuilt.restoreRecord))
	require.Equal(m.t, contents(rebuilt.index), contents(m.index), "index rebuilt from disk, live index (invariant 2)")
}
