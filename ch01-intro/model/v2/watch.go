package v2

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Kept is how many events can be asked for; older ones are forgotten.
const Kept = 1000

// Watch is a question to the history: what is the first event that concerns a path? Clients
// ask again with Since one higher than what they were told.
type Watch struct {
	Path      string
	Recursive bool   // and everything below it
	Since     uint64 // index to begin with; 0: from now on
	// Begun is the index of the tree when the question was asked, and tells what had
	// happened already.
	Begun uint64
}

// First returns the first event of a watch; nil as long as there is none. An event concerns
// a path if it happened there; below it, if the watch is recursive; or around it, if a
// directory ended with all that was in it.
//
// Who asks for the past is told more than who waits: of hidden nodes, which those who watch
// from above do not see otherwise; and of the end of a directory around the path also if
// nothing was at the path itself.
//
// The only refusal is EventsCleared: so many events have happened by the time of the
// question that the first of those that are wanted is forgotten.
func (t *Tree) First(w Watch) (*Event, error) {
	p, since := clean(w.Path), w.Since
	if since == 0 {
		since = w.Begun + 1
	}
	if oldest := max(1, int64(w.Begun)-Kept+1); int64(since) < oldest {
		err := t.refuse(EventsCleared, fmt.Sprintf("the requested history has been cleared [%d/%d]", oldest, since))
		err.Index = w.Begun
		return nil, err
	}
	for i, e := range t.history {
		index := t.base + uint64(i) + 1
		isPast := index <= w.Begun
		if index >= since && !e.isRefresh && concerns(e, p, w.Recursive, isPast) {
			return e, nil
		}
	}
	return nil, nil
}

func concerns(e *Event, p string, recursive, isPast bool) bool {
	key := e.Node.Key
	switch {
	case key == p:
		return true
	case recursive && isBelow(key, p):
		return isPast || !isHidden(key, p)
	case e.gone != nil && e.Node.Dir && isBelow(p, key):
		return isPast || slices.Contains(e.gone, p)
	}
	return false
}

// isHidden tells whether a key below p is hidden from those who watch p: a name on the way
// from there begins with an underscore.
func isHidden(key, p string) bool {
	return strings.Contains(path.Join("/", key[len(p):]), "/_")
}
