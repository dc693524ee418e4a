package mvcc

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// watchHistory draws operations on a store, its streams and watchers. Nothing runs by
// itself: the rounds of the sync loop are drawn too, so a seed is a whole history.
type watchHistory struct {
	*watched
	streams []*audience
}

// Txn makes up to four changes.
func (h *watchHistory) Txn(t *rapid.T) { drawTxn(t, h.WatchableStore) }

func drawTxn(t *rapid.T, kv KV) {
	txn := kv.Write()
	defer txn.End()
	changed := map[string]bool{}
	for range rapid.IntRange(1, 4).Draw(t, "operations") {
		if rapid.IntRange(0, 2).Draw(t, "operation") == 0 {
			txn.DeleteRange(drawInterval.Draw(t, "interval"))
			continue
		}
		key := drawKey.Draw(t, "key")
		if !changed[key] { // a request that puts a key twice is refused
			changed[key] = true
			txn.Put([]byte(key), []byte(rapid.StringN(0, 20, -1).Draw(t, "value")), 0)
		}
	}
}

func (h *watchHistory) stream(t *rapid.T) *audience {
	return h.streams[rapid.IntRange(0, len(h.streams)-1).Draw(t, "stream")]
}

// Watch begins anywhere: now, in the past, compacted or not, in the future.
func (h *watchHistory) Watch(t *rapid.T) {
	a := h.stream(t)
	key, end := drawKey.Draw(t, "key"), ""
	switch rapid.IntRange(0, 3).Draw(t, "shape") {
	case 0:
		end = "\x00"
	case 1:
		end = key + "~"
	}
	o := WatchOptions{StartRev: rapid.Int64Range(0, h.Rev()+3).Draw(t, "start")}
	if id := WatchID(rapid.Int64Range(0, 9).Draw(t, "id")); a.inside().watchers[id] == nil {
		o.ID = id
	}
	o.PrevKV = rapid.Bool().Draw(t, "prev_kv")
	o.NoPut = rapid.IntRange(0, 4).Draw(t, "no put") == 0
	o.NoDelete = rapid.IntRange(0, 4).Draw(t, "no delete") == 0
	a.watch(key, end, o)
}

func (h *watchHistory) Cancel(t *rapid.T) {
	a := h.stream(t)
	id := WatchID(rapid.Int64Range(0, 12).Draw(t, "id"))
	if a.inside().watchers[id] != nil {
		a.cancel(id)
		return
	}
	require.ErrorIs(t, a.Cancel(id), ErrWatcherNotExist)
}

func (h *watchHistory) Take(t *rapid.T) { h.stream(t).take() }

func (h *watchHistory) Sync(*rapid.T) { h.syncRound() }

func (h *watchHistory) Progress(t *rapid.T) {
	a := h.stream(t)
	if rapid.Bool().Draw(t, "of all") {
		a.RequestProgressAll()
	} else {
		a.RequestProgress(WatchID(rapid.Int64Range(0, 9).Draw(t, "id")))
	}
}

func (h *watchHistory) Compact(t *rapid.T) {
	if h.FirstRev() < h.Rev() {
		h.compact(rapid.Int64Range(max(1, h.FirstRev()+1), h.Rev()).Draw(t, "revision"))
	}
}

// Restore replaces the store by what a leader had, which knows more.
func (h *watchHistory) Restore(t *rapid.T) {
	h.restoreFrom(func(leader KV) {
		for range rapid.IntRange(0, 3).Draw(t, "transactions missed") {
			drawTxn(t, leader)
		}
		if rev := leader.Rev(); rapid.Bool().Draw(t, "compacted") && leader.FirstRev() < rev {
			done, err := leader.Compact(rev)
			require.NoError(t, err)
			<-done
			h.history.Compacted(rev)
		}
	})
}

func (h *watchHistory) Check(*rapid.T) {
	h.requireHubInvariants(h.streams...)
	for _, a := range h.streams {
		a.requireGuarantees(false)
	}
}

// TestRandomWatchHistories: whatever happens, all watches keep the seven guarantees, and
// in the end all have everything.
func TestRandomWatchHistories(t *testing.T) {
	streams, watchers, slow, pending := watchStreamTotal.Load(), watcherTotal.Load(), slowWatcherTotal.Load(), pendingEvents.Load()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		require.NoError(rt, err)
		h := &watchHistory{watched: startWatched(rt, dir)}
		defer h.stopAll()
		h.limits = syncLimits{
			crew: rapid.IntRange(1, 4).Draw(rt, "crew"), almostThere: rapid.Int64Range(0, 4).Draw(rt, "almost there"),
			far: sliceLimit{bytes: 40, deliveries: 4}, near: sliceLimit{bytes: 20, deliveries: 2},
		}
		for _, bytes := range []int{0, 200, outboxBytes} {
			h.streams = append(h.streams, h.watched.stream().roomFor(bytes))
		}
		rt.Repeat(map[string]func(*rapid.T){
			"Txn": h.Txn, "Txn2": h.Txn, "Watch": h.Watch, "Cancel": h.Cancel, "Take": h.Take, "Take2": h.Take,
			"Sync": h.Sync, "Sync2": h.Sync, "Progress": h.Progress, "Compact": h.Compact, "Restore": h.Restore, "": h.Check,
		})
		for _, a := range h.streams {
			a.settle()
			a.requireGuarantees(true)
			a.Close()
		}
		h.requireCounts(0, 0, 0)
	})
	require.Equal(t, []int64{streams, watchers, slow, pending},
		[]int64{watchStreamTotal.Load(), watcherTotal.Load(), slowWatcherTotal.Load(), pendingEvents.Load()}, "W7: the gauges come back")
}
