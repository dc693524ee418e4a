package mvcc

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"
	"insideetcd/ch06-storage/watchcheck"

	"github.com/stretchr/testify/require"
)

// watched is a store that can be watched, with its own record of all that happened. Its
// sync loop makes a round when the test says so, unless the test has started it.
type watched struct {
	t require.TestingT
	*WatchableStore
	b       backend.Backend
	path    string
	history *watchcheck.History
}

func openBackend(t require.TestingT, path string) backend.Backend {
	b, err := backend.Open(backend.Config{Path: path, BatchInterval: 1000 * time.Hour, UnsafeNoFsync: true, Logger: quiet})
	require.NoError(t, err)
	return b
}

func startWatched(t require.TestingT, dir string) *watched {
	path := filepath.Join(dir, "db")
	s := &watched{t: t, path: path, b: openBackend(t, path), history: watchcheck.NewHistory()}
	var err error
	s.WatchableStore, err = openWatchable(quiet, s.b, Config{OnCommit: s.record, CompactionBatchLimit: 3, CompactionSleepInterval: time.Nanosecond})
	require.NoError(t, err)
	return s
}

func newWatched(t *testing.T) *watched {
	s := startWatched(t, t.TempDir())
	t.Cleanup(s.stopAll)
	return s
}

// running starts the sync loop.
func (s *watched) running() *watched {
	s.done.Go(s.syncLoop)
	return s
}

func (s *watched) stopAll() {
	require.NoError(s.t, s.Close())
	require.NoError(s.t, s.b.Close())
}

func (s *watched) record(_ int64, changes []Change) {
	events := make([]*mvccpb.Event, len(changes))
	for i, c := range changes {
		var err error
		events[i], err = c.Event.Decode()
		require.NoError(s.t, err)
	}
	require.NoError(s.t, s.history.Add(events...))
}

func (s *watched) put(key, value string) int64 { return putTo(s, key, value) }

func putTo(kv KV, key, value string) int64 {
	txn := kv.Write()
	defer txn.End()
	return txn.Put([]byte(key), []byte(value), 0)
}

func (s *watched) del(key string) int64 {
	txn := s.Write()
	defer txn.End()
	_, rev := txn.DeleteRange(interval.Point([]byte(key)))
	return rev
}

func (s *watched) compact(rev int64) {
	done, err := s.Compact(rev)
	require.NoError(s.t, err)
	s.history.Compacted(rev)
	<-done
}

// syncAll does what the sync loop does until it sleeps.
func (s *watched) syncAll() {
	for s.syncRound() {
	}
}

// restoreFrom goes on with a copy of the file on which change was called.
func (s *watched) restoreFrom(change func(KV)) {
	s.WatchableStore.Commit()
	path := copyFile(s.t, s.path)
	b := openBackend(s.t, path)
	leader, err := Open(quiet, b, Config{OnCommit: s.record, CompactionSleepInterval: time.Nanosecond})
	require.NoError(s.t, err)
	change(leader)
	require.NoError(s.t, leader.Close())
	old := s.b
	s.b, s.path = b, path
	require.NoError(s.t, s.Restore(b))
	require.NoError(s.t, old.Close())
}

// audience is one stream with a record of everything that was taken from it.
type audience struct {
	s *watched
	WatchStream
	taken   []watchcheck.Response
	watches []*recordedWatch
}

// recordedWatch is a watch and the part of the stream's record that may speak of it.
type recordedWatch struct {
	watchcheck.Watch
	from, to int // to is -1 as long as it is not over
}

func (s *watched) stream() *audience { return &audience{s: s, WatchStream: s.NewWatchStream()} }

// roomFor makes the stream small.
func (a *audience) roomFor(bytes int) *audience {
	a.inside().box.limit = bytes
	return a
}

func (a *audience) inside() *watchStream { return a.WatchStream.(*watchStream) }

// watch begins to watch [key, end), or key alone if end is empty.
func (a *audience) watch(key, end string, o WatchOptions) WatchID {
	id, err := a.Watch(interval.New([]byte(key), []byte(end)), o)
	require.NoError(a.s.t, err)
	w := &recordedWatch{from: len(a.taken), to: -1, Watch: watchcheck.Watch{
		ID: int64(id), Key: []byte(key), RangeEnd: []byte(end), StartRev: o.StartRev,
		PrevKV: o.PrevKV, NoPut: o.NoPut, NoDelete: o.NoDelete,
	}}
	if o.StartRev == 0 {
		w.StartRev = a.Rev() + 1
	}
	a.watches = append(a.watches, w)
	return id
}

