package raft

import (
	"fmt"
	"sync"
	"testing"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// keepShort drops the stored log now and then, as an application with snapshots does.
func keepShort(b *testing.B, s *MemoryStorage) {
	s.Lock()
	n, last := len(s.ents), s.lastIndex()
	s.Unlock()
	if n > 20_000 {
		if err := s.Compact(last - 5_000); err != nil {
			b.Fatal(err)
		}
	}
}

// One operation is one proposal on its way through Ready, Storage and Advance.
func BenchmarkRawNode(b *testing.B) {
	for _, batch := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("%d_in_a_Ready", batch), func(b *testing.B) {
			m := startMember(b)
			data := make([]byte, 256)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += batch {
				for range batch {
					if err := m.rn.Propose(data); err != nil {
						b.Fatal(err)
					}
				}
				rd := m.rn.Ready()
				_ = m.store.Append(rd.Entries)
				_ = m.store.SetHardState(rd.HardState)
				m.rn.Advance(rd)
				keepShort(b, m.store)
			}
		})
	}
}

// The same through the goroutine, from several proposers at once.
func BenchmarkNode(b *testing.B) {
	for _, proposers := range []int{1, 64} {
		b.Run(fmt.Sprintf("%d_proposers", proposers), func(b *testing.B) {
			storage := NewMemoryStorage()
			n := StartNode(testConfig(storage), []Peer{{ID: 1}})
			defer n.Stop()
			elected := make(chan struct{})
			go func() {
				for rd := range benchReadies(n) {
					if err := storage.Append(rd.Entries); err != nil {
						panic(err)
					}
					if rd.SoftState != nil && rd.SoftState.Lead == 1 {
						close(elected)
					}
					n.Advance()
					if rd.HardState.Term == 1 {
						_ = n.Campaign(b.Context())
					}
					keepShort(b, storage)
				}
			}()
			<-elected
			data := make([]byte, 256)
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for p := range proposers {
				wg.Go(func() {
					for i := p; i < b.N; i += proposers {
						if err := n.Propose(b.Context(), data); err != nil {
							panic(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// benchReadies yields Readies until the node ends.
func benchReadies(n Node) func(yield func(Ready) bool) {
	done := n.(*node).done
	return func(yield func(Ready) bool) {
		for {
			select {
			case rd := <-n.Ready():
				if !yield(rd) {
					return
				}
			case <-done:
				return
			}
		}
	}
}

func BenchmarkReadIndex(b *testing.B) {
	m := startMember(b)
	ctx := []byte("12345678")
	b.ReportAllocs()
	for range b.N {
		m.rn.ReadIndex(ctx)
		if len(m.rn.raft.readStates) == 64 {
			m.rn.Advance(m.rn.Ready())
		}
	}
}

func BenchmarkMemoryStorageAppend(b *testing.B) {
	s := NewMemoryStorage()
	es := make([]pb.Entry, 1)
	b.ReportAllocs()
	for i := range b.N {
		es[0] = pb.Entry{Index: uint64(i) + 1, Term: 1}
		_ = s.Append(es)
		keepShort(b, s)
	}
}
