package mvcc

import (
	"math"
	"strings"
	"testing"

	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/interval"

	"github.com/stretchr/testify/require"
)

// Each test here is named after a row of the list of faults that etcd has had. The sync
// loop makes its rounds when a test says so.

// TestRegression_W1_ProgressStandsBehindTheEventsItSpeaksOf asks for progress when events
// have not found room, in both ways.
func TestRegression_W1_ProgressStandsBehindTheEventsItSpeaksOf(t *testing.T) {
	s := newWatched(t)
	a := s.stream().roomFor(60)
	slow, other := a.watch("k", "", WatchOptions{}), a.watch("x", "", WatchOptions{})
	s.put("k", strings.Repeat("1", 100)) // revision 2 fills the stream,
	s.put("k", "2")                      // revision 3 finds no room
	require.Equal(t, victim, a.state(slow))

	a.RequestProgress(slow)
	a.RequestProgressAll()
	require.Len(t, a.take(), 1, "no progress while an event is missing")
	require.Equal(t, unsynced, a.state(slow))
	a.RequestProgress(slow)
	require.Empty(t, a.take())
	a.roomFor(outboxBytes)
	s.syncAll()
	got := a.take()
	require.Len(t, got, 2)
	require.EqualValues(t, 3, got[0].Events[0].Kv.ModRevision)
	require.EqualValues(t, InvalidWatchID, got[1].WatchID, "the question for all is answered as soon as it is true")
	require.EqualValues(t, 3, got[1].Revision)

	s.put("k", "3")
	a.RequestProgress(slow)
	a.RequestProgress(other)
	a.RequestProgressAll()
	got = a.take()
	require.Len(t, got, 4)
	require.NotEmpty(t, got[0].Events)
	for _, progress := range got[1:] {
		require.Empty(t, progress.Events)
		require.EqualValues(t, 4, progress.Revision)
	}
	a.requireGuarantees(true)
}

// TestRegression_W1_ProgressDoesNotSpeakForALaterWatcher: progress for the whole stream
// that waits to be taken would tell the newcomer's client that it has seen everything.
func TestRegression_W1_ProgressDoesNotSpeakForALaterWatcher(t *testing.T) {
	s := newWatched(t)
	s.put("k", "1")
	a := s.stream()
	a.watch("x", "", WatchOptions{})
	a.RequestProgressAll()
	late := a.watch("k", "", WatchOptions{StartRev: 2})
	require.Empty(t, a.take())
	s.syncAll()
	got := a.take()
	require.Len(t, got, 2)
	require.EqualValues(t, late, got[0].WatchID)
	require.EqualValues(t, InvalidWatchID, got[1].WatchID)
	a.requireGuarantees(true)
}

// TestRegression_W2_RestoreSendsNothingAgain: whoever was synced goes on where it was.
func TestRegression_W2_RestoreSendsNothingAgain(t *testing.T) {
	s := newWatched(t)
	a := s.stream()
	busy, idle := a.watch("k", "", WatchOptions{}), a.watch("x", "", WatchOptions{})
	s.put("k", "1")
	s.put("k", "2")
	a.take()
	s.restoreFrom(func(leader KV) {
		putTo(leader, "k", "3")
		putTo(leader, "x", "3")
	})
	s.requireCounts(0, 2, 0)
	a.settle()
	s.put("k", "4")
	a.take()
	require.Equal(t, []int64{2, 3, 4, 6}, a.revisions(busy))
	require.Equal(t, []int64{5}, a.revisions(idle))
	a.requireGuarantees(true)
}

// TestRegression_W3_AFutureStartIsNeverLowered sends a watch from revision 7 through
// everything that moves watchers around.
func TestRegression_W3_AFutureStartIsNeverLowered(t *testing.T) {
	s := newWatched(t)
	a := s.stream()
	future := a.watch("k", "\x00", WatchOptions{StartRev: 7})
	all := a.watch("k", "\x00", WatchOptions{})
	s.put("k", "2")
	a.RequestProgress(future)
	a.RequestProgressAll()
	require.Len(t, a.take(), 1, "progress below its start would make the client begin there")
	s.restoreFrom(func(leader KV) { putTo(leader, "k", "3") })
	a.settle()
	s.restoreFrom(func(KV) {})
	a.settle()
	a.roomFor(0)
	for range 4 {
		s.put("k", strings.Repeat("x", 100)) // 4 to 7
	}
	a.settle()
	a.roomFor(outboxBytes)
	s.put("k", "8")
	a.settle()
	require.Equal(t, []int64{7, 8}, a.revisions(future))
	require.Equal(t, []int64{2, 3, 4, 5, 6, 7, 8}, a.revisions(all))
	a.RequestProgressAll()
	require.Len(t, a.take(), 1, "now it is no future any more")
	a.requireGuarantees(true)
}

