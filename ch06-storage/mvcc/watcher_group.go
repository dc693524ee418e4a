package mvcc

import "insideetcd/ch06-storage/interval"

// watcherSet holds the watchers of one interval. A slice, not a map: it is walked through
// at every event, always in the same order.
type watcherSet struct{ list []*watcher }

func (s *watcherSet) add(w *watcher) {
	w.place = len(s.list)
	s.list = append(s.list, w)
}

// remove fills the gap with the last one.
func (s *watcherSet) remove(w *watcher) {
	last := len(s.list) - 1
	s.list[w.place] = s.list[last]
	s.list[w.place].place = w.place
	s.list[last] = nil
	s.list = s.list[:last]
}

// watcherGroup finds the watchers of a key: those of just this key in a map, those of
// intervals that contain it in a tree. Ten thousand watchers of other keys cost nothing;
// a thousand of the same interval are one place in the tree.
type watcherGroup struct {
	keyWatchers map[string]*watcherSet
	ranges      interval.Tree[*watcherSet]
	size        int
}

func newWatcherGroup() *watcherGroup { return &watcherGroup{keyWatchers: map[string]*watcherSet{}} }

func (g *watcherGroup) add(w *watcher) {
	g.size++
	set := g.setOf(w.iv)
	if set == nil {
		set = new(watcherSet)
		if w.iv.IsPoint() {
			g.keyWatchers[string(w.iv.Begin())] = set
		} else {
			g.ranges.Set(w.iv, set)
		}
	}
	set.add(w)
}

func (g *watcherGroup) remove(w *watcher) {
	g.size--
	set := g.setOf(w.iv)
	set.remove(w)
	switch {
	case len(set.list) > 0:
	case w.iv.IsPoint():
		delete(g.keyWatchers, string(w.iv.Begin()))
	default:
		g.ranges.Delete(w.iv)
	}
}

// setOf returns the watchers of exactly this interval, nil if there are none.
func (g *watcherGroup) setOf(iv interval.Interval) *watcherSet {
	if iv.IsPoint() {
		return g.keyWatchers[string(iv.Begin())]
	}
	set, _ := g.ranges.Get(iv)
	return set
}

// appendSets appends the sets whose watchers watch key.
func (g *watcherGroup) appendSets(sets []*watcherSet, key []byte) []*watcherSet {
	if set := g.keyWatchers[string(key)]; set != nil {
		sets = append(sets, set)
	}
	return g.ranges.AppendContaining(sets, key)
}

// all returns all watchers, in no order.
func (g *watcherGroup) all() []*watcher {
	list := make([]*watcher, 0, g.size)
	for _, set := range g.keyWatchers {
		list = append(list, set.list...)
	}
	for _, set := range g.ranges.AppendAll(nil) {
		list = append(list, set.list...)
	}
	return list
}
