package v2store

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Permanent is the expiry time of a node that lives until it is deleted.
var Permanent time.Time

// node is one place in the tree (book §6.1.1).
//
// Invariants
//  1. Children is nil for a file and not nil for a directory, also an empty one.
//  2. Path is the parent's path joined with the name under which the parent has it.
//  3. CreatedIndex <= ModifiedIndex <= the store's CurrentIndex.
//
// The exported fields, in this order, are the node's JSON in a saved store.
type node struct {
	Path          string
	CreatedIndex  uint64
	ModifiedIndex uint64
	Parent        *node `json:"-"` // set again by Recovery; a tree in JSON needs no way up
	ExpireTime    time.Time
	Value         string
	Children      map[string]*node
}

func newFile(nodePath, value string, index uint64, parent *node, expire time.Time) *node {
	return &node{
		Path: nodePath, CreatedIndex: index, ModifiedIndex: index,
		Parent: parent, ExpireTime: expire, Value: value,
	}
}

func newDir(nodePath string, index uint64, parent *node, expire time.Time) *node {
	return &node{
		Path: nodePath, CreatedIndex: index, ModifiedIndex: index,
		Parent: parent, ExpireTime: expire, Children: make(map[string]*node),
	}
}

func (n *node) isDir() bool { return n.Children != nil }

func (n *node) name() string { return path.Base(n.Path) }

// isHidden tells whether listings leave the node out; asked for by name, it is
// shown.
func (n *node) isHidden() bool { return strings.HasPrefix(n.name(), "_") }

// add makes child a child of n, in place of an older one of the same name.
func (n *node) add(child *node) { n.Children[child.name()] = child }

// detach takes n, with everything below it, out of the tree.
func (n *node) detach() { delete(n.Parent.Children, n.name()) }

// expiration returns the expiry time in UTC and the time left in whole seconds,
// rounded up; nil and 0 for a permanent node.
func (n *node) expiration(now time.Time) (*time.Time, int64) {
	if n.ExpireTime.Equal(Permanent) {
		return nil, 0
	}
	left := n.ExpireTime.Sub(now)
	ttlSeconds := int64(left / time.Second)
	if left%time.Second > 0 {
		ttlSeconds++
	}
	utc := n.ExpireTime.UTC()
	return &utc, ttlSeconds
}

// Depths of repr.
const (
	itself     = 0
	oneLevel   = 1
	everything = -1
)

// repr copies the node for the outside, with depth levels of what is below it;
// a negative depth has no end. Children come in byte order of their names: clients
// may ask for that order, and without asking may not rely on another.
func (n *node) repr(depth int, now time.Time) *NodeExtern {
	out := &NodeExtern{
		Key:           n.Path,
		ModifiedIndex: n.ModifiedIndex,
		CreatedIndex:  n.CreatedIndex,
	}
	out.Expiration, out.TTL = n.expiration(now)
	if !n.isDir() {
		value := n.Value
		out.Value = &value
		return out
	}
	out.Dir = true
	if depth == itself {
		return out
	}
	for _, name := range slices.Sorted(maps.Keys(n.Children)) {
		if child := n.Children[name]; !child.isHidden() {
			out.Nodes = append(out.Nodes, child.repr(depth-1, now))
		}
	}
	return out
}

// clone copies the subtree, so that it can be written out while the original
// goes on changing.
func (n *node) clone(parent *node) *node {
	c := *n
	c.Parent = parent
	if n.isDir() {
		c.Children = make(map[string]*node, len(n.Children))
		for name, child := range n.Children {
			c.Children[name] = child.clone(&c)
		}
	}
	return &c
}

// adopt sets the way up again in a subtree that came out of JSON.
func (n *node) adopt(parent *node) {
	n.Parent = parent
	for _, child := range n.Children {
		child.adopt(n)
	}
}

// check reports the first place where a subtree that came out of JSON breaks
// invariant 2, or where something is missing.
func (n *node) check(nodePath string) error {
	if n.Path != nodePath {
		return fmt.Errorf("the node at %s says that its path is %s", nodePath, n.Path)
	}
	for name, child := range n.Children {
		if child == nil {
			return fmt.Errorf("%s has a child %q without content", n.Path, name)
		}
		childPath := path.Join(n.Path, name)
		if path.Base(childPath) != name {
			return fmt.Errorf("%s has a child of the impossible name %q", n.Path, name)
		}
		if err := child.check(childPath); err != nil {
			return err
		}
	}
	return nil
}
