package mvcc

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"insideetcd/ch06-storage/interval"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inBubble runs fn in virtual time with a store whose sync loop runs.
func inBubble(t *testing.T, fn func(t *testing.T, s *watched)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := startWatched(t, dir).running()
		defer s.stopAll()
		fn(t, s)
	})
}

// TestASlowReceiver takes something once a second while ten puts a second come. Its
// watcher goes from box to box; another stream never notices; and at the end the slow one
// has everything too.
func TestASlowReceiver(t *testing.T) {
	inBubble(t, func(t *testing.T, s *watched) {
		s.limits.far, s.limits.near = sliceLimit{bytes: 1000, deliveries: 100}, sliceLimit{bytes: 1000, deliveries: 100}
		slow, quick := s.stream().roomFor(3000), s.stream()
		id, quickID := slow.watch("k", "", WatchOptions{PrevKV: true}), quick.watch("k", "", WatchOptions{})
		wasVictim := false
		for i := range 300 {
			s.put("k", strings.Repeat("x", 500))
			synctest.Wait()
			wasVictim = wasVictim || slow.state(id) == victim
			require.Equal(t, synced, quick.state(quickID))
			require.Len(t, quick.take(), 1, "at once")
			require.LessOrEqual(t, slow.inside().box.bytes, 3000, "what a receiver does not take does not pile up")
			if i%10 == 9 {
				slow.take()
			}
			<-time.After(100 * time.Millisecond)
		}
		require.True(t, wasVictim)
		for slow.state(id) != synced {
			slow.take()
			synctest.Wait()
		}
		s.requireCounts(2, 0, 0)
		s.put("k", "the last")
		slow.take()
		quick.take()
		slow.requireGuarantees(true)
		quick.requireGuarantees(true)
	})
}

// TestAReceiverThatNeverTakes costs no more than its stream holds.
func TestAReceiverThatNeverTakes(t *testing.T) {
	inBubble(t, func(t *testing.T, s *watched) {
		stuck, other := s.stream().roomFor(10_000), s.stream()
		for range 100 {
			stuck.watch("k", "\x00", WatchOptions{StartRev: 1})
		}
		other.watch("k", "", WatchOptions{})
		for range 200 {
			s.put("k", strings.Repeat("x", 1000))
			synctest.Wait()
			require.Len(t, other.take(), 1)
		}
		require.LessOrEqual(t, stuck.inside().box.bytes, 10_000)
		s.requireCounts(1, 0, 100)
		require.Equal(t, 100, s.WatcherMoves().Victims, "each once: nobody tries again before there is room")
		s.requireHubInvariants(stuck, other)
		stuck.Close()
		s.requireCounts(1, 0, 0)
	})
}

// TestTheBellRings: a receiver that only waits for the bell misses nothing.
func TestTheBellRings(t *testing.T) {
	inBubble(t, func(t *testing.T, s *watched) {
		a := s.stream().roomFor(200)
		for range 5 {
			a.watch("k", "", WatchOptions{StartRev: 1})
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range a.Chan() {
				a.take()
				<-time.After(time.Millisecond)
			}
		}()
		for i := range 100 {
			s.put("k", fmt.Sprint(i))
			if i%7 == 0 {
				synctest.Wait()
			}
		}
		<-time.After(time.Hour)
		synctest.Wait()
		s.requireCounts(5, 0, 0)
		a.requireGuarantees(true)
		a.Close()
		<-done
	})
}

// TestProgressIsAnsweredWhenCaughtUp: asked for once, while the watcher lags.
func TestProgressIsAnsweredWhenCaughtUp(t *testing.T) {
	inBubble(t, func(t *testing.T, s *watched) {
		for range 10 {
			s.put("k", strings.Repeat("x", 100))
		}
		a := s.stream().roomFor(300)
		a.watch("k", "", WatchOptions{StartRev: 1})
		a.RequestProgressAll()
		answers := 0
		for range 20 {
			synctest.Wait()
			for _, r := range a.take() {
				if r.WatchID == int64(InvalidWatchID) {
					answers++
				}
			}
		}
		require.Equal(t, 1, answers)
		a.requireGuarantees(true)
	})
}

// TestPrevKVOfSyncedWatchersIsNeverMissing: also when it is compacted at once.
func TestPrevKVOfSyncedWatchersIsNeverMissing(t *testing.T) {
	s := newWatched(t)
	a := s.stream()
	a.watch("k", "", WatchOptions{PrevKV: true})
	for i := range 5 {
		rev := s.put("k", fmt.Sprint(i))
		s.compact(rev)
		got := a.take()
		require.Equal(t, i > 0, got[0].Events[0].PrevKv != nil, "at %d", rev)
	}
	s.del("k")
	require.Equal(t, "4", string(a.take()[0].Events[0].PrevKv.Value))
	late := a.watch("k", "", WatchOptions{PrevKV: true, StartRev: 6})
	s.syncAll()
	got := a.take()[0]
	require.EqualValues(t, late, got.WatchID)
	require.Nil(t, got.Events[0].PrevKv, "what was before the compact revision is gone")
	require.Equal(t, "4", string(got.Events[1].PrevKv.Value))
	a.requireGuarantees(true)
}

