package mvcc

import (
	"fmt"
	"path/filepath"
	"testing"

	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"

	"github.com/stretchr/testify/require"
)

// benchStore has keys key00000000 … with values of valueBytes bytes.
func benchStore(b *testing.B, keys, valueBytes int) *Store {
	be, err := backend.Open(backend.Config{Path: filepath.Join(b.TempDir(), "db"), UnsafeNoFsync: true, Logger: quiet})
	require.NoError(b, err)
	s, err := Open(quiet, be, Config{})
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.Close(); _ = be.Close() })
	value := make([]byte, valueBytes)
	for i := range keys {
		txn := s.Write()
		txn.Put(benchKey(i), value, 0)
		txn.End()
	}
	s.Commit()
	b.ReportAllocs()
	b.ResetTimer()
	return s
}

func benchKey(i int) []byte { return fmt.Appendf(nil, "key%08d", i) }

// BenchmarkPut is one put a transaction, as apply does it, commits included.
func BenchmarkPut(b *testing.B) {
	s := benchStore(b, 0, 0)
	value := make([]byte, 256)
	for i := range b.N {
		txn := s.Write()
		txn.Put(benchKey(i%100_000), value, 0)
		txn.SetConsistentIndex(uint64(i) + 1)
		txn.End()
	}
}

func BenchmarkGet(b *testing.B) {
	s := benchStore(b, 10_000, 256)
	for i := range b.N {
		if res, err := s.Range(interval.Point(benchKey(i%10_000)), RangeOptions{}); err != nil || len(res.KVs) != 1 {
			b.Fatal(err, res)
		}
	}
}

// BenchmarkGetFromBuffer reads what is not committed yet.
func BenchmarkGetFromBuffer(b *testing.B) {
	s := benchStore(b, 10_000, 256)
	txn := s.Write()
	for i := range 5_000 {
		txn.Put(benchKey(i), make([]byte, 256), 0)
	}
	txn.End()
	b.ResetTimer()
	for i := range b.N {
		if res, err := s.Range(interval.Point(benchKey(i%5_000)), RangeOptions{}); err != nil || len(res.KVs) != 1 {
			b.Fatal(err, res)
		}
	}
}

func BenchmarkRange10000x1KiB(b *testing.B) {
	s := benchStore(b, 10_000, 1024)
	for range b.N {
		if res, err := s.Range(interval.All(), RangeOptions{}); err != nil || len(res.KVs) != 10_000 {
			b.Fatal(err)
		}
	}
}

func BenchmarkCount10000(b *testing.B) {
	s := benchStore(b, 10_000, 16)
	for range b.N {
		if res, err := s.Range(interval.All(), RangeOptions{Count: true}); err != nil || res.Count != 10_000 {
			b.Fatal(err)
		}
	}
}

// BenchmarkRestore is opening a store of 100,000 keys.
func BenchmarkRestore(b *testing.B) {
	s := benchStore(b, 100_000, 256)
	for range b.N {
		again, err := Open(quiet, s.b, Config{})
		if err != nil || again.index.len() != 100_000 {
			b.Fatal(err)
		}
	}
}

// BenchmarkHashByRev hashes 10,000 keys of which all are below the compact revision.
func BenchmarkHashByRev(b *testing.B) {
	s := benchStore(b, 10_000, 256)
	done, err := s.Compact(s.Rev())
	require.NoError(b, err)
	<-done
	b.ResetTimer()
	for range b.N {
		if _, _, _, err := s.HashByRev(0); err != nil {
			b.Fatal(err)
		}
	}
}
