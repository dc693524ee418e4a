package v2store

import (
	"fmt"
	"path"
	"strings"
	"sync"
	"time"
)

// CurrentVersion is the version of the saved layout; there has been no other since
// etcd 0.5.
const CurrentVersion = 2

// minExpireTime is the earliest time that counts as an expiry; anything before it,
// above all the zero of a request without one, means permanent.
var minExpireTime = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// Store is the v2 tree. All methods may be called from any goroutine.
type Store interface {
	// Version returns the version of the saved layout.
	Version() int
	// Index returns the index of the last write.
	Index() uint64

	// Get shows a node; of a directory its children, and with recursive all below it.
	Get(nodePath string, recursive bool) (*Event, error)
	// Set puts a file or, with dir, an empty directory at nodePath, in place of an
	// older file. The new node has a new CreatedIndex also when it replaces one.
	Set(nodePath string, dir bool, value string, opts TTLOptionSet) (*Event, error)
	// Update changes the value and expiry of a file, or the expiry of a directory.
	Update(nodePath, newValue string, opts TTLOptionSet) (*Event, error)
	// Create is Set where no node may exist. With unique, nodePath is a directory
	// and the new node in it is named by the index of this write, 20 digits.
	Create(nodePath string, dir bool, value string, unique bool, opts TTLOptionSet) (*Event, error)
	// Delete removes a file, with dir an empty directory, with recursive a subtree.
	Delete(nodePath string, dir, recursive bool) (*Event, error)

	// Save returns the whole store as JSON.
	Save() ([]byte, error)
	// Recovery replaces the whole store by a saved one, or changes nothing.
	Recovery(state []byte) error
	// Clone copies the store; SaveNoCopy of the copy then takes its time while
	// writers go on with the original.
	Clone() Store
	// SaveNoCopy is Save without a copy first. Only for a clone that nobody changes.
	SaveNoCopy() ([]byte, error)
	// JsonStats returns the operation counts as JSON.
	JsonStats() []byte
}

// TTLOptionSet says how long a written node lives.
type TTLOptionSet struct {
	// ExpireTime is when the node ends; a time before the year 2000 means never.
	ExpireTime time.Time
	// Refresh keeps the value and only renews the expiry.
	Refresh bool
}

// store implements Store (book §6.1.4). The exported fields, in this order, are the
// saved JSON.
//
// Invariants, at every moment at which worldLock is free
//  1. CurrentIndex grows by exactly one with each successful write, and by nothing else.
//  2. The newest event of the history happened at CurrentIndex, or there is none.
//  3. The namespaces exist and are directories.
type store struct {
	Root           *node
	WatcherHub     *watcherHub
	CurrentIndex   uint64
	Stats          *Stats
	CurrentVersion int

	worldLock   sync.RWMutex // stop the world: one writer, or any number of readers
	clock       func() time.Time
	readonlySet map[string]bool
}

// New returns an empty store in which the given namespaces ("/0", "/1") exist, from
// index 0 on and for ever.
func New(namespaces ...string) Store { return newStore(time.Now, namespaces...) }

func newStore(clock func() time.Time, namespaces ...string) *store {
	s := &store{
		Root:           newDir("/", 0, nil, Permanent),
		WatcherHub:     newWatcherHub(historyCapacity),
		Stats:          &Stats{},
		CurrentVersion: CurrentVersion,
		clock:          clock,
		readonlySet:    map[string]bool{"/": true},
	}
	for _, namespace := range namespaces {
		s.Root.add(newDir(namespace, 0, s.Root, Permanent))
		s.readonlySet[namespace] = true
	}
	return s
}

func (s *store) Version() int { return s.CurrentVersion }

func (s *store) Index() uint64 {
	s.worldLock.RLock()
	defer s.worldLock.RUnlock()
	return s.CurrentIndex
}

