package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Command is what clients have the cluster remember: a write to a small key-value store.
// In a log it is text, so that logs read well:
//
//	#17 put a 17      a is now 17
//	#18 cas a 17 18   a is now 18 if it was 17; "-" stands for a key that is not there
type Command struct {
	ID       uint64 // of the request; no two requests share one, a retry would be a new request
	Op       string // put or cas
	Key      string
	Old, New string // Old only in cas
}

// Encode is the command as it lies in a log.
func (c Command) Encode() []byte {
	b := make([]byte, 0, 24)
	b = append(b, '#')
	b = strconv.AppendUint(b, c.ID, 10)
	b = append(append(append(append(b, ' '), c.Op...), ' '), c.Key...)
	if c.Op == "cas" {
		b = append(append(b, ' '), dash(c.Old)...)
	}
	return append(append(b, ' '), dash(c.New)...)
}

// ParseCommand is the inverse of Encode; false for anything else.
func ParseCommand(data []byte) (c Command, ok bool) {
	var words [5]string
	n := 0
	for rest := string(data); rest != ""; n++ {
		if n == len(words) {
			return c, false
		}
		words[n], rest, _ = strings.Cut(rest, " ")
	}
	if n < 4 || words[0] == "" || words[0][0] != '#' {
		return c, false
	}
	id, err := strconv.ParseUint(words[0][1:], 10, 64)
	c = Command{ID: id, Op: words[1], Key: words[2], New: undash(words[n-1])}
	if c.Op == "cas" {
		c.Old = undash(words[3])
	}
	return c, err == nil && (c.Op == "put" && n == 4 || c.Op == "cas" && n == 5)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func undash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

// Store is the replicated state machine: a sorted list of pairs.
type Store struct {
	pairs []pair
}

type pair struct{ key, value string }

// Get is the value of key, "" if there is none.
func (s *Store) Get(key string) string {
	for i := range s.pairs {
		if s.pairs[i].key == key {
			return s.pairs[i].value
		}
	}
	return ""
}

func (s *Store) put(key, value string) {
	at, found := slices.BinarySearchFunc(s.pairs, key, func(p pair, k string) int { return strings.Compare(p.key, k) })
	if found {
		s.pairs[at].value = value
		return
	}
	s.pairs = slices.Insert(s.pairs, at, pair{key, value})
}

// Apply carries out an entry's data and returns the command and what it found: the value
// of the key before. Data that is no command (a new leader's empty entry) changes nothing.
func (s *Store) Apply(data []byte) (c Command, before string, ok bool) {
	if c, ok = ParseCommand(data); !ok {
		return c, "", false
	}
	before = s.Get(c.Key)
	if c.Op == "put" || before == c.Old {
		s.put(c.Key, c.New)
	}
	return c, before, true
}

// Marshal is the whole state, the same bytes for the same state: "a=17\nb=5\n".
func (s *Store) Marshal() []byte {
	var b bytes.Buffer
	for _, p := range s.pairs {
		fmt.Fprintf(&b, "%s=%s\n", p.key, p.value)
	}
	return b.Bytes()
}

// UnmarshalStore is the inverse of Marshal.
func UnmarshalStore(state []byte) (Store, error) {
	var s Store
	for line := range strings.Lines(string(state)) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			return s, fmt.Errorf("sim: %q is not a pair of a stored state", line)
		}
		s.put(key, value)
	}
	return s, nil
}

func (s *Store) clone() Store { return Store{pairs: slices.Clone(s.pairs)} }
