package v2

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"time"
)

// Tree is the key space of v2. [New] makes one.
//
// Invariants
//  1. The root is a directory. Every other node lies in a directory.
//  2. The event of index i, if it is one of this tree, is history[i-base-1].
//  3. Of each node createdIndex <= modifiedIndex <= index.
type Tree struct {
	base, index uint64
	nodes       map[string]node // by clean path
	history     []*Event
	now         time.Time
}

// node is a file or a directory.
type node struct {
	isDir             bool
	value             string
	created, modified uint64
	expires           time.Time // zero: never
}

// New returns an empty tree at an index and a time.
func New(index uint64, now time.Time) *Tree {
	return &Tree{base: index, index: index, now: now, nodes: map[string]node{"/": {isDir: true}}}
}

// Index is the index of the last change.
func (t *Tree) Index() uint64 { return t.index }

// Clone returns a tree that goes its own way from here.
func (t *Tree) Clone() *Tree {
	c := *t
	c.nodes, c.history = maps.Clone(t.nodes), slices.Clip(t.history)
	return &c
}

// Hash is equal for trees with the same nodes at the same index and time.
func (t *Tree) Hash() uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %d", t.index, t.now.UnixNano())
	for _, p := range slices.Sorted(maps.Keys(t.nodes)) {
		n := t.nodes[p]
		fmt.Fprintf(h, "%q %t %q %d %d %d", p, n.isDir, n.value, n.created, n.modified, n.expires.UnixNano())
	}
	return h.Sum64()
}

func clean(p string) string { return path.Join("/", p) }

// find returns the node at a clean path. Its errors name the first path on the way that is
// missing, or that is a file although something is to lie in it.
func (t *Tree) find(p string) (node, *Error) {
	if n, ok := t.nodes[p]; ok {
		return n, nil
	}
	dir := path.Dir(p)
	parent, err := t.find(dir)
	switch {
	case err != nil:
		return node{}, err
	case !parent.isDir:
		return node{}, t.refuse(NotADirectory, dir)
	}
	return node{}, t.refuse(KeyNotFound, p)
}

// children lists the paths that lie directly in a directory, in their order, the hidden
// ones too.
func (t *Tree) children(dir string) (paths []string) {
	for p := range t.nodes {
		if p != "/" && path.Dir(p) == dir {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths
}

// isBelow tells whether p lies in the directory dir, at any depth.
func isBelow(p, dir string) bool {
	return p != dir && strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// remove takes a node away with everything below it, and tells what that was.
func (t *Tree) remove(p string) (gone []string) {
	for other := range t.nodes {
		if other == p || isBelow(other, p) {
			delete(t.nodes, other)
			gone = append(gone, other)
		}
	}
	return gone
}

// makeDir makes a directory with those around it, as far as they are missing.
func (t *Tree) makeDir(p string) {
	if _, ok := t.nodes[p]; ok {
		return
	}
	t.makeDir(path.Dir(p))
	t.nodes[p] = node{isDir: true, created: t.index + 1, modified: t.index + 1}
}

// show shows a node and so many levels of what is in it; -1 is all of it. Names that begin
// with an underscore are hidden: they are in no listing, but can be asked for.
func (t *Tree) show(p string, depth int) *Node {
	n := t.nodes[p]
	shown := &Node{Key: p, Dir: n.isDir, ModifiedIndex: n.modified, CreatedIndex: n.created}
	if p == "/" {
		shown.Key = ""
	}
	t.showTime(shown, n)
	if !n.isDir {
		shown.Value = &n.value
		return shown
	}
	if depth == 0 {
		return shown
	}
	for _, child := range t.children(p) {
		if !strings.HasPrefix(path.Base(child), "_") {
			shown.Nodes = append(shown.Nodes, t.show(child, depth-1))
		}
	}
	return shown
}

func (t *Tree) showTime(shown *Node, n node) {
	if n.expires.IsZero() {
		return
	}
	expires := n.expires.UTC()
	shown.Expiration = &expires
	shown.TTL = int64(math.Ceil(n.expires.Sub(t.now).Seconds()))
}

// happened takes the next index for a change that was made at it.
func (t *Tree) happened(e *Event) *Event {
	t.index++
	t.history = append(t.history, e)
	return e
}
