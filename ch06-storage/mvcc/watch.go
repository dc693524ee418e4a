package mvcc

import (
	"errors"

	"insideetcd/ch06-storage/interval"
)

var (
	// ErrWatcherNotExist: the stream has no watcher of this ID, any more or yet.
	ErrWatcherNotExist = errors.New("mvcc: watcher does not exist")
	// ErrEmptyWatcherRange: no key can lie in the interval to be watched.
	ErrEmptyWatcherRange = errors.New("mvcc: watcher range is empty")
	// ErrWatcherDuplicateID: another watcher of the stream has the chosen ID.
	ErrWatcherDuplicateID = errors.New("mvcc: duplicate watch ID provided on the WatchStream")
	// ErrWatchStreamClosed: the stream was closed.
	ErrWatchStreamClosed = errors.New("mvcc: watch stream is closed")
)

// WatchID names a watcher on its stream.
type WatchID int64

const (
	// AutoWatchID asks the stream to choose an ID: 0, 1, 2 and on, without those in use.
	AutoWatchID WatchID = 0
	// InvalidWatchID stands for all watchers of a stream in an answer to
	// RequestProgressAll, and for none where there is no watcher.
	InvalidWatchID WatchID = -1
)

// WatchOptions say what to watch for. The zero value watches for all changes from now on.
type WatchOptions struct {
	ID       WatchID
	StartRev int64 // first revision of which events are wanted; 0: the next one
	PrevKV   bool  // events tell what was there before their transaction
	NoPut    bool  // leave puts out
	NoDelete bool  // leave deletions out
}

// WatchResponse is one of three things: events of one or more whole transactions, in
// their order; progress, with no events; or the end of a watcher, with a CompactRevision.
type WatchResponse struct {
	WatchID WatchID
	// Events may be shared with other watchers: not to be changed, but to be kept freely.
	Events []Event
	// Revision is the store's when the response was made. If there are no events, then all
	// events up to this revision have been put on the stream before (W1).
	Revision int64
	// CompactRevision, if not 0: the next revision that the watcher needs lies before this
	// one, and it is no more. It is the last response with this ID.
	CompactRevision int64
}

// IsProgress tells whether the response says only how far the stream has come.
func (r WatchResponse) IsProgress() bool { return len(r.Events) == 0 && r.CompactRevision == 0 }

// WatchStream carries any number of watchers to one receiver, in one order: what is put
// on it first is taken first. All methods may be called by any goroutine, Take by one at
// a time.
type WatchStream interface {
	// Watch adds a watcher and returns its ID. Its responses may be on the stream before
	// Watch returns. It returns ErrEmptyWatcherRange, ErrWatcherDuplicateID,
	// ErrWatchStreamClosed, and for a negative StartRev ErrCompacted; a StartRev that was
	// compacted is told by a response. The keys of iv are copied.
	Watch(iv interval.Interval, o WatchOptions) (WatchID, error)
	// Cancel removes a watcher, or returns ErrWatcherNotExist. From then on Take returns
	// nothing of it, so its ID can be used again.
	Cancel(id WatchID) error
	// Chan rings when there is something to take, and is closed by Close. It rings once
	// for many responses.
	Chan() <-chan struct{}
	// Take returns what is on the stream, nil if there is nothing, and makes room. The
	// slice is the caller's until it calls Take again.
	//
	//	for range stream.Chan() {
	//		for _, response := range stream.Take() {
	//			send(response)
	//		}
	//	}
	Take() []WatchResponse
	// RequestProgress puts a progress response of this watcher on the stream, if the
	// watcher is synced and its start is not in the future, else nothing: events or the
	// next request will tell.
	RequestProgress(id WatchID)
	// RequestProgressAll asks the same for all watchers of the stream; the response has
	// InvalidWatchID. If some of them lag, it comes as soon as none does. It does not come
	// if one waits for a future revision: its client would take it for seen.
	RequestProgressAll()
	// Rev is the revision up to which synced watchers have been served.
	Rev() int64
	// Close removes all watchers and everything on the stream; a second call does nothing.
	Close()
}

// Watchable makes streams.
type Watchable interface {
	NewWatchStream() WatchStream
}

// WatchableKV is a store that can be watched.
type WatchableKV interface {
	KV
	Watchable
}