func (s *store) Get(nodePath string, recursive bool) (e *Event, err error) {
	s.worldLock.RLock()
	defer s.worldLock.RUnlock()
	defer func() {
		count(&s.Stats.GetSuccess, &s.Stats.GetFail, err)
		reportRead(recursive, err)
	}()
	n, err := s.find(clean(nodePath))
	if err != nil {
		return nil, err
	}
	depth := oneLevel
	if recursive {
		depth = everything
	}
	e = &Event{Action: Get, Node: n.repr(depth, s.clock()), EtcdIndex: s.CurrentIndex}
	return e, nil
}

func (s *store) Set(nodePath string, dir bool, value string, opts TTLOptionSet) (e *Event, err error) {
	s.worldLock.Lock()
	defer s.worldLock.Unlock()
	defer func() {
		count(&s.Stats.SetSuccess, &s.Stats.SetFail, err)
		reportWrite(Set, err)
	}()
	nodePath = clean(nodePath)
	old, err := s.find(nodePath)
	if err != nil && (opts.Refresh || !IsKeyNotFound(err)) {
		return nil, err
	}
	if opts.Refresh {
		value = old.Value
	}
	return s.put(Set, nodePath, dir, value, opts)
}

func (s *store) Create(nodePath string, dir bool, value string, unique bool, opts TTLOptionSet) (e *Event, err error) {
	s.worldLock.Lock()
	defer s.worldLock.Unlock()
	defer func() {
		count(&s.Stats.CreateSuccess, &s.Stats.CreateFail, err)
		reportWrite(Create, err)
	}()
	if unique {
		nodePath += fmt.Sprintf("/%020d", s.CurrentIndex+1)
	}
	opts.Refresh = false // nothing to refresh: the node is new
	return s.put(Create, clean(nodePath), dir, value, opts)
}

func (s *store) Update(nodePath, newValue string, opts TTLOptionSet) (e *Event, err error) {
	s.worldLock.Lock()
	defer s.worldLock.Unlock()
	defer func() {
		count(&s.Stats.UpdateSuccess, &s.Stats.UpdateFail, err)
		reportWrite(Update, err)
	}()
	n, err := s.findWritable(clean(nodePath))
	if err != nil {
		return nil, err
	}
	if n.isDir() && newValue != "" {
		return nil, newError(EcodeNotFile, n.Path, s.CurrentIndex)
	}
	if opts.Refresh {
		newValue = n.Value
	}
	e = newEvent(Update, n.Path, s.CurrentIndex+1, n.CreatedIndex)
	e.PrevNode = n.repr(itself, s.clock())
	if n.isDir() {
		// A directory keeps its ModifiedIndex: only its time to live changed.
		e.Node.Dir = true
	} else {
		n.Value, n.ModifiedIndex = newValue, s.CurrentIndex+1
		e.Node.Value = &newValue
	}
	n.ExpireTime = expireTime(opts)
	e.Node.Expiration, e.Node.TTL = n.expiration(s.clock())
	return s.commit(e, opts.Refresh), nil
}

func (s *store) Delete(nodePath string, dir, recursive bool) (e *Event, err error) {
	s.worldLock.Lock()
	defer s.worldLock.Unlock()
	defer func() {
		count(&s.Stats.DeleteSuccess, &s.Stats.DeleteFail, err)
		reportWrite(Delete, err)
	}()
	n, err := s.findWritable(clean(nodePath))
	if err != nil {
		return nil, err
	}
	switch {
	case n.isDir() && !dir && !recursive:
		return nil, newError(EcodeNotFile, n.Path, s.CurrentIndex)
	case len(n.Children) > 0 && !recursive:
		return nil, newError(EcodeDirNotEmpty, n.Path, s.CurrentIndex)
	}
	e = newEvent(Delete, n.Path, s.CurrentIndex+1, n.CreatedIndex)
	e.Node.Dir = n.isDir()
	e.PrevNode = n.repr(itself, s.clock())
	n.detach()
	return s.commit(e, false), nil
}

