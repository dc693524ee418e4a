package v2

import (
	"fmt"
	"path"
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
// directory was deleted with all that was in it. A hidden node and what is below it do not
// concern those who watch from above, unless they ask for the past: then they are shown it.
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
		if index < since || e.isRefresh || !concerns(e, p, w.Recursive) {
			continue
		}
		if index <= w.Begun || !isHidden(e.Node.Key, p) {
			return e, nil
		}
	}
	return nil, nil
}

func concerns(e *Event, p string, recursive bool) bool {
	key := e.Node.Key
	isEnd := e.Action == "delete" || e.Action == "expire"
	return key == p || (recursive && isBelow(key, p)) || (isEnd && e.Node.Dir && isBelow(p, key))
}

// isHidden tells whether key is hidden from those who watch p: a name on the way from there
// begins with an underscore.
func isHidden(key, p string) bool {
	return isBelow(key, p) && strings.Contains(path.Join("/", key[len(p):]), "/_")
}