func (a *audience) cancel(id WatchID) {
	require.NoError(a.s.t, a.Cancel(id))
	a.over(id)
}

// over: what comes from now on speaks of another watch.
func (a *audience) over(id WatchID) {
	for _, w := range a.watches {
		if w.ID == int64(id) && w.to < 0 {
			w.to = len(a.taken)
		}
	}
}

// take takes and records what is on the stream.
func (a *audience) take() []watchcheck.Response {
	before := len(a.taken)
	for _, r := range a.Take() {
		events, err := DecodeEvents(r.Events)
		require.NoError(a.s.t, err)
		a.taken = append(a.taken, watchcheck.Response{
			WatchID: int64(r.WatchID), Revision: r.Revision, CompactRevision: r.CompactRevision, Events: events,
		})
		if r.CompactRevision != 0 {
			a.over(r.WatchID)
		}
	}
	return a.taken[before:]
}

// settle takes until nothing comes any more and nobody lags.
func (a *audience) settle() {
	for {
		a.s.syncAll()
		if len(a.take()) == 0 && a.inside().slow == 0 {
			return
		}
	}
}

// requireGuarantees lets the checker judge every watch that the stream has carried. If
// everything was taken, those that are open must have got everything.
func (a *audience) requireGuarantees(isSettled bool) {
	for _, w := range a.watches {
		judged, part := w.Watch, a.taken[w.from:]
		if w.to >= 0 {
			part = a.taken[w.from:w.to]
		} else if isSettled {
			judged.Through = a.s.Rev()
		}
		require.Empty(a.s.t, watchcheck.Check(a.s.history, judged, part), "watch %+v\nstream %v", judged, part)
	}
}

// revisions lists the mod revisions of the events that the watch was sent, a compaction
// as its negative revision, and progress as nothing.
func (a *audience) revisions(id WatchID) []int64 {
	list := []int64{}
	for _, r := range a.taken {
		if r.WatchID != int64(id) {
			continue
		}
		for _, e := range r.Events {
			list = append(list, e.Kv.ModRevision)
		}
		if r.CompactRevision != 0 {
			list = append(list, -r.CompactRevision)
		}
	}
	return list
}

// state is where the hub has the watcher.
func (a *audience) state(id WatchID) watchState {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	if w := a.inside().watchers[id]; w != nil {
		return w.state
	}
	return gone
}

func (s *watched) requireCounts(syncedN, unsyncedN, victimsN int) {
	require.Equal(s.t, WatcherCounts{syncedN, unsyncedN, victimsN}, s.Watchers())
}

// requireHubInvariants checks what watchHub and watcher promise of their own structure.
func (s *watched) requireHubInvariants(streams ...*audience) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, counts := s.hub, map[watchState]int{}
	require.Equal(s.t, s.store.Load().Rev(), h.rev, "hub invariant 2")
	for _, a := range streams {
		st, slow := a.inside(), 0
		for id, w := range st.watchers {
			require.Equal(s.t, id, w.id)
			require.True(s.t, w.batch.isEmpty())
			counts[w.state]++
			switch w.state {
			case synced:
				require.Same(s.t, w, h.synced.setOf(w.iv).list[w.place])
			case unsynced:
				_, found := h.unsynced.Get(w)
				require.True(s.t, found)
				require.LessOrEqual(s.t, w.minRev, h.rev)
				slow++
			case victim:
				require.Same(s.t, w, st.victims[w.place])
				require.True(s.t, st.box.news, "outbox invariant 3: nobody would come back to the victim")
				slow++
			case gone:
				isEnd := func(r WatchResponse) bool { return r.WatchID == id && r.CompactRevision != 0 }
				require.True(s.t, slices.ContainsFunc(st.box.waiting, isEnd), "hub invariant 3")
			}
		}
		require.Equal(s.t, slow, st.slow, "hub invariant 3")
		require.False(s.t, st.held)
		if n := len(st.box.waiting); n > 1 {
			require.LessOrEqual(s.t, st.box.bytes, st.box.limit, "outbox invariant 2")
		}
	}
	require.Equal(s.t, []int{counts[synced], counts[unsynced], counts[victim]}, []int{h.synced.size, h.unsynced.Len(), h.victims}, "hub invariant 1")
	require.Empty(s.t, h.matched)
	require.Empty(s.t, slices.DeleteFunc(slices.Clone(h.held), func(st *watchStream) bool { return st == nil }))
}
