package mvcc

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"

	"github.com/stretchr/testify/require"
)

// The files in testdata were written by etcd 3.4.23, see testdata/record.sh.

// stages names the fixtures, in the order of their recording, and the compact revision.
var stages = []struct {
	name    string
	compact int64
	reason  string
}{
	{"history", -1, "two lives of a key, a transaction of three changes, an empty value, a lease"},
	{"tombstone", 13, "compacted at a revision that is a deletion"},
	{"later", 13, "and written on"},
	{"deleted", 13, "no key lives any more: 3.4 then filters nothing"},
	{"nothing", 17, "and all of it compacted away"},
	{"again", 17, "the revision goes on"},
}

// hashKV is one recorded answer of `endpoint hashkv`.
type hashKV struct {
	rev, currentRev int64
	hash            uint32
	compactRev      int64
}

func recordedHashes(t *testing.T, stage string) (all []hashKV) {
	f, err := os.Open(filepath.Join("testdata", stage+".hashkv"))
	require.NoError(t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var h hashKV
		_, err := fmt.Sscan(lines.Text(), &h.rev, &h.currentRev, &h.hash, &h.compactRev)
		require.NoError(t, err)
		all = append(all, h)
	}
	require.NotEmpty(t, all)
	return all
}

// recordedFile unpacks a backend file of 3.4.23.
func recordedFile(t *testing.T, stage string) (path string) {
	packed, err := os.Open(filepath.Join("testdata", stage+".db.gz"))
	require.NoError(t, err)
	defer packed.Close()
	unpack, err := gzip.NewReader(packed)
	require.NoError(t, err)
	data, err := io.ReadAll(unpack)
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "db")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

func (m *member) requireRecordedHashes(hashes []hashKV) {
	for _, want := range hashes {
		hash, currentRev, compactRev, err := m.HashByRev(want.rev)
		require.NoError(m.t, err)
		require.Equal(m.t, want, hashKV{want.rev, currentRev, hash, compactRev})
	}
}

// TestFilesOfEtcd34 opens what 3.4.23 wrote and answers HashKV as it did.
func TestFilesOfEtcd34(t *testing.T) {
	for _, stage := range stages {
		t.Run(stage.name, func(t *testing.T) {
			m := startMember(t, recordedFile(t, stage.name), Config{})
			defer m.stop()
			require.Equal(t, stage.compact, m.FirstRev(), stage.reason)
			m.requireRecordedHashes(recordedHashes(t, stage.name))
			m.requireIndexMatchesDisk()
			require.NotZero(t, m.ConsistentIndex())
		})
	}
}

func TestFileOfEtcd34ReadsAsItWasWritten(t *testing.T) {
	m := startMember(t, recordedFile(t, "history"), Config{})
	defer m.stop()
	require.Equal(t, []string{
		"2.0 a=1", "3.0 b=1", "4.0 a=2", "5.0 empty=", "6.0 leased=x", "7.0† b=", "8.0 c=1", "8.1 d=1",
		"8.2† a=", "9.0 b=2", "10.0 b=3", "11.0† c=", "12.0 c=2", "13.0† d=", "14.0 e=1",
	}, m.onDisk())
	require.Equal(t, "2", m.get("a", 7))
	require.Equal(t, "-", m.get("a", 8))
	res, err := m.Range(interval.Point([]byte("leased")), RangeOptions{})
	require.NoError(t, err)
	require.NotZero(t, res.KVs[0].Lease())
}

// TestSameHistorySameHashes makes the recorded history again in an own store, compacts it
// where 3.4.23 was compacted, and has its hashes. Records are copied field by field, so
// every byte is encoded here.
func TestSameHistorySameHashes(t *testing.T) {
	m := newMember(t)
	for _, stage := range stages {
		recorded := startMember(t, recordedFile(t, stage.name), Config{})
		m.replay(recorded)
		recorded.stop()
		if m.FirstRev() < stage.compact {
			m.compact(stage.compact)
		}
		m.requireRecordedHashes(recordedHashes(t, stage.name))
		m.Commit()
		m.afterCrash(func(again *member) { again.requireRecordedHashes(recordedHashes(t, stage.name)) })
	}
}

// replay does the transactions in from that m does not have yet.
func (m *member) replay(from *member) {
	var txn TxnWrite
	end := func() {
		if txn != nil {
			txn.End()
		}
		txn = nil
	}
	tx := from.b.ConcurrentReadTx()
	defer tx.Unlock()
	known := m.Rev()
	require.NoError(m.t, tx.UnsafeForEach(backend.BucketKey, func(k, v []byte) error {
		rev, record := mustParse(k), mvccpb.RawKeyValue(v)
		if rev.Main <= known {
			return nil
		}
		if txn == nil || txn.Rev() != rev.Main {
			end()
			txn = m.Write()
		}
		if rev.Tombstone {
			txn.DeleteRange(interval.Point(record.Key()))
			return nil
		}
		require.Equal(m.t, rev.Main, txn.Put(record.Key(), record.Value(), record.Lease()))
		return nil
	}))
	end()
}
