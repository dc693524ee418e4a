package v2store

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Save returns the store as JSON. The lock is held for a copy in memory only.
func (s *store) Save() ([]byte, error) { return s.Clone().SaveNoCopy() }

// SaveNoCopy returns the store as JSON without taking the lock.
func (s *store) SaveNoCopy() ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("v2store: encode the store at index %d: %w", s.CurrentIndex, err)
	}
	return b, nil
}

// Clone copies tree, history and counts.
func (s *store) Clone() Store {
	s.worldLock.RLock()
	defer s.worldLock.RUnlock()
	return &store{
		Root:           s.Root.clone(nil),
		WatcherHub:     s.WatcherHub.clone(),
		CurrentIndex:   s.CurrentIndex,
		Stats:          s.Stats.clone(),
		CurrentVersion: s.CurrentVersion,
		clock:          s.clock,
		readonlySet:    s.readonlySet, // never changes after New
	}
}

// Recovery replaces the store by a saved one. The namespaces stay what they were
// given to New; state that lacks one of them is refused.
func (s *store) Recovery(state []byte) error {
	var saved store
	if err := json.Unmarshal(state, &saved); err != nil {
		return fmt.Errorf("v2store: decode a saved store of %d bytes: %w", len(state), err)
	}
	s.worldLock.Lock()
	defer s.worldLock.Unlock()
	if err := saved.check(s.readonlySet); err != nil {
		return fmt.Errorf("v2store: saved store of %d bytes is not usable: %w", len(state), err)
	}
	saved.Root.adopt(nil)
	s.Root, s.WatcherHub, s.Stats = saved.Root, saved.WatcherHub, saved.Stats
	s.CurrentIndex, s.CurrentVersion = saved.CurrentIndex, saved.CurrentVersion
	return nil
}

// check looks for the parts without which a later operation would fail: a file from
// outside never makes the store panic.
func (s *store) check(readonly map[string]bool) error {
	if s.Root == nil || s.WatcherHub == nil || s.WatcherHub.EventHistory == nil || s.Stats == nil {
		return errors.New("Root, WatcherHub, EventHistory or Stats is missing")
	}
	if s.CurrentVersion != CurrentVersion {
		return fmt.Errorf("it has version %d, this program reads version %d", s.CurrentVersion, CurrentVersion)
	}
	if q := &s.WatcherHub.EventHistory.Queue; !q.valid() {
		return fmt.Errorf("its event queue is inconsistent: size %d, front %d, back %d, capacity %d, %d slots",
			q.Size, q.Front, q.Back, q.Capacity, len(q.Events))
	}
	if err := s.Root.check("/"); err != nil {
		return err
	}
	for namespace := range readonly {
		if n, err := s.find(namespace); err != nil || !n.isDir() {
			return fmt.Errorf("namespace %s is missing or not a directory", namespace)
		}
	}
	return nil
}

// JsonStats returns the operation counts as JSON.
func (s *store) JsonStats() []byte {
	s.worldLock.RLock()
	defer s.worldLock.RUnlock()
	b, err := json.Marshal(s.Stats.clone())
	if err != nil {
		panic(fmt.Sprintf("v2store: sixteen numbers did not encode: %v", err))
	}
	return b
}
