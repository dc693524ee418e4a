package raftexample

import (
	"encoding/json"
	"fmt"
)

// kvstore is what is replicated: the pairs, and who the members are. It changes only by
// applying entries, in the order of the log, and takes nothing else into account: so it is
// the same on all members after the same entry.
type kvstore struct {
	kvStore map[string]string
	members map[uint64]string // where each member listens for the others
	removed map[uint64]bool   // IDs that must not come back
}

func newKVStore() *kvstore {
	return &kvstore{kvStore: map[string]string{}, members: map[uint64]string{}, removed: map[uint64]bool{}}
}

// kv is what an entry says: store Val under Key, and if If is set, only where Old stands
// now. ID is the request's; the member that proposed it knows who waits for it. Strings
// are bytes here, because JSON would change those that are not UTF-8.
type kv struct {
	ID  uint64 `json:"id"`
	Key []byte `json:"key"`
	Val []byte `json:"val"`
	If  bool   `json:"if,omitempty"`
	Old []byte `json:"old,omitempty"`
}

func (c kv) encode() []byte {
	b, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("raftexample: a request cannot be encoded: %v", err)) // it has numbers and bytes only
	}
	return b
}

func decodeKV(b []byte) (c kv, err error) {
	if err := json.Unmarshal(b, &c); err != nil {
		return kv{}, fmt.Errorf("raftexample: an entry that is no request: %w", err)
	}
	return c, nil
}

// apply does what c says and returns what stood under the key before. A key that was
// never written has the empty value.
func (s *kvstore) apply(c kv) Result {
	before, found := s.kvStore[string(c.Key)]
	if c.If && before != string(c.Old) {
		return Result{Value: before, Found: found, Refused: true}
	}
	s.kvStore[string(c.Key)] = string(c.Val)
	return Result{Value: before, Found: found}
}

func (s *kvstore) get(key string) Result {
	value, found := s.kvStore[key]
	return Result{Value: value, Found: found}
}

// Result is the answer to a request.
type Result struct {
	Value   string // a GET: the value; a PUT: the one before
	Found   bool   // there was one
	Refused bool   // CompareAndSwap: Value is not what was expected, nothing was stored
}