// TestRegression_W4_ACompactedWatcherIsAlwaysTold: there is no room for the message that
// ends it, for a long time, while the store goes on.
func TestRegression_W4_ACompactedWatcherIsAlwaysTold(t *testing.T) {
	s := newWatched(t)
	a := s.stream().roomFor(0)
	slow := a.watch("k", "", WatchOptions{})
	s.put("k", "2")
	s.put("k", "3")
	late := a.watch("k", "", WatchOptions{StartRev: 2})
	s.compact(s.put("k", "4"))
	for range 3 {
		s.syncAll()
		s.put("k", "more")
	}
	require.Equal(t, []watchState{victim, victim}, []watchState{a.state(slow), a.state(late)})
	for range 3 {
		a.take()
		s.syncAll()
	}
	require.Equal(t, []int64{2, -4}, a.revisions(slow))
	require.Equal(t, []int64{-4}, a.revisions(late))
	s.requireCounts(0, 0, 0)
	a.requireGuarantees(true)
	require.ErrorIs(t, a.Cancel(slow), ErrWatcherNotExist, "its end has been taken")
}

// TestRegression_W4_TheIDOfAnEndedWatcherStaysInUse until its receiver knows: or the end
// would be taken for that of the next watcher.
func TestRegression_W4_TheIDOfAnEndedWatcherStaysInUse(t *testing.T) {
	s := newWatched(t)
	s.put("k", "2")
	s.compact(s.put("k", "3"))
	a := s.stream()
	id := a.watch("k", "", WatchOptions{ID: 7, StartRev: 1})
	s.syncAll()
	s.requireCounts(0, 0, 0)
	_, err := a.Watch(interval.All(), WatchOptions{ID: id})
	require.ErrorIs(t, err, ErrWatcherDuplicateID)
	a.take()
	require.Equal(t, []int64{-3}, a.revisions(id))
	a.watch("k", "", WatchOptions{ID: id, StartRev: 1})
	s.syncAll()
	a.cancel(id)
	require.Empty(t, a.take(), "a canceled watcher has no end besides")
	a.requireGuarantees(true)
}

// TestRegression_W5_RestoreWithWatchersInEveryState: synced, unsynced, victim, waiting for
// the future near and far, and needing what the snapshot has compacted.
func TestRegression_W5_RestoreWithWatchersInEveryState(t *testing.T) {
	s := newWatched(t)
	for range 4 {
		s.put("k", strings.Repeat("x", 100)) // 2 to 5
	}
	a, narrow := s.stream(), s.stream().roomFor(0)
	inSync, near, far := a.watch("k", "", WatchOptions{}), a.watch("k", "", WatchOptions{StartRev: 8}), a.watch("k", "", WatchOptions{StartRev: 1000})
	slow := narrow.watch("k", "", WatchOptions{})
	s.put("k", "6")
	s.put("k", "7")
	a.take()
	lagging, compacted := a.watch("k", "", WatchOptions{StartRev: 7}), a.watch("k", "", WatchOptions{StartRev: 3})
	require.Equal(t, []watchState{synced, synced, synced, victim, unsynced, unsynced},
		[]watchState{a.state(inSync), a.state(near), a.state(far), narrow.state(slow), a.state(lagging), a.state(compacted)})

	s.restoreFrom(func(leader KV) {
		putTo(leader, "k", "8")
		putTo(leader, "k", "9")
		done, err := leader.Compact(7)
		require.NoError(t, err)
		<-done
		s.history.Compacted(7)
	})
	s.requireHubInvariants(a, narrow)
	a.settle()
	narrow.settle()
	s.put("k", "10")
	a.settle()
	narrow.settle()
	require.Equal(t, []int64{6, 7, 8, 9, 10}, a.revisions(inSync))
	require.Equal(t, []int64{8, 9, 10}, a.revisions(near))
	require.Empty(t, a.revisions(far))
	require.Equal(t, []int64{6, 7, 8, 9, 10}, narrow.revisions(slow))
	require.Equal(t, []int64{7, 8, 9, 10}, a.revisions(lagging))
	require.Equal(t, []int64{-7}, a.revisions(compacted))
	a.requireGuarantees(true)
	narrow.requireGuarantees(true)
}

// TestRegression_W5_RestoreOfAnOlderStore does not happen to a member that keeps its log;
// should it, nobody is sent a revision twice, and nothing panics.
func TestRegression_W5_RestoreOfAnOlderStore(t *testing.T) {
	s := newWatched(t)
	s.put("k", "2")
	s.Commit()
	older := openBackend(t, copyFile(t, s.path))
	s.put("k", "3")
	a := s.stream()
	id := a.watch("k", "", WatchOptions{})
	lagging := a.watch("k", "", WatchOptions{StartRev: 3})
	old := s.b
	require.NoError(t, s.Restore(older))
	require.NoError(t, old.Close())
	s.b = older
	a.settle()
	require.EqualValues(t, 2, a.Rev())
	require.Equal(t, []watchState{synced, synced}, []watchState{a.state(id), a.state(lagging)})
}