// TestDeleteAndPutInOneTransaction: both are told, and the put is a creation.
func TestDeleteAndPutInOneTransaction(t *testing.T) {
	s := newWatched(t)
	s.put("k", "1")
	a := s.stream()
	a.watch("k", "", WatchOptions{PrevKV: true})
	txn := s.Write()
	txn.DeleteRange(interval.All())
	txn.Put([]byte("k"), []byte("2"), 0)
	txn.End()
	events := a.take()[0].Events
	require.Len(t, events, 2)
	require.Equal(t, "1", string(events[0].PrevKv.Value))
	require.Nil(t, events[1].PrevKv)
	a.requireGuarantees(true)
}

// TestAWatcherCatchesUpWithAWriterThatNeverRests: the last slice is read while the writer
// waits, so it cannot outrun the sync loop.
func TestAWatcherCatchesUpWithAWriterThatNeverRests(t *testing.T) {
	s := newWatched(t).running()
	for range 5000 {
		s.put("k", "before")
	}
	var writer sync.WaitGroup
	stop := make(chan struct{})
	writer.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.put("k", "while")
			}
		}
	})
	a := s.stream()
	id := a.watch("k", "", WatchOptions{StartRev: 2})
	for a.state(id) != synced {
		<-a.Chan()
		a.take()
	}
	close(stop)
	writer.Wait()
	a.take()
	a.requireGuarantees(true)
}

// TestWhoIsAlmostThereIsServedAtOnce: that is why the writer cannot outrun the sync loop.
// Between the two halves of any other round the store may move on.
func TestWhoIsAlmostThereIsServedAtOnce(t *testing.T) {
	s := newWatched(t)
	for range int(s.limits.almostThere) + 5 {
		s.put("k", "v")
	}
	a := s.stream()
	far := a.watch("k", "", WatchOptions{StartRev: 2})
	crew, target, isServed := s.planRound()
	require.False(t, isServed)
	slice := s.store.Load().readSlice(crew, target, s.limits.far)
	s.put("k", "meanwhile")
	s.mu.Lock()
	s.hub.advance(crew, slice)
	s.mu.Unlock()
	require.Equal(t, unsynced, a.state(far))
	_, _, isServed = s.planRound()
	require.True(t, isServed)
	require.Equal(t, synced, a.state(far))
	a.take()
	a.requireGuarantees(true)
}

// TestASliceServesWhoItReaches: the crew's second is further than the slice.
func TestASliceServesWhoItReaches(t *testing.T) {
	s := newWatched(t)
	s.limits.far, s.limits.near = sliceLimit{bytes: 1}, sliceLimit{bytes: 1}
	for range 9 {
		s.put("k", "v") // 2 to 10
	}
	a := s.stream()
	behind, ahead := a.watch("k", "", WatchOptions{StartRev: 2}), a.watch("k", "", WatchOptions{StartRev: 9})
	s.syncRound()
	require.EqualValues(t, 3, a.inside().watchers[behind].minRev)
	require.EqualValues(t, 9, a.inside().watchers[ahead].minRev)
	a.settle()
	require.Equal(t, []int64{9, 10}, a.revisions(ahead))
	a.requireGuarantees(true)
}

// TestManyAtOnce: writers, watchers that come and go, receivers of all speeds, compaction
// and progress, all at the same time; for the race detector and the checker.
func TestManyAtOnce(t *testing.T) {
	s := newWatched(t).running()
	streams := []*audience{s.stream(), s.stream().roomFor(500), s.stream().roomFor(0), s.stream()}
	var busy sync.WaitGroup
	stop := make(chan struct{})
	for i, a := range streams {
		busy.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-a.Chan():
					a.take()
				default:
				}
				a.act(random)
			}
		})
	}
	random := rand.New(rand.NewPCG(99, 1))
	for i := range 2000 {
		txn := s.Write()
		for range 1 + random.IntN(3) {
			txn.Put(fmt.Appendf(nil, "k%d", random.IntN(50)), make([]byte, random.IntN(100)), 0)
			if random.IntN(5) == 0 {
				txn.DeleteRange(interval.New([]byte("k1"), []byte("k2")))
			}
		}
		txn.End()
		if i%500 == 499 {
			s.compact(s.Rev() - 100)
		}
	}
	close(stop)
	busy.Wait()
	for _, a := range streams {
		a.settle()
		a.requireGuarantees(true)
	}
	s.requireHubInvariants(streams...)
}