// put is the common half of Set, which replaces files, and Create, which replaces
// nothing. It checks the whole path BEFORE it makes the first missing directory.
func (s *store) put(action, nodePath string, dir bool, value string, opts TTLOptionSet) (*Event, error) {
	if s.readonlySet[nodePath] {
		return nil, newError(EcodeRootROnly, "/", s.CurrentIndex)
	}
	parent, err := s.findDir(path.Dir(nodePath))
	if err != nil {
		return nil, err
	}
	index := s.CurrentIndex + 1
	e := newEvent(action, nodePath, index, index)
	if old := parent.Children[path.Base(nodePath)]; old != nil {
		if action == Create {
			return nil, newError(EcodeNodeExist, nodePath, s.CurrentIndex)
		}
		if old.isDir() {
			return nil, newError(EcodeNotFile, nodePath, s.CurrentIndex)
		}
		e.PrevNode = old.repr(itself, s.clock())
	}
	parent = s.makeDirs(path.Dir(nodePath))
	var n *node
	if dir {
		n = newDir(nodePath, index, parent, expireTime(opts))
		e.Node.Dir = true
	} else {
		n = newFile(nodePath, value, index, parent, expireTime(opts))
		e.Node.Value = &value
	}
	parent.add(n)
	e.Node.Expiration, e.Node.TTL = n.expiration(s.clock())
	return s.commit(e, opts.Refresh), nil
}

// commit makes the event the store's newest fact (invariants 1 and 2).
func (s *store) commit(e *Event, refresh bool) *Event {
	s.CurrentIndex++
	if e.Index() != s.CurrentIndex {
		panic(fmt.Sprintf("v2store: invariant 2: event %s %s has index %d, the store is at %d",
			e.Action, e.Node.Key, e.Index(), s.CurrentIndex))
	}
	e.EtcdIndex = s.CurrentIndex
	e.Refresh = refresh
	s.WatcherHub.notify(e)
	return e
}

// find returns the node at a clean path. The cause of its errors is the first path
// on the way that is missing, or that is a file where a directory has to be.
func (s *store) find(nodePath string) (*node, error) {
	n := s.Root
	for _, name := range components(nodePath) {
		if !n.isDir() {
			return nil, newError(EcodeNotDir, n.Path, s.CurrentIndex)
		}
		child := n.Children[name]
		if child == nil {
			return nil, newError(EcodeKeyNotFound, path.Join(n.Path, name), s.CurrentIndex)
		}
		n = child
	}
	return n, nil
}

// findWritable is find for a node that is about to change or go.
func (s *store) findWritable(nodePath string) (*node, error) {
	if s.readonlySet[nodePath] {
		return nil, newError(EcodeRootROnly, "/", s.CurrentIndex)
	}
	return s.find(nodePath)
}

// findDir returns the directory at a clean path; where it does not exist yet but
// could be made, an empty one that hangs nowhere.
func (s *store) findDir(dirPath string) (*node, error) {
	n, err := s.find(dirPath)
	switch {
	case IsKeyNotFound(err):
		return newDir(dirPath, 0, nil, Permanent), nil
	case err != nil:
		return nil, err
	case !n.isDir():
		return nil, newError(EcodeNotDir, n.Path, s.CurrentIndex)
	}
	return n, nil
}

// makeDirs returns the directory at a clean path, having made what was missing.
func (s *store) makeDirs(dirPath string) *node {
	n := s.Root
	for _, name := range components(dirPath) {
		child := n.Children[name]
		if child == nil {
			child = newDir(path.Join(n.Path, name), s.CurrentIndex+1, n, Permanent)
			n.add(child)
		}
		n = child
	}
	return n
}

func clean(nodePath string) string { return path.Clean(path.Join("/", nodePath)) }

// components splits a clean path into names; the root has none.
func components(nodePath string) []string {
	return strings.FieldsFunc(nodePath, func(r rune) bool { return r == '/' })
}

func expireTime(opts TTLOptionSet) time.Time {
	if opts.ExpireTime.Before(minExpireTime) {
		return Permanent
	}
	return opts.ExpireTime
}