// TestRegression_W6_NoEventComesTwice: reads and transactions without changes between the
// puts, watchers that share intervals and streams, lagging and not.
func TestRegression_W6_NoEventComesTwice(t *testing.T) {
	s := newWatched(t)
	streams := []*audience{s.stream(), s.stream().roomFor(0)}
	for _, a := range streams {
		a.watch("k", "", WatchOptions{})
		a.watch("k", "", WatchOptions{PrevKV: true})
		a.watch("a", "\x00", WatchOptions{})
		a.watch("a", "z", WatchOptions{StartRev: 1})
	}
	for range 5 {
		s.put("k", "v")
		s.Write().End()
		txn := s.Write()
		txn.DeleteRange(interval.Point([]byte("nothing")))
		txn.End()
		_, err := s.Range(interval.All(), RangeOptions{})
		require.NoError(t, err)
		streams[1].take()
		s.syncRound()
	}
	for _, a := range streams {
		a.settle()
		a.requireGuarantees(true)
		for _, w := range a.watches {
			require.Equal(t, []int64{2, 3, 4, 5, 6}, a.revisions(WatchID(w.ID)))
		}
	}
}

// TestRegression_W7_EdgeNumbers begins at every revision that could be special.
func TestRegression_W7_EdgeNumbers(t *testing.T) {
	before := []int64{watchStreamTotal.Load(), watcherTotal.Load(), slowWatcherTotal.Load(), pendingEvents.Load()}
	s := newWatched(t)
	for range 4 {
		s.put("k", "v") // 2 to 5
	}
	s.compact(3)
	a := s.stream()
	for _, start := range []int64{-1, math.MinInt64} {
		id, err := a.Watch(interval.All(), WatchOptions{StartRev: start})
		require.ErrorIs(t, err, ErrCompacted, "start at %d", start)
		require.Equal(t, InvalidWatchID, id)
	}
	for _, c := range []struct {
		name  string
		start int64
		want  []int64
	}{
		{"now", 0, []int64{6}},
		{"before all history", 1, []int64{-3}},
		{"just compacted", 2, []int64{-3}},
		{"the compact revision", 3, []int64{3, 4, 5, 6}},
		{"the current revision", 5, []int64{5, 6}},
		{"the next", 6, []int64{6}},
		{"after the next", 7, []int64{}},
		{"the end of time", math.MaxInt64, []int64{}},
	} {
		id := a.watch("k", "", WatchOptions{StartRev: c.start})
		defer func() { require.Equal(t, c.want, a.revisions(id), c.name) }()
	}
	s.syncAll()
	s.put("k", "v")
	a.settle()
	a.requireGuarantees(true)
	a.Close()
	a.Close()
	require.Equal(t, before, []int64{watchStreamTotal.Load(), watcherTotal.Load(), slowWatcherTotal.Load(), pendingEvents.Load()})
}

// TestRegression_W7_IDs: 0 is an ID like any other, as an answer; chosen ones may be
// anything that is free.
func TestRegression_W7_IDs(t *testing.T) {
	s := newWatched(t)
	a := s.stream()
	require.EqualValues(t, 0, a.watch("k", "", WatchOptions{}))
	require.EqualValues(t, 2, a.watch("k", "", WatchOptions{ID: 2}))
	require.EqualValues(t, math.MinInt64, a.watch("k", "", WatchOptions{ID: math.MinInt64}))
	_, err := a.Watch(interval.All(), WatchOptions{ID: 2})
	require.EqualError(t, err, "mvcc: duplicate watch ID provided on the WatchStream")
	_, err = a.Watch(interval.New([]byte("b"), []byte("a")), WatchOptions{})
	require.EqualError(t, err, "mvcc: watcher range is empty")
	require.EqualValues(t, 1, a.watch("k", "", WatchOptions{}))
	require.EqualValues(t, 3, a.watch("k", "", WatchOptions{}), "2 is in use")
	a.cancel(0)
	require.ErrorIs(t, a.Cancel(0), ErrWatcherNotExist)
	require.ErrorIs(t, a.Cancel(99), ErrWatcherNotExist)
	require.EqualValues(t, 4, a.watch("k", "", WatchOptions{}), "0 is not chosen again")
	s.put("k", "v")
	require.Len(t, a.take(), 5)
	a.RequestProgress(0) // canceled: nothing
	a.RequestProgress(99)
	require.Empty(t, a.take())
	a.Close()
	_, err = a.Watch(interval.All(), WatchOptions{})
	require.ErrorIs(t, err, ErrWatchStreamClosed)
	require.ErrorIs(t, a.Cancel(1), ErrWatcherNotExist)
	a.RequestProgress(1)
	a.RequestProgressAll()
	require.Nil(t, a.Take())
}

