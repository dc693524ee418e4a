package mvcc

import (
	"fmt"

	"insideetcd/ch06-storage/interval"
)

// watchStream implements WatchStream. Everything but the outbox is guarded by the mu of
// its store.
type watchStream struct {
	s   *WatchableStore
	box *outbox

	held          bool // the hub holds box
	watchers      map[WatchID]*watcher
	nextID        WatchID
	victims       []*watcher
	slow          int  // watchers that are not synced
	progressAsked bool // and not answered
	progressWaits bool // an answer may still wait to be taken
	closed        bool
}

// NewWatchStream implements Watchable. The caller closes the stream.
func (s *WatchableStore) NewWatchStream() WatchStream {
	watchStreamTotal.Add(1)
	return &watchStream{s: s, box: newOutbox(s.streamBytes), watchers: map[WatchID]*watcher{}}
}

func (st *watchStream) Watch(iv interval.Interval, o WatchOptions) (WatchID, error) {
	switch {
	case iv.IsEmpty():
		return InvalidWatchID, ErrEmptyWatcherRange
	case o.StartRev < 0:
		return InvalidWatchID, fmt.Errorf("watch from revision %d: %w", o.StartRev, ErrCompacted)
	}
	w := &watcher{stream: st, iv: owned(iv), prevKV: o.PrevKV, noPut: o.NoPut, noDelete: o.NoDelete}
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	if st.closed {
		return InvalidWatchID, ErrWatchStreamClosed
	}
	id, err := st.chooseID(o.ID)
	if err != nil {
		return InvalidWatchID, err
	}
	w.id = id
	st.s.hub.join(w, o.StartRev)
	st.s.wakeSyncLoop()
	st.takeBackProgress()
	return id, nil
}

// takeBackProgress keeps a progress response for all watchers, which the receiver has not
// taken yet, from speaking for a watcher that was not there when it was put on the stream.
// It comes again when it is true for that one too.
func (st *watchStream) takeBackProgress() {
	if !st.progressWaits {
		return
	}
	st.progressWaits = false
	if st.box.drop(InvalidWatchID) > 0 {
		st.progressAsked = true
		st.s.hub.answerProgress(st)
	}
}

func (st *watchStream) chooseID(wanted WatchID) (WatchID, error) {
	if wanted != AutoWatchID {
		if _, taken := st.watchers[wanted]; taken {
			return InvalidWatchID, ErrWatcherDuplicateID
		}
		return wanted, nil
	}
	for st.watchers[st.nextID] != nil {
		st.nextID++
	}
	st.nextID++
	return st.nextID - 1, nil
}

func (st *watchStream) Cancel(id WatchID) error {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	w := st.watchers[id]
	if w == nil {
		return ErrWatcherNotExist
	}
	st.s.hub.leave(w)
	st.box.drop(id)
	st.s.hub.answerProgress(st)
	return nil
}

func (st *watchStream) Chan() <-chan struct{} { return st.box.bell }

// Take takes the store's lock only if there is a reason, and AFTER it has let the outbox
// go: who has the store's lock may be waiting for that.
func (st *watchStream) Take() []WatchResponse {
	responses, hasNews := st.box.take()
	if !hasNews {
		return responses
	}
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	for _, r := range responses {
		if w := st.watchers[r.WatchID]; r.CompactRevision != 0 && w != nil {
			st.s.hub.leave(w)
		}
	}
	st.s.hub.roomOn(st)
	st.s.wakeSyncLoop()
	return responses
}

func (st *watchStream) RequestProgress(id WatchID) {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	if w := st.watchers[id]; w != nil {
		st.s.hub.progress(w)
	}
}

func (st *watchStream) RequestProgressAll() {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	st.progressAsked = true
	st.s.hub.answerProgress(st)
}

func (st *watchStream) Rev() int64 {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	return st.s.hub.rev
}

func (st *watchStream) Close() {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	if st.closed {
		return
	}
	st.closed = true
	for _, w := range st.watchers {
		st.s.hub.leave(w)
	}
	st.box.close()
	watchStreamTotal.Add(-1)
}