// act does one thing that a client may do.
func (a *audience) act(random *rand.Rand) {
	id := WatchID(1 + random.IntN(20))
	switch random.IntN(6) {
	case 0, 1:
		o := WatchOptions{ID: id, StartRev: max(1, a.Rev()+5-random.Int64N(30)), PrevKV: random.IntN(2) == 0}
		key, end := fmt.Sprintf("k%d", random.IntN(50)), [][]byte{nil, {0}, []byte("k9")}[random.IntN(3)]
		if iv := interval.New([]byte(key), end); !iv.IsEmpty() && !a.inUse(id) {
			a.watch(key, string(end), o)
		}
	case 2:
		if a.inUse(id) {
			a.cancel(id)
		}
	case 3:
		a.RequestProgress(id)
	case 4:
		a.RequestProgressAll()
	case 5:
		a.state(id)
	}
}

// inUse tells whether the ID cannot be chosen now.
func (a *audience) inUse(id WatchID) bool {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	return a.inside().watchers[id] != nil
}

// TestAPassNeverTurnsBack: those who lag least are served too, while others that lag most
// keep coming.
func TestAPassNeverTurnsBack(t *testing.T) {
	s := newWatched(t)
	s.limits = syncLimits{crew: 1, far: sliceLimit{bytes: 1}, near: sliceLimit{bytes: 1}}
	for range 20 {
		s.put("k", "v") // 2 to 21
	}
	a := s.stream()
	id := a.watch("k", "", WatchOptions{StartRev: 15})
	for rounds := 0; a.state(id) != synced; rounds++ {
		require.Less(t, rounds, 100, "the watcher from 15 starves")
		a.watch("k", "", WatchOptions{StartRev: 2})
		s.syncRound()
	}
	a.settle()
	a.requireGuarantees(true)
}

func TestOpenWatchableRefusesWhatOpenRefuses(t *testing.T) {
	s := newWatched(t)
	tx := s.b.BatchTx()
	tx.Lock()
	tx.UnsafePut(0, []byte("no revision"), nil)
	tx.Unlock()
	_, err := OpenWatchable(nil, s.b, Config{})
	require.ErrorContains(t, err, "no revision")
	require.Error(t, s.Restore(s.b))
	require.EqualValues(t, 1, s.Rev(), "what cannot be restored leaves the store as it was")
}

// TestHubRefusesAGap: a commit that does not follow the one before is a broken invariant.
func TestHubRefusesAGap(t *testing.T) {
	h := newWatchHub(5)
	require.PanicsWithValue(t, "mvcc: commit of revision 7 reaches the watchers after revision 5 (invariant 2)",
		func() { h.commit(7, nil, nil) })
}

// TestGroupAgainstAList does the same to a group and to a list of watchers.
func TestGroupAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, list := newWatcherGroup(), []*watcher{}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				w := &watcher{iv: drawInterval.Filter(func(iv interval.Interval) bool { return !iv.IsEmpty() }).Draw(t, "interval")}
				g.add(w)
				list = append(list, w)
			},
			"remove": func(t *rapid.T) {
				if len(list) == 0 {
					t.Skip("nobody is there")
				}
				i := rapid.IntRange(0, len(list)-1).Draw(t, "which")
				g.remove(list[i])
				list = append(list[:i], list[i+1:]...)
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(list), g.size)
				require.ElementsMatch(t, list, g.all())
				key := []byte(drawKey.Draw(t, "key"))
				want, got := []*watcher{}, []*watcher{}
				for _, w := range list {
					if w.iv.Contains(key) {
						want = append(want, w)
					}
				}
				for _, set := range g.appendSets(nil, key) {
					require.NotEmpty(t, set.list)
					got = append(got, set.list...)
				}
				require.ElementsMatch(t, want, got)
			},
		})
		for _, w := range list {
			g.remove(w)
		}
		require.Empty(t, g.keyWatchers)
		require.Zero(t, g.ranges.Len())
	})
}

// TestWatchableStoreIsAStore: the methods of KV reach the store beneath.
func TestWatchableStoreIsAStore(t *testing.T) {
	s := newWatched(t)
	require.EqualValues(t, 2, s.put("k", "1"))
	txn := s.Read()
	require.EqualValues(t, 2, txn.Rev())
	txn.End()
	s.SetConsistentIndex(7)
	s.WatchableStore.Commit()
	require.EqualValues(t, 7, s.ConsistentIndex())
	hash, rev, compactRev, err := s.HashByRev(0)
	require.NoError(t, err)
	require.Equal(t, []int64{2, -1}, []int64{rev, compactRev})
	require.NotZero(t, hash)
	_, _, err = s.Hash()
	require.NoError(t, err)
	require.Len(t, s.Generations([]byte("k")), 1)
	_, err = s.Compact(9)
	require.True(t, errors.Is(err, ErrFutureRev))
	require.EqualValues(t, -1, s.FirstRev())
}
