package lease

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"insideetcd/ch06-storage/backend"

	"github.com/stretchr/testify/require"
)

// recorded unpacks the backend file that etcd 3.4.23 wrote, see testdata/record.sh.
func recorded(t *testing.T) (path string) {
	packed, err := os.Open("testdata/leases.db.gz")
	require.NoError(t, err)
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	require.NoError(t, err)
	data, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "db")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// What 3.4 wrote is read, and written again is the same bytes.
func TestRecordsOf34(t *testing.T) {
	m := startMember(t, recorded(t), Config{CheckpointPersist: true})
	defer m.stop()
	written := m.records()
	require.Equal(t, []*Lease{
		{ID: -3, TTL: 9_000_000_000, RemainingTTL: 8_999_999_700, Remaining: Forever},
		{ID: 7, TTL: 2, Remaining: Forever},
		{ID: 20, TTL: 100_000, RemainingTTL: 99_700, Remaining: Forever},
	}, m.Leases(), "21 has expired and 9 was revoked")

	require.Len(t, written, 3)
	for _, l := range m.Leases() {
		require.NoError(t, m.Checkpoint(l.ID, l.RemainingTTL)) // writes the record anew
	}
	require.Equal(t, written, m.records())

	again := newMember(t, Config{CheckpointPersist: true})
	defer again.stop()
	for _, l := range m.Leases() {
		again.grant(l.ID, l.TTL)
		require.NoError(t, again.Checkpoint(l.ID, l.RemainingTTL))
	}
	require.Equal(t, written, again.records())
}

func TestATTLOnDiskIsRaisedToTheMinimum(t *testing.T) {
	m := startMember(t, recorded(t), Config{MinTTL: 15})
	defer m.stop()
	require.EqualValues(t, 15, m.Lookup(7).TTL)
}

func TestADamagedRecordIsRefusedByName(t *testing.T) {
	for _, row := range []struct{ name, key, value, want string }{
		{"short key", "\x00\x07", "", "lease 0007 is damaged (its key has 2 bytes, want 8)"},
		{"no protobuf", "\x00\x00\x00\x00\x00\x00\x00\x07", "\x08", "lease 0000000000000007 is damaged (unexpected EOF)"},
		{"of another lease", "\x00\x00\x00\x00\x00\x00\x00\x07", "\x08\x09\x10\x0a", "it names lease 9"},
		{"no ID", "\x00\x00\x00\x00\x00\x00\x00\x00", "\x10\x0a", "it names lease 0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, err := backend.Open(backend.Config{Path: filepath.Join(t.TempDir(), "db"), BatchInterval: time.Hour, Logger: quiet})
			require.NoError(t, err)
			defer b.Close()
			tx := b.BatchTx()
			tx.Lock()
			tx.UnsafeCreateBucket(backend.BucketLease)
			tx.UnsafePut(backend.BucketLease, []byte(row.key), []byte(row.value))
			tx.Unlock()
			_, err = New(quiet, b, Config{})
			require.ErrorContains(t, err, row.want)
		})
	}
}
