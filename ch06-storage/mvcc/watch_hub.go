package mvcc

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"insideetcd/ch01-intro/api/mvccpb"

	"github.com/google/btree"
)

// watchHub knows all watchers of a store, and which of them is served how. It has no
// lock, goroutine or clock: WatchableStore owns those. It decides; what it has decided
// stands in the outboxes of the streams.
//
// Invariants:
//  1. A watcher is in exactly one place: synced, unsynced, or the victims of its stream;
//     the place is its state.
//  2. Synced watchers have been sent everything up to rev. rev follows the store's
//     revision commit by commit.
//  3. Every watcher is in the watchers of its stream until it is canceled, or its end was
//     taken; slow of the stream counts those that are unsynced or victims.
type watchHub struct {
	rev      int64
	synced   *watcherGroup
	unsynced *btree.BTreeG[*watcher] // by minRev, then age
	victims  int
	moves    WatcherCounts // how often a watcher was put into each state
	nextSeq  uint64
	pass     syncPass

	// Used again from commit to commit:
	sets    []*watcherSet
	matched []*watcher
	held    []*watchStream
}

func newWatchHub(rev int64) *watchHub {
	return &watchHub{
		rev: rev, synced: newWatcherGroup(),
		unsynced: btree.NewG(16, func(a, b *watcher) bool {
			return cmp.Or(cmp.Compare(a.minRev, b.minRev), cmp.Compare(a.seq, b.seq)) < 0
		}),
	}
}

// join takes in a new watcher. A start in the future makes it synced at once: what it
// waits for comes with a commit; until then wants keeps everything from it (W3).
func (h *watchHub) join(w *watcher, startRev int64) {
	h.nextSeq++
	w.seq, w.minRev = h.nextSeq, startRev
	if startRev == 0 {
		w.minRev = h.rev + 1
	}
	watcherTotal.Add(1)
	w.stream.watchers[w.id] = w
	h.place(w)
}

// retire ends a watcher. Its ID stays in use.
func (h *watchHub) retire(w *watcher) {
	h.displace(w)
	watcherTotal.Add(-1)
}

// leave removes a watcher for good.
func (h *watchHub) leave(w *watcher) {
	if w.state != gone {
		h.retire(w)
	}
	delete(w.stream.watchers, w.id)
}

// place makes a watcher synced or unsynced, as its minRev demands.
func (h *watchHub) place(w *watcher) {
	if w.minRev > h.rev {
		h.synced.add(w)
		w.state = synced
		h.moves.Synced++
		return
	}
	h.unsynced.ReplaceOrInsert(w)
	w.state = unsynced
	h.moves.Unsynced++
	h.addSlow(w, 1)
}

// starve makes a watcher a victim that needs everything from minRev on.
func (h *watchHub) starve(w *watcher, minRev int64) {
	h.displace(w)
	w.moveTo(minRev)
	st := w.stream
	w.place = len(st.victims)
	st.victims = append(st.victims, w)
	h.victims++
	h.moves.Victims++
	w.state = victim
	h.addSlow(w, 1)
}

// displace takes a watcher from its place.
func (h *watchHub) displace(w *watcher) {
	switch st := w.stream; w.state {
	case synced:
		h.synced.remove(w)
	case unsynced:
		if _, found := h.unsynced.Delete(w); !found {
			panic(fmt.Sprintf("mvcc: unsynced watcher %d from %d is not among them (invariant 1)", w.id, w.minRev))
		}
		h.addSlow(w, -1)
	case victim:
		last := len(st.victims) - 1
		st.victims[w.place] = st.victims[last]
		st.victims[w.place].place = w.place
		st.victims[last] = nil
		st.victims = st.victims[:last]
		h.victims--
		h.addSlow(w, -1)
	case gone:
		panic(fmt.Sprintf("mvcc: watcher %d is moved after it has gone", w.id))
	}
	w.state = gone
}

func (h *watchHub) addSlow(w *watcher, n int) {
	w.stream.slow += n
	slowWatcherTotal.Add(int64(n))
}

// offer puts a response on the watcher's stream, unless there is no room. Receivers see
// nothing of it before flush.
func (h *watchHub) offer(st *watchStream, r WatchResponse) bool {
	if !st.held {
		st.held = true
		st.box.hold()
		h.held = append(h.held, st)
	}
	return st.box.add(r)
}

// flush shows receivers what was offered: everything of one commit at once.
func (h *watchHub) flush() {
	for i, st := range h.held {
		st.held = false
		st.box.release()
		h.held[i] = nil
	}
	h.held = h.held[:0]
}

// pastReader knows what a change has replaced: see Store.replacedBy.
type pastReader interface {
	replacedBy(Change) mvccpb.RawKeyValue
}

// commit hands the changes of a transaction to the synced watchers. past reads what a
// change has replaced; it is asked once at most for a change, if somebody wants it.
func (h *watchHub) commit(rev int64, changes []Change, past pastReader) {
	if rev != h.rev+1 {
		panic(fmt.Sprintf("mvcc: commit of revision %d reaches the watchers after revision %d (invariant 2)", rev, h.rev))
	}
	h.rev = rev
	var plain, withPrev []Event
	for i, change := range changes {
		h.sets = h.synced.appendSets(h.sets[:0], change.Record.Key())
		for _, set := range h.sets {
			for _, w := range set.list {
				if !w.wants(rev, change.Rev.Tombstone) {
					continue
				}
				if plain == nil {
					plain = eventsOf(changes)
				}
				if w.prevKV && withPrev == nil {
					withPrev = make([]Event, len(changes))
				}
				if w.prevKV && withPrev[i] == nil {
					withPrev[i] = plain[i].withPrevKV(past.replacedBy(change))
				}
				h.match(w, i, plain, withPrev)
			}
		}
	}
	h.deliver(rev, plain, withPrev)
}

