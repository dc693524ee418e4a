package interval

import "bytes"

// Tree finds those of many intervals that contain a key. It holds one value for each
// interval; the zero Tree is empty. Who uses it from several goroutines locks it.
//
// It is a search tree, ordered by where intervals begin, then by where they end, and
// balanced as Adelson-Velsky and Landis have shown. Each node also knows the latest end
// below it. One example, a to g beginning from left to right:
//
//	                d [4,6)  latest end 9
//	              /                      \
//	     b [2,9) latest 9            f [6,7)  latest 8
//	    /        \                   /       \
//	a [1,2)    c [3,4)          e [5,6)     g [7,8)
//
// Which of them contain 6? At d: below it something ends after 6, so go left and right. At
// b: yes, b does; a and c and what is below them end too early: not visited further. At f:
// f does; e ends too early, and g begins too late, as would everything to the right of it.
//
// A search visits O(log n) nodes if it finds nothing, and O(log n) more for each interval
// found, at the worst; intervals found that lie next to each other share their ways, so m
// of them cost O(log n + m).
//
// Invariants:
//  1. Left of a node are smaller intervals, right of it greater ones; none is empty.
//  2. latest is the latest end in the node's subtree.
//  3. The heights of two siblings differ by one at most.
type Tree[V any] struct {
	root *node[V]
	size int
}

type node[V any] struct {
	iv          Interval
	end         bound
	latest      bound
	height      int
	value       V
	left, right *node[V]
}

// bound is the smallest key above a set; open means that there is none.
type bound struct {
	key  []byte
	open bool
}

func (b bound) compare(other bound) int {
	switch {
	case b.open && other.open:
		return 0
	case b.open:
		return 1
	case other.open:
		return -1
	}
	return bytes.Compare(b.key, other.key)
}

func (b bound) isAfter(key []byte) bool { return b.open || bytes.Compare(key, b.key) < 0 }

func boundOf(iv Interval) bound {
	end, isBounded := iv.End()
	return bound{key: end, open: !isBounded}
}

// Len is the number of intervals.
func (t *Tree[V]) Len() int { return t.size }

// Get returns the value of exactly this interval.
func (t *Tree[V]) Get(iv Interval) (value V, found bool) {
	end := boundOf(iv)
	for n := t.root; n != nil; {
		switch c := n.compare(iv, end); {
		case c < 0:
			n = n.left
		case c > 0:
			n = n.right
		default:
			return n.value, true
		}
	}
	return value, false
}

// Set gives the interval a value, in place of the one that it has. The tree keeps the
// interval's keys, which the caller must not change. An empty interval contains nothing
// and is not kept.
func (t *Tree[V]) Set(iv Interval, value V) {
	if !iv.IsEmpty() {
		t.root = t.set(t.root, iv, boundOf(iv), value)
	}
}

func (t *Tree[V]) set(n *node[V], iv Interval, end bound, value V) *node[V] {
	if n == nil {
		t.size++
		return &node[V]{iv: iv, end: end, latest: end, height: 1, value: value}
	}
	switch c := n.compare(iv, end); {
	case c < 0:
		n.left = t.set(n.left, iv, end, value)
	case c > 0:
		n.right = t.set(n.right, iv, end, value)
	default:
		n.value = value
		return n
	}
	return n.balanced()
}

// Delete removes the interval and tells whether it was there.
func (t *Tree[V]) Delete(iv Interval) bool {
	before := t.size
	t.root = t.delete(t.root, iv, boundOf(iv))
	return t.size < before
}

func (t *Tree[V]) delete(n *node[V], iv Interval, end bound) *node[V] {
	if n == nil {
		return nil
	}
	switch c := n.compare(iv, end); {
	case c < 0:
		n.left = t.delete(n.left, iv, end)
	case c > 0:
		n.right = t.delete(n.right, iv, end)
	case n.left == nil:
		t.size--
		return n.right
	case n.right == nil:
		t.size--
		return n.left
	default: // the next greater interval takes its place
		t.size--
		right, next := n.right.withoutFirst()
		next.left, next.right = n.left, right
		return next.balanced()
	}
	return n.balanced()
}

// AppendContaining appends the values of the intervals that contain key, in the order of
// the intervals.
func (t *Tree[V]) AppendContaining(values []V, key []byte) []V {
	return t.root.appendContaining(values, key)
}

func (n *node[V]) appendContaining(values []V, key []byte) []V {
	if n == nil || !n.latest.isAfter(key) {
		return values
	}
	values = n.left.appendContaining(values, key)
	if bytes.Compare(n.iv.begin, key) > 0 {
		return values // and all to the right begin even later
	}
	if n.end.isAfter(key) {
		values = append(values, n.value)
	}
	return n.right.appendContaining(values, key)
}

// AppendAll appends all values, in the order of the intervals.
func (t *Tree[V]) AppendAll(values []V) []V { return t.root.appendAll(values) }

func (n *node[V]) appendAll(values []V) []V {
	if n == nil {
		return values
	}
	values = append(n.left.appendAll(values), n.value)
	return n.right.appendAll(values)
}

// compare tells on which side of n the interval belongs: negative is left.
func (n *node[V]) compare(iv Interval, end bound) int {
	if c := bytes.Compare(iv.begin, n.iv.begin); c != 0 {
		return c
	}
	return end.compare(n.end)
}

// withoutFirst takes the smallest interval out of the subtree.
func (n *node[V]) withoutFirst() (rest, first *node[V]) {
	if n.left == nil {
		return n.right, n
	}
	n.left, first = n.left.withoutFirst()
	return n.balanced(), first
}

// balanced restores invariants 2 and 3 after the height of one child has changed by one,
// and returns the node that now stands in place of n.
func (n *node[V]) balanced() *node[V] {
	switch n.lean() {
	case -2:
		if n.left.lean() > 0 {
			n.left = n.left.rotatedLeft()
		}
		return n.rotatedRight()
	case 2:
		if n.right.lean() < 0 {
			n.right = n.right.rotatedRight()
		}
		return n.rotatedLeft()
	}
	n.update()
	return n
}

func (n *node[V]) rotatedLeft() *node[V] {
	top := n.right
	n.right, top.left = top.left, n
	n.update()
	top.update()
	return top
}

func (n *node[V]) rotatedRight() *node[V] {
	top := n.left
	n.left, top.right = top.right, n
	n.update()
	top.update()
	return top
}

// lean is how much higher the right side is.
func (n *node[V]) lean() int { return n.right.levels() - n.left.levels() }

func (n *node[V]) levels() int {
	if n == nil {
		return 0
	}
	return n.height
}

func (n *node[V]) update() {
	n.height = 1 + max(n.left.levels(), n.right.levels())
	n.latest = n.end
	for _, child := range []*node[V]{n.left, n.right} {
		if child != nil && child.latest.compare(n.latest) > 0 {
			n.latest = child.latest
		}
	}
}
