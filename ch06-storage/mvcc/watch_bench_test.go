package mvcc

import (
	"fmt"
	"path/filepath"
	"testing"

	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"

	"github.com/stretchr/testify/require"
)

func benchWatched(b *testing.B) *WatchableStore {
	be, err := backend.Open(backend.Config{Path: filepath.Join(b.TempDir(), "db"), UnsafeNoFsync: true, Logger: quiet})
	require.NoError(b, err)
	s, err := OpenWatchable(quiet, be, Config{})
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.Close(); _ = be.Close() })
	return s
}

func benchWatch(b *testing.B, st WatchStream, iv interval.Interval, o WatchOptions) {
	_, err := st.Watch(iv, o)
	require.NoError(b, err)
}

// takeCount takes what is there and counts the events.
func takeCount(st WatchStream) (events int) {
	for _, r := range st.Take() {
		events += len(r.Events)
	}
	return events
}

// BenchmarkOnePrefix is 1,000 watchers of one prefix, on several streams: a put, and its
// delivery to all. The time of a delivery is reported too, that of the put itself taken
// off (see BenchmarkPutUnwatched).
func BenchmarkOnePrefix(b *testing.B) {
	const watchers = 1000
	for _, streams := range []int{1, 10, 100, 1000} {
		for _, prevKV := range []bool{false, true} {
			b.Run(fmt.Sprintf("streams=%d/prev_kv=%v", streams, prevKV), func(b *testing.B) {
				s := benchWatched(b)
				list := make([]WatchStream, streams)
				for i := range list {
					list[i] = s.NewWatchStream()
					defer list[i].Close()
					for range watchers / streams {
						benchWatch(b, list[i], interval.New([]byte("key"), []byte("kez")), WatchOptions{PrevKV: prevKV})
					}
				}
				value, n := make([]byte, 256), 0
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					txn := s.Write()
					txn.Put(benchKey(i%1000), value, 0)
					txn.End()
					for _, st := range list {
						n += takeCount(st)
					}
				}
				b.StopTimer()
				require.Equal(b, b.N*watchers, n)
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/delivery")
			})
		}
	}
}

// BenchmarkPutUnwatched is what a put costs when nobody watches.
func BenchmarkPutUnwatched(b *testing.B) {
	s := benchWatched(b)
	value := make([]byte, 256)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		txn := s.Write()
		txn.Put(benchKey(i%1000), value, 0)
		txn.End()
	}
}

// BenchmarkDifferentKeys is a put of a key that one of 10,000 watchers watches.
func BenchmarkDifferentKeys(b *testing.B) {
	const watchers = 10_000
	for _, shape := range []string{"keys", "prefixes"} {
		b.Run(shape, func(b *testing.B) {
			s := benchWatched(b)
			streams := make([]WatchStream, 100)
			for i := range streams {
				streams[i] = s.NewWatchStream()
				defer streams[i].Close()
			}
			for i := range watchers {
				iv := interval.Point(benchKey(i))
				if shape == "prefixes" {
					iv = interval.New(benchKey(i), append(benchKey(i), 0xff))
				}
				benchWatch(b, streams[i%100], iv, WatchOptions{})
			}
			value, n := make([]byte, 256), 0
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				txn := s.Write()
				txn.Put(benchKey(i%watchers), value, 0)
				txn.End()
				n += takeCount(streams[i%watchers%100])
			}
			require.Equal(b, b.N, n)
		})
	}
}

// BenchmarkCatchUp is watching 100,000 events of 256 bytes from the first revision on.
func BenchmarkCatchUp(b *testing.B) {
	const events = 100_000
	s := benchWatched(b)
	value := make([]byte, 256)
	for i := range events {
		txn := s.Write()
		txn.Put(benchKey(i%10_000), value, 0)
		txn.End()
	}
	s.Commit()
	for _, c := range []struct {
		name     string
		watchers int
		prevKV   bool
	}{{"1 watcher", 1, false}, {"1 watcher with prev_kv", 1, true}, {"100 watchers, a stream each", 100, false}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				all := make(chan int)
				for range c.watchers {
					st := s.NewWatchStream()
					benchWatch(b, st, interval.All(), WatchOptions{StartRev: 1, PrevKV: c.prevKV})
					go func() {
						n := 0
						for range st.Chan() {
							if n += takeCount(st); n == events {
								break
							}
						}
						st.Close()
						all <- n
					}()
				}
				for range c.watchers {
					<-all
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*c.watchers*events), "ns/delivery")
		})
	}
}