func eventsOf(changes []Change) []Event {
	events := make([]Event, len(changes))
	for i, change := range changes {
		events[i] = change.Event
	}
	return events
}

func (h *watchHub) match(w *watcher, i int, plain, withPrev []Event) {
	if w.batch.isEmpty() {
		h.matched = append(h.matched, w)
	}
	if w.prevKV {
		plain = withPrev
	}
	w.batch.add(i, plain)
}

// deliver offers each matched watcher its batch. Who finds no room becomes a victim.
func (h *watchHub) deliver(rev int64, plain, withPrev []Event) {
	for i, w := range h.matched {
		list := plain
		if w.prevKV {
			list = withPrev
		}
		r := WatchResponse{WatchID: w.id, Events: w.batch.take(list), Revision: rev}
		if !h.offer(w.stream, r) {
			h.starve(w, rev)
		}
		h.matched[i] = nil
	}
	h.matched = h.matched[:0]
	h.flush()
}

// roomOn makes the victims of a stream unsynced: its receiver has taken what was there.
func (h *watchHub) roomOn(st *watchStream) {
	for len(st.victims) > 0 {
		w := st.victims[len(st.victims)-1]
		h.displace(w)
		h.place(w)
	}
	h.answerProgress(st)
}

// progress puts a progress response of w on its stream, if the client may rely on it.
func (h *watchHub) progress(w *watcher) {
	if w.state == synced && w.minRev <= h.rev+1 {
		h.offer(w.stream, WatchResponse{WatchID: w.id, Revision: h.rev})
		h.flush()
	}
}

// answerProgress answers a request for progress of all watchers of the stream, if there
// is one that waits. It stands on the stream behind all events up to its revision,
// because nobody lags (W1).
func (h *watchHub) answerProgress(st *watchStream) {
	if !st.progressAsked || st.slow > 0 || st.closed {
		return
	}
	for _, w := range st.watchers {
		if w.minRev > h.rev+1 {
			st.progressAsked = false
			return
		}
	}
	if h.offer(st, WatchResponse{WatchID: InvalidWatchID, Revision: h.rev}) {
		st.progressAsked, st.progressWaits = false, true
	} // else the receiver will make room
	h.flush()
}

// restored follows a store whose contents were replaced: it now has revision rev. What
// synced watchers have seen they do not see again (W2), and who waits for the future goes
// on waiting (W5).
func (h *watchHub) restored(rev int64) {
	seen := h.rev
	h.rev, h.pass = rev, syncPass{}
	all := h.synced.all()
	h.unsynced.Ascend(func(w *watcher) bool { all = append(all, w); return true })
	slices.SortFunc(all, func(a, b *watcher) int { return cmp.Compare(a.seq, b.seq) })
	for _, w := range all {
		minRev := w.minRev
		if w.state == synced {
			minRev = max(minRev, seen+1)
		}
		h.displace(w)
		w.moveTo(minRev)
		h.place(w)
	}
}

// syncPass is one walk of the sync loop through history, from the oldest revision that
// somebody needs to where the store was at the begin. Within a pass it never turns back,
// so nobody is kept waiting by those who come later.
type syncPass struct {
	next int64 // revision to be read next
	end  int64 // last revision of the pass
}

// nextCrew returns the watchers to be served next, those that lag most, at most limit; nil
// if there is no unsynced watcher. The pass picks up on its way those who need less.
func (h *watchHub) nextCrew(limit int) (crew []*watcher) {
	pick := func(w *watcher) bool {
		if w.minRev > h.pass.end || len(crew) == limit {
			return false
		}
		crew = append(crew, w)
		return true
	}
	h.unsynced.AscendGreaterOrEqual(&watcher{minRev: h.pass.next}, pick)
	if len(crew) == 0 && h.unsynced.Len() > 0 {
		h.pass = syncPass{next: math.MinInt64, end: h.rev}
		h.unsynced.Ascend(pick)
	}
	return crew
}

// advance delivers what was found in history up to slice.end to the crew.
func (h *watchHub) advance(crew []*watcher, slice historySlice) {
	for _, w := range crew {
		batch := w.batch.take(nil)
		switch {
		case w.state != unsynced: // canceled meanwhile
		case w.minRev < slice.compactRev:
			h.endCompacted(w, slice.compactRev)
		case w.minRev > slice.end: // the slice ended before
		case len(batch) > 0 && !h.offer(w.stream, WatchResponse{WatchID: w.id, Events: batch, Revision: h.rev}):
			h.starve(w, w.minRev)
		default:
			h.displace(w)
			w.moveTo(slice.end + 1)
			h.place(w)
		}
	}
	h.flush()
	for _, w := range crew {
		h.answerProgress(w.stream)
	}
	h.pass.next = slice.end + 1
}

// endCompacted tells a watcher that history was compacted from under it. Until there is
// room to tell, it stays (W4). Until the receiver knows, its ID is in use: else what ends
// this watcher might be taken for the end of the next one.
func (h *watchHub) endCompacted(w *watcher, compactRev int64) {
	if h.offer(w.stream, WatchResponse{WatchID: w.id, CompactRevision: compactRev, Revision: h.rev}) {
		h.retire(w)
		return
	}
	h.starve(w, w.minRev)
}