// TestRegression_W7_AnIdleWatchGetsProgress: one that never had an event, from now on or
// from the past.
func TestRegression_W7_AnIdleWatchGetsProgress(t *testing.T) {
	s := newWatched(t)
	s.put("k", "1")
	a := s.stream()
	now, past := a.watch("idle", "", WatchOptions{}), a.watch("idle", "", WatchOptions{StartRev: 1})
	s.syncAll()
	for _, rev := range []int64{2, 3} {
		for _, id := range []WatchID{now, past} {
			a.RequestProgress(id)
			got := a.take()
			require.Len(t, got, 1)
			require.Equal(t, rev, got[0].Revision)
		}
		s.put("k", "2")
	}
	a.requireGuarantees(true)
}

// TestRegression_W7_CanceledMeansSilence: nothing that was on the stream comes after.
func TestRegression_W7_CanceledMeansSilence(t *testing.T) {
	s := newWatched(t)
	a := s.stream()
	id, other := a.watch("k", "", WatchOptions{}), a.watch("k", "", WatchOptions{})
	s.put("k", "2")
	a.cancel(id)
	again := a.watch("k", "", WatchOptions{ID: WatchID(9)})
	s.put("k", "3")
	a.take()
	require.Empty(t, a.revisions(id))
	require.Equal(t, []int64{2, 3}, a.revisions(other))
	require.Equal(t, []int64{3}, a.revisions(again))
	a.requireGuarantees(true)
}

// TestRegression_W8_ATransactionIsNeverDivided: however large it is, live and from
// history, through limits that it exceeds many times. What joins fragments gets revisions
// whole if each response holds them whole.
func TestRegression_W8_ATransactionIsNeverDivided(t *testing.T) {
	s := newWatched(t)
	s.limits.far, s.limits.near = sliceLimit{bytes: 100, deliveries: 3}, sliceLimit{bytes: 100, deliveries: 3}
	a, narrow := s.stream(), s.stream().roomFor(100)
	for _, each := range []*audience{a, narrow} {
		each.watch("k", "\x00", WatchOptions{PrevKV: true})
		each.watch("k3", "", WatchOptions{})
		each.watch("k", "\x00", WatchOptions{StartRev: 1, NoDelete: true})
	}
	for range 6 {
		txn := s.Write()
		txn.DeleteRange(interval.New([]byte("k5"), []byte{0}))
		for i := range 10 {
			txn.Put([]byte{'k', '0' + byte(i)}, make([]byte, 50), 0)
		}
		txn.End()
		s.syncRound()
	}
	late := a.watch("k", "\x00", WatchOptions{StartRev: 1})
	a.settle()
	narrow.settle()
	a.requireGuarantees(true)
	narrow.requireGuarantees(true)
	perResponse := map[int]int{}
	for _, r := range a.taken {
		if r.WatchID == int64(late) {
			perResponse[len(r.Events)]++
		}
	}
	require.Equal(t, map[int]int{10: 1, 15: 5}, perResponse, "each of six transactions is a slice by itself")
}

// TestWatchersShareTheBytesOfAnEvent: one event for all, in whatever state they are; with
// prev_kv a second one.
func TestWatchersShareTheBytesOfAnEvent(t *testing.T) {
	s := newWatched(t)
	s.put("k", "1")
	live, late := s.stream(), s.stream()
	for i := range 4 {
		live.watch("k", "", WatchOptions{PrevKV: i%2 == 1})
	}
	s.put("k", "2")
	for i := range 4 {
		late.watch("a", "z", WatchOptions{StartRev: 3, PrevKV: i%2 == 1})
	}
	s.syncAll()
	for _, a := range []*audience{live, late} {
		got := a.Take()
		require.Len(t, got, 4)
		require.Same(t, &got[0].Events[0][0], &got[2].Events[0][0])
		require.Same(t, &got[1].Events[0][0], &got[3].Events[0][0])
		require.Nil(t, got[0].Events[0].PrevKV())
		require.Equal(t, "1", string(got[1].Events[0].PrevKV().Value()))
	}
	res, err := s.Range(interval.Point([]byte("k")), RangeOptions{})
	require.NoError(t, err)
	require.Equal(t, mvccpb.RawKeyValue(res.KVs[0]), late.s.lastRecord(), "and they are the stored bytes")
}

// lastRecord is the key-value of the newest event, as the store has written it.
func (s *watched) lastRecord() mvccpb.RawKeyValue {
	a := s.stream()
	a.watch("k", "", WatchOptions{StartRev: s.Rev()})
	s.syncAll()
	return a.Take()[0].Events[0].KV()
}
