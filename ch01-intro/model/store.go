package model

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"insideetcd/ch01-intro/api/mvccpb"
)

// Store is the key space and the leases. [New] makes one.
//
// Invariants
//  1. history only grows. An event in it, and the key-value of the event, never change, so
//     stores can share them.
//  2. The first change has revision 2. Changes of one request have the same revision, which
//     is one more than the revision before.
//  3. Every live key that names a lease names one that exists.
type Store struct {
	// MinTTL is the shortest TTL in seconds that a lease is granted: 1.5 election timeouts
	// of the server, rounded up. New sets it for etcd's default of one second.
	MinTTL int64

	history   []*mvccpb.Event // all changes, in order
	sum       uint64          // hash of history
	compacted int64           // revision of the newest compaction; -1: there was none
	leases    map[int64]lease
	now       time.Duration // since the store was made
}

// New returns an empty store. Its revision is 1.
func New() *Store {
	return &Store{MinTTL: 2, compacted: -1, leases: map[int64]lease{}}
}

// Rev is the revision of the newest change. While a transaction is executed it is one more
// from its first change on.
func (s *Store) Rev() int64 {
	if len(s.history) == 0 {
		return 1
	}
	return s.history[len(s.history)-1].Kv.ModRevision
}

// Compacted is the revision of the newest compaction, -1 if there was none.
func (s *Store) Compacted() int64 { return s.compacted }

// Clone returns a store that goes its own way from here.
func (s *Store) Clone() *Store {
	c := *s
	c.history = slices.Clip(s.history) // whoever appends first gets an array of its own
	c.leases = maps.Clone(s.leases)
	return &c
}

// Hash is equal for stores that answer every question in the same way, and different, but
// for accidents, for those that do not.
func (s *Store) Hash() uint64 {
	words := []uint64{s.sum, uint64(s.compacted), uint64(s.now), uint64(s.MinTTL)}
	for _, id := range slices.Sorted(maps.Keys(s.leases)) {
		words = append(words, uint64(id), uint64(s.leases[id].ttl), uint64(s.leases[id].expires))
	}
	return digest(words, nil)
}

func digest(words []uint64, rest []byte) uint64 {
	h := fnv.New64a()
	for _, w := range words {
		h.Write(binary.BigEndian.AppendUint64(nil, w))
	}
	h.Write(rest)
	return h.Sum64()
}

// add appends a change. This is the only place where the key space changes.
func (s *Store) add(e *mvccpb.Event) {
	s.history = append(s.history, e)
	kv := e.Kv
	s.sum = digest([]uint64{s.sum, uint64(e.Type), uint64(kv.ModRevision), uint64(kv.CreateRevision),
		uint64(kv.Version), uint64(kv.Lease), uint64(len(kv.Key))}, slices.Concat(kv.Key, kv.Value))
}

// at returns the keys that live at revision rev, with what they hold there: it reads the
// list up to rev. A put sets a key, a delete takes it away.
func (s *Store) at(rev int64) map[string]*mvccpb.KeyValue {
	live := map[string]*mvccpb.KeyValue{}
	for _, e := range s.history {
		switch key := string(e.Kv.Key); {
		case e.Kv.ModRevision > rev:
			return live
		case e.Type == mvccpb.Event_DELETE:
			delete(live, key)
		default:
			live[key] = e.Kv
		}
	}
	return live
}

// find returns the live keys of an interval at a revision, in the order of the keys.
func (s *Store) find(key, rangeEnd []byte, rev int64) []*mvccpb.KeyValue {
	var found []*mvccpb.KeyValue
	for _, kv := range s.at(rev) {
		if contains(key, rangeEnd, kv.Key) {
			found = append(found, kv)
		}
	}
	slices.SortFunc(found, func(a, b *mvccpb.KeyValue) int { return bytes.Compare(a.Key, b.Key) })
	return found
}

// get returns what a key holds at a revision; nil if it does not live there.
func (s *Store) get(key []byte, rev int64) *mvccpb.KeyValue { return s.at(rev)[string(key)] }

// contains tells whether k lies in the interval that key and rangeEnd name, in all of the
// API alike: no range end is the one key, a zero byte is everything from the key on, and
// otherwise the range end is the first key behind. An end at or before the key leaves nothing.
func contains(key, rangeEnd, k []byte) bool {
	switch {
	case len(rangeEnd) == 0:
		return bytes.Equal(k, key)
	case isOpen(rangeEnd):
		return bytes.Compare(k, key) >= 0
	}
	return bytes.Compare(k, key) >= 0 && bytes.Compare(k, rangeEnd) < 0
}

func isOpen(rangeEnd []byte) bool { return len(rangeEnd) == 1 && rangeEnd[0] == 0 }

// Timeline tells the history, one change a line: revision and sub revision, what was done,
// and for a put the three numbers that the key has from then on.
func (s *Store) Timeline() string {
	var b strings.Builder
	sub := 0
	for i, e := range s.history {
		if i > 0 && s.history[i-1].Kv.ModRevision == e.Kv.ModRevision {
			sub++
		} else {
			sub = 0
		}
		fmt.Fprintf(&b, "%d.%d  ", e.Kv.ModRevision, sub)
		if e.Type == mvccpb.Event_DELETE {
			fmt.Fprintf(&b, "delete %s\n", e.Kv.Key)
			continue
		}
		fmt.Fprintf(&b, "put    %s = %-6s create %d, mod %d, version %d", e.Kv.Key, e.Kv.Value, e.Kv.CreateRevision, e.Kv.ModRevision, e.Kv.Version)
		if e.Kv.Lease != 0 {
			fmt.Fprintf(&b, ", lease %d", e.Kv.Lease)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
