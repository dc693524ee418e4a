package raft

import (
	"errors"
	"fmt"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// scanBytes bounds how much of the log scan holds in memory at a time.
const scanBytes = 1 << 20

// raftLog joins Storage and unstable into the one log that the algorithm talks
// about, and keeps the two marks on it. See book §3.1.4, Raft figure 2.
//
//	first      applied    committed       last
//	  ├───────────┼───────────┼─────────────┤
//	  │  applied  │ to apply  │ may be lost │
//	  ├──────── Storage ────────┬─ unstable ┤
//	                            offset
//
// The border between Storage and unstable is independent of the marks: a single
// voter commits entries that are still unstable, and relies on the application to
// persist a Ready before it applies it.
//
// Invariants:
//
//	L1. applied ≤ committed ≤ last index.
//	L2. applied and committed never go back.
//	L3. entries handed out as committed follow each other without a gap, whatever
//	    the limits on size.
type raftLog struct {
	storage  Storage
	unstable unstable

	committed uint64 // highest index known to be on a quorum
	applied   uint64 // highest index that the application was handed and advanced past
	applying  uint64 // highest index that the application was handed

	// onlyStored: committed entries are handed out once they are in Storage, because
	// another thread applies them than the one that writes them.
	onlyStored bool

	maxNextEntsSize uint64 // bytes in one Ready.CommittedEntries
	logger          Logger
}

// newLog joins an empty unstable to storage. What lies before the first entry
// was applied, or there would be no snapshot of it.
func newLog(storage Storage, maxNextEntsSize uint64, logger Logger) *raftLog {
	first, err := storage.FirstIndex()
	if err != nil {
		logger.Panicf("read the first index of the storage: %v", err)
	}
	last, err := storage.LastIndex()
	if err != nil {
		logger.Panicf("read the last index of the storage: %v", err)
	}
	return &raftLog{
		storage:         storage,
		unstable:        newUnstable(last+1, logger),
		committed:       first - 1,
		applied:         first - 1,
		applying:        first - 1,
		maxNextEntsSize: maxNextEntsSize,
		logger:          logger,
	}
}

// String shows the marks, for messages about a broken invariant.
func (l *raftLog) String() string {
	return fmt.Sprintf("committed=%d applied=%d unstable.offset=%d len(unstable.entries)=%d",
		l.committed, l.applied, l.unstable.offset, len(l.unstable.entries))
}

// append puts entries with their indexes and terms set at the end of the log, in
// place of what was there. Committed entries can not be replaced.
func (l *raftLog) append(ents []pb.Entry) {
	if len(ents) == 0 {
		return
	}
	if before := ents[0].Index - 1; before < l.committed {
		l.logger.Panicf("invariant L2: append after index %d would replace committed entries [committed %d]", before, l.committed)
	}
	l.unstable.append(ents)
}

// commitTo moves the commit mark up to i; lower values change nothing, because
// messages may arrive late.
func (l *raftLog) commitTo(i uint64) {
	if i <= l.committed {
		return
	}
	if last := l.lastIndex(); i > last {
		l.logger.Panicf("tocommit(%d) is out of range [lastIndex(%d)]. Was the raft log corrupted, truncated, or lost?", i, last)
	}
	l.committed = i
}

// appliedTo moves the applied mark up to i.
func (l *raftLog) appliedTo(i uint64) {
	if i == 0 {
		return
	}
	if i < l.applied || i > l.committed {
		l.logger.Panicf("applied(%d) is out of range [prevApplied(%d), committed(%d)]", i, l.applied, l.committed)
	}
	l.applied = i
	l.applying = max(l.applying, i)
}

// nextEnts returns the entries to apply next: committed, not applied, at most
// maxNextEntsSize bytes but at least one. What does not fit comes with the next
// call after appliedTo.
func (l *raftLog) nextEnts() []pb.Entry {
	lo, last := l.nextIndex(), l.lastToApply()
	if lo > last {
		return nil
	}
	ents, err := l.slice(lo, last+1, l.maxNextEntsSize)
	if err != nil {
		l.logger.Panicf("invariant L3: read the committed entries [%d, %d]: %v", lo, last, err)
	}
	return ents
}

// lastToApply returns the highest index that may be handed out to be applied.
func (l *raftLog) lastToApply() uint64 {
	switch {
	case !l.onlyStored:
		return l.committed
	case l.unstable.snapshot != nil:
		return 0 // it is applied first
	default:
		return min(l.committed, l.stableIndex())
	}
}

// hasNextEnts reports whether nextEnts would return any.
func (l *raftLog) hasNextEnts() bool {
	return l.nextIndex() <= l.lastToApply()
}

// nextIndex returns the index of the next entry to apply: the one after applied,
// or the one after a pending snapshot, which is applied before it.
func (l *raftLog) nextIndex() uint64 {
	next := max(l.applied, l.applying) + 1
	if s := l.unstable.snapshot; s != nil {
		next = max(next, s.Metadata.Index+1)
	}
	return next
}

// checkStored panics unless Storage reaches up to unstable (U2): the application has
// called Advance without storing what the Ready told it to.
func (l *raftLog) checkStored() {
	last, err := l.storage.LastIndex()
	if err != nil {
		l.logger.Panicf("read the last index of the storage: %v", err)
	}
	if l.unstable.snapshot == nil && last+1 < l.unstable.offset {
		l.logger.Panicf("invariant U2: Advance before the entries of the Ready, up to index %d, are in Storage, whose last index is %d",
			l.unstable.offset-1, last)
	}
}

// firstIndex returns the index of the first entry that can be read.
func (l *raftLog) firstIndex() uint64 {
	if i, ok := l.unstable.firstIndex(); ok {
		return i
	}
	i, err := l.storage.FirstIndex()
	if err != nil {
		l.logger.Panicf("read the first index of the storage: %v", err)
	}
	return i
}

// lastIndex returns the index of the last entry or snapshot.
func (l *raftLog) lastIndex() uint64 {
	if i, ok := l.unstable.lastIndex(); ok {
		return i
	}
	i, err := l.storage.LastIndex()
	if err != nil {
		l.logger.Panicf("read the last index of the storage: %v", err)
	}
	return i
}

// lastTerm returns the term of the last entry.
func (l *raftLog) lastTerm() uint64 {
	last := l.lastIndex()
	t, err := l.term(last)
	if err != nil {
		l.logger.Panicf("read the term of the last entry, %d: %v", last, err)
	}
	return t
}

// term returns the term of entry i, or 0 if i lies outside the log. An index just
// before the first entry is inside. The error is ErrCompacted or ErrUnavailable
// from Storage.
func (l *raftLog) term(i uint64) (uint64, error) {
	if i+1 < l.firstIndex() || i > l.lastIndex() {
		return 0, nil
	}
	if t, ok := l.unstable.term(i); ok {
		return t, nil
	}
	t, err := l.storage.Term(i)
	if err != nil && !errors.Is(err, ErrCompacted) && !errors.Is(err, ErrUnavailable) {
		l.logger.Panicf("read the term of entry %d: %v", i, err)
	}
	return t, err
}

// matchTerm reports whether the log holds an entry i of term t (Raft §5.3).
func (l *raftLog) matchTerm(i, t uint64) bool {
	got, err := l.term(i)
	return err == nil && got == t
}

// isUpToDate reports whether a log that ends with (index, term) holds everything that
// this one could have committed (Raft §5.4.1).
func (l *raftLog) isUpToDate(index, term uint64) bool {
	lastTerm := l.lastTerm()
	return term > lastTerm || term == lastTerm && index >= l.lastIndex()
}

// findConflict returns the index of the first of ents that this log does not hold, be it
// that it has another one there or none yet; 0 if it holds them all.
func (l *raftLog) findConflict(ents []pb.Entry) uint64 {
	for i := range ents {
		if !l.matchTerm(ents[i].Index, ents[i].Term) {
			return ents[i].Index
		}
	}
	return 0
}

// findConflictByTerm returns the highest index up to index whose entry is of term at
// most; entries above it cannot agree with a log that has term there. If the log does
// not reach back so far, the result is the last index before it.
//
//	index   1 2 3 4 5 6 7 8 9
//	term    1 3 3 3 5 5 5 5 5
//	findConflictByTerm(8, 4) = 4
func (l *raftLog) findConflictByTerm(index, term uint64) uint64 {
	index = min(index, l.lastIndex())
	for before := l.firstIndex() - 1; index > before; index-- {
		if t, err := l.term(index); err != nil || t <= term {
			break
		}
	}
	return index
}

// entries returns the entries from lo on up to maxSize bytes, at least one unless lo is
// beyond the last. The error is ErrCompacted.
func (l *raftLog) entries(lo, maxSize uint64) ([]pb.Entry, error) {
	if lo > l.lastIndex() {
		return nil, nil
	}
	return l.slice(lo, l.lastIndex()+1, maxSize)
}

// stableIndex returns the last index that is in Storage.
func (l *raftLog) stableIndex() uint64 {
	if l.unstable.snapshot != nil {
		return l.applied
	}
	return l.unstable.offset - 1
}

// slice returns the entries in [lo, hi) up to maxSize bytes, at least one. The
// error is ErrCompacted; anything else that goes wrong panics. Entries of only
// one side are lent, not copied.
func (l *raftLog) slice(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	if first, last := l.firstIndex(), l.lastIndex(); lo > hi || hi > last+1 {
		l.logger.Panicf("entries [%d, %d) asked of a log of [%d, %d]", lo, hi, first, last)
	} else if lo < first {
		return nil, ErrCompacted
	}
	if lo == hi {
		return nil, nil
	}
	offset := l.unstable.offset
	if lo >= offset {
		return limitSize(l.unstable.slice(lo, hi), maxSize), nil
	}
	stored, err := l.storage.Entries(lo, min(hi, offset), maxSize)
	switch {
	case errors.Is(err, ErrCompacted):
		return nil, err
	case err != nil:
		l.logger.Panicf("read entries [%d, %d) from the storage: %v", lo, min(hi, offset), err)
	}
	if hi <= offset || uint64(len(stored)) < offset-lo {
		return stored, nil // nothing unstable is wanted, or the limit was met before
	}
	fresh := limitSize(l.unstable.slice(offset, hi), maxSize)
	joined := make([]pb.Entry, 0, len(stored)+len(fresh))
	return limitSize(append(append(joined, stored...), fresh...), maxSize), nil
}

// scan calls visit for the entries in [lo, hi) in order until it returns false.
// It reads the log in pieces, for a long unapplied tail need not fit in memory.
func (l *raftLog) scan(lo, hi uint64, visit func(pb.Entry) bool) error {
	for lo < hi {
		ents, err := l.slice(lo, hi, scanBytes)
		if err != nil {
			return fmt.Errorf("scan entries [%d, %d): %w", lo, hi, err)
		}
		for _, e := range ents {
			if !visit(e) {
				return nil
			}
		}
		lo += uint64(len(ents))
	}
	return nil
}

// snapshot returns the newest snapshot, pending or stored.
func (l *raftLog) snapshot() (pb.Snapshot, error) {
	if l.unstable.snapshot != nil {
		return *l.unstable.snapshot, nil
	}
	return l.storage.Snapshot()
}

// restore replaces the whole log by a snapshot, which is committed by definition.
func (l *raftLog) restore(s pb.Snapshot) {
	l.logger.Infof("log [%s] starts over from the snapshot [index: %d, term: %d]", l, s.Metadata.Index, s.Metadata.Term)
	l.committed = s.Metadata.Index
	l.unstable.restore(s)
}
