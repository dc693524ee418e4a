package v2

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Write is what is written.
type Write struct {
	Dir     bool // a directory; only for new nodes
	Value   string
	Expires time.Time // zero: never
	// Refresh keeps the value that is there, whatever Value says, and tells no watch.
	Refresh bool
}

// Get shows a file, or a directory with what lies directly in it; if recursive, with all
// that is below it.
func (t *Tree) Get(p string, recursive bool) (*Event, error) {
	p = clean(p)
	if _, err := t.find(p); err != nil {
		return nil, err
	}
	depth := 1
	if recursive {
		depth = -1
	}
	return &Event{Action: "get", Node: t.show(p, depth)}, nil
}

// Set puts a file, or an empty directory, where nothing is or a file is. What is missing of
// the directories around it is made. It is a new node, with a new createdIndex, also where
// a file was.
func (t *Tree) Set(p string, w Write) (*Event, error) {
	p = clean(p)
	old, err := t.find(p)
	if err != nil && (w.Refresh || err.Code != KeyNotFound) {
		return nil, err
	}
	if w.Refresh {
		w.Value = old.value
	}
	return t.put("set", p, w)
}

// Create is Set where nothing may be yet.
func (t *Tree) Create(p string, w Write) (*Event, error) {
	w.Refresh = false // there is nothing to keep
	return t.put("create", clean(p), w)
}

// CreateInOrder creates a node in the directory p. Its name is the index, in 20 digits, so
// the order of the names is the order in which they were made.
func (t *Tree) CreateInOrder(p string, w Write) (*Event, error) {
	return t.Create(path.Join(p, fmt.Sprintf("%020d", t.index+1)), w)
}

func (t *Tree) put(action, p string, w Write) (*Event, error) {
	if p == "/" {
		return nil, t.refuse(RootReadOnly, "/")
	}
	e := &Event{Action: action, isRefresh: w.Refresh}
	old, err := t.find(p)
	switch {
	case err != nil && err.Code != KeyNotFound:
		return nil, err
	case err == nil && action == "create":
		return nil, t.refuse(AlreadyExists, p)
	case err == nil && old.isDir:
		return nil, t.refuse(NotAFile, p)
	case err == nil:
		e.PrevNode = t.show(p, 0)
	}
	t.makeDir(path.Dir(p))
	n := node{isDir: w.Dir, expires: w.Expires, created: t.index + 1, modified: t.index + 1}
	if !w.Dir {
		n.value = w.Value
	}
	t.nodes[p] = n
	e.Node = t.show(p, 0)
	return t.happened(e), nil
}

// Update changes the value and the expiry of a file, or the expiry of a directory. It stays
// the same node: createdIndex stays. So does the modifiedIndex of a directory.
func (t *Tree) Update(p string, w Write) (*Event, error) {
	p = clean(p)
	n, err := t.find(p)
	switch {
	case p == "/":
		return nil, t.refuse(RootReadOnly, "/")
	case err != nil:
		return nil, err
	case n.isDir && w.Value != "":
		return nil, t.refuse(NotAFile, p)
	}
	return t.change("update", p, n, w), nil
}

// CompareAndSwap is Update of a file if it has the value and the modifiedIndex that are
// given. An empty value and the index 0 are not compared.
func (t *Tree) CompareAndSwap(p, prevValue string, prevIndex uint64, w Write) (*Event, error) {
	p = clean(p)
	if p == "/" {
		return nil, t.refuse(RootReadOnly, "/")
	}
	n, err := t.compare(p, prevValue, prevIndex)
	if err != nil {
		return nil, err
	}
	return t.change("compareAndSwap", p, n, w), nil
}

func (t *Tree) change(action, p string, n node, w Write) *Event {
	e := &Event{Action: action, PrevNode: t.show(p, 0), isRefresh: w.Refresh}
	if !n.isDir {
		n.modified = t.index + 1
		if !w.Refresh {
			n.value = w.Value
		}
	}
	n.expires = w.Expires
	t.nodes[p] = n
	e.Node = t.show(p, 0)
	e.Node.ModifiedIndex = t.index + 1
	return t.happened(e)
}

// compare returns a file that is as it should be.
func (t *Tree) compare(p, prevValue string, prevIndex uint64) (node, error) {
	n, err := t.find(p)
	switch {
	case err != nil:
		return n, err
	case n.isDir:
		return n, t.refuse(NotAFile, strings.TrimSuffix(p, "/"))
	}
	var wrong []string
	if prevValue != "" && prevValue != n.value {
		wrong = append(wrong, fmt.Sprintf("[%s != %s]", prevValue, n.value))
	}
	if prevIndex != 0 && prevIndex != n.modified {
		wrong = append(wrong, fmt.Sprintf("[%d != %d]", prevIndex, n.modified))
	}
	if wrong != nil {
		return n, t.refuse(CompareFailed, strings.Join(wrong, " "))
	}
	return n, nil
}

// CompareAndDelete deletes a file if it is as CompareAndSwap wants it. The root is refused
// for being a directory, and as such it has no name.
func (t *Tree) CompareAndDelete(p, prevValue string, prevIndex uint64) (*Event, error) {
	p = clean(p)
	if _, err := t.compare(p, prevValue, prevIndex); err != nil {
		return nil, err
	}
	return t.delete("compareAndDelete", p), nil
}

// Delete deletes a file; with dir, an empty directory, too; with recursive, a directory
// with all that is below it.
func (t *Tree) Delete(p string, dir, recursive bool) (*Event, error) {
	p = clean(p)
	n, err := t.find(p)
	switch {
	case p == "/":
		return nil, t.refuse(RootReadOnly, "/")
	case err != nil:
		return nil, err
	case n.isDir && !dir && !recursive:
		return nil, t.refuse(NotAFile, p)
	case !recursive && len(t.children(p)) > 0:
		return nil, t.refuse(DirNotEmpty, p)
	}
	return t.delete("delete", p), nil
}

// delete takes a node away. The event shows it without value, at the index of its end.
func (t *Tree) delete(action, p string) *Event {
	prev := t.show(p, 0)
	last := &Node{Key: p, Dir: prev.Dir, CreatedIndex: prev.CreatedIndex, ModifiedIndex: t.index + 1}
	return t.happened(&Event{Action: action, Node: last, PrevNode: prev, gone: t.remove(p)})
}

// Advance hands the clock in, which never goes back. Every node whose time has come goes, a
// directory with all that is below it, each by an event of its own, in the order of their
// times. A server is later than this: its leader looks at the clock twice a second.
func (t *Tree) Advance(now time.Time) []*Event {
	if now.After(t.now) {
		t.now = now
	}
	var expired []string
	for p, n := range t.nodes {
		if !n.expires.IsZero() && !n.expires.After(t.now) {
			expired = append(expired, p)
		}
	}
	slices.SortFunc(expired, func(a, b string) int {
		return cmp.Or(t.nodes[a].expires.Compare(t.nodes[b].expires), cmp.Compare(a, b))
	})
	var events []*Event
	for _, p := range expired {
		if _, err := t.find(p); err == nil { // not gone with its directory
			events = append(events, t.delete("expire", p))
		}
	}
	return events
}
