package mvcc

import (
	"iter"

	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch06-storage/backend"
)

// syncLimits bound the rounds of the sync loop, which reads history for unsynced watchers
// in slices. A slice serves a crew of watchers at once and is read without the store's
// lock, so the writer and all other watchers go on. Only who is almost there is served
// under the lock, from a small slice: else a writer might outrun the loop for ever.
type syncLimits struct {
	crew        int   // watchers served by one slice
	almostThere int64 // lag in revisions from which on a slice is read under the lock
	far, near   sliceLimit
}

// sliceLimit bounds a slice. It ends with the revision that goes over a limit, because a
// transaction is not divided.
type sliceLimit struct {
	bytes      int // of records read
	deliveries int // events, counted for each watcher
}

var defaultSyncLimits = syncLimits{
	crew: 512, almostThere: 64,
	far:  sliceLimit{bytes: 1 << 20, deliveries: 64 << 10},
	near: sliceLimit{bytes: 64 << 10, deliveries: 4 << 10},
}

// scanChunk is the number of records looked up in the backend in one go.
const scanChunk = 256

// historySlice says what was read.
type historySlice struct {
	end        int64 // last revision that is in it, with all its changes
	compactRev int64 // what lies before cannot be read any more
}

func (s *WatchableStore) wakeSyncLoop() {
	if s.hub.unsynced.Len() == 0 {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// syncLoop works until nobody is unsynced, then sleeps. Each round moves its watchers
// on in history or makes them victims, so it ends.
func (s *WatchableStore) syncLoop() {
	for {
		select {
		case <-s.wake:
		case <-s.stop:
			return
		}
		for s.syncRound() {
			select {
			case <-s.stop:
				return
			default:
			}
		}
	}
}

// syncRound serves one crew with one slice; false if nobody is unsynced.
func (s *WatchableStore) syncRound() bool {
	s.reading.Lock()
	defer s.reading.Unlock()
	crew, target, isServed := s.planRound()
	if len(crew) > 0 && !isServed {
		slice := s.store.Load().readSlice(crew, target, s.limits.far)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hub.advance(crew, slice)
	}
	return len(crew) > 0
}

// planRound says who is to be read for, and up to which revision. A crew that is almost
// there it serves itself, while the writer waits.
func (s *WatchableStore) planRound() (crew []*watcher, target int64, isServed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	crew, target = s.hub.nextCrew(s.limits.crew), s.hub.rev
	if len(crew) > 0 && target-crew[0].minRev < s.limits.almostThere {
		s.hub.advance(crew, s.store.Load().readSlice(crew, target, s.limits.near))
		return crew, target, true
	}
	return crew, target, false
}

// readSlice reads history for the watchers of crew, whose first lags most, up to revision
// target, and adds to each batch what its watcher wants. An event is encoded if somebody
// wants it, and once.
func (s *Store) readSlice(crew []*watcher, target int64, limit sliceLimit) historySlice {
	t := s.newReadTxn()
	t.begin()
	defer t.End()
	slice := historySlice{end: target, compactRev: t.firstRev}
	group := newWatcherGroup()
	for _, w := range crew {
		if w.minRev >= t.firstRev {
			group.add(w)
		}
	}
	if group.size == 0 {
		return slice
	}
	m := matcher{group: group, t: t}
	for rev, record := range t.history(max(crew[0].minRev, t.firstRev), target) {
		if rev.Main > m.rev && (m.bytes > limit.bytes || m.deliveries > limit.deliveries) {
			slice.end = m.rev
			break
		}
		m.add(rev, record)
	}
	return slice
}

// matcher hands records to the watchers who want them.
type matcher struct {
	group *watcherGroup
	t     *storeTxnRead
	sets  []*watcherSet

	rev               int64 // of the newest record
	bytes, deliveries int
}

func (m *matcher) add(rev Revision, record mvccpb.RawKeyValue) {
	m.rev = rev.Main
	m.bytes += len(record)
	m.sets = m.group.appendSets(m.sets[:0], record.Key())
	var plain, withPrev Event
	for _, set := range m.sets {
		for _, w := range set.list {
			if !w.wants(rev.Main, rev.Tombstone) {
				continue
			}
			m.deliveries++
			if plain == nil {
				plain = eventOf(rev, record)
			}
			if w.prevKV && withPrev == nil {
				withPrev = plain.withPrevKV(m.t.replacedBy(rev, record))
			}
			event := plain
			if w.prevKV {
				event = withPrev
			}
			w.batch.apart = append(w.batch.apart, event)
		}
	}
}

// history yields the records of the revisions from to to, in order. They are valid until
// the transaction ends.
func (t *storeTxnRead) history(from, to int64) iter.Seq2[Revision, mvccpb.RawKeyValue] {
	return func(yield func(Revision, mvccpb.RawKeyValue) bool) {
		next := Revision{Main: max(0, from)}.AppendTo(nil)
		end := Revision{Main: to + 1}.AppendTo(nil)
		for {
			keys, records := t.pin().UnsafeRange(backend.BucketKey, next, end, scanChunk)
			for i, k := range keys {
				if !yield(mustParse(k), records[i]) {
					return
				}
			}
			if len(keys) < scanChunk {
				return
			}
			next = append(append(next[:0], keys[len(keys)-1]...), 0)
		}
	}
}

// replacedBy returns the record that its key held before the transaction of revision
// rev, valid until the transaction ends. It is nil where 3.4 has no prev_kv: if the key was
// created, which a put after a deletion in one transaction does too, and if the revision
// before was compacted.
func (t *storeTxnRead) replacedBy(rev Revision, record mvccpb.RawKeyValue) mvccpb.RawKeyValue {
	before := rev.Main - 1
	created := !rev.Tombstone && record.CreateRevision() == rev.Main
	if created || before < t.firstRev {
		return nil
	}
	past, found := t.s.index.liveRevision(record.Key(), before)
	if !found {
		return nil
	}
	return t.record(past)
}
