package wal

import (
	"fmt"
	"testing"

	"insideetcd/ch03-etcdraft/raftpb"
)

// BenchmarkSave saves n entries of 300 bytes and a state per call. bytes/s counts entry data;
// with the sync it measures the disk, without it what this package costs.
func BenchmarkSave(b *testing.B) {
	for _, noFsync := range []bool{false, true} {
		for _, n := range []int{1, 10, 100, 1000} {
			b.Run(fmt.Sprintf("fsync=%t/entries=%d", !noFsync, n), func(b *testing.B) { benchmarkSave(b, n, noFsync) })
		}
	}
}

func benchmarkSave(b *testing.B, n int, noFsync bool) {
	w := newLog(b, DefaultSegmentBytes)
	if noFsync {
		w.SetUnsafeNoFsync()
	}
	ents := make([]raftpb.Entry, n)
	for i := range ents {
		ents[i] = bigEntry(uint64(i+1), 1, 300)
	}
	st := state(1, 1, 0)
	b.SetBytes(int64(300 * n))
	b.ReportAllocs()
	for b.Loop() {
		for i := range ents {
			ents[i].Index += uint64(n)
		}
		st.Commit = ents[n-1].Index
		if err := w.Save(st, ents); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/entry")
}

// BenchmarkReadAll reads a log of 100,000 entries of 300 bytes.
func BenchmarkReadAll(b *testing.B) {
	const n = 100_000
	w := newLog(b, DefaultSegmentBytes)
	w.SetUnsafeNoFsync()
	for i := uint64(1); i <= n; i++ {
		if err := w.Save(state(1, 1, i), []raftpb.Entry{bigEntry(i, 1, 300)}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(300 * n)
	b.ReportAllocs()
	for b.Loop() {
		c, err := peek(w.dir)
		if err != nil || len(c.ents) != n {
			b.Fatal(len(c.ents), err)
		}
	}
}
