package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// history numbers requests and gives each the time it has in the list: a request is
// [from, to] in steps of ten.
func history(ops ...Op) []Op {
	for i := range ops {
		ops[i].ID, ops[i].Key = uint64(i+1), "x"
	}
	return ops
}

func put(value string, call, end int64, seen string) Op {
	return Op{Kind: "put", New: value, Call: call, Return: end, Outcome: Answered, Seen: seen}
}

func get(call, end int64, seen string) Op {
	return Op{Kind: "get", Call: call, Return: end, Outcome: Answered, Seen: seen}
}

func cas(old, value string, call, end int64, seen string) Op {
	return Op{Kind: "cas", Old: old, New: value, Call: call, Return: end, Outcome: Answered, Seen: seen}
}

func unanswered(o Op, outcome Outcome) Op {
	o.Outcome, o.Return, o.Seen = outcome, 0, ""
	return o
}

func TestLinearizable(t *testing.T) {
	for _, c := range []struct {
		name string
		ops  []Op
		ok   bool
	}{
		{"one after the other", history(put("1", 1, 2, ""), get(3, 4, "1")), true},
		{"a stale read", history(put("1", 1, 2, ""), put("2", 3, 4, "1"), get(5, 6, "1")), false},
		{"a read beside a write may see it or not", history(put("1", 1, 2, ""), put("2", 3, 9, "1"), get(4, 5, "1"), get(6, 7, "2")), true},
		{"but time does not run back", history(put("1", 1, 2, ""), put("2", 3, 9, "1"), get(4, 5, "2"), get(6, 7, "1")), false},
		{"a value that nobody wrote", history(get(1, 2, "7")), false},
		{"a value whose write was refused", history(unanswered(put("1", 1, 0, ""), Refused), get(3, 4, "1")), false},
		{"a write that timed out and was seen", history(unanswered(put("1", 1, 0, ""), Unknown), get(3, 4, "1")), true},
		{"or never", history(unanswered(put("1", 1, 0, ""), Unknown), get(3, 4, "")), true},
		{"or late", history(unanswered(put("1", 1, 0, ""), Unknown), get(3, 4, ""), get(5, 6, "1")), true},
		{"but not back again", history(unanswered(put("1", 1, 0, ""), Unknown), get(3, 4, "1"), get(5, 6, "")), false},
		{"still waiting is the same", history(unanswered(put("1", 1, 0, ""), Waiting), get(3, 4, "1")), true},
		{"a swap", history(put("1", 1, 2, ""), cas("1", "2", 3, 4, "1"), get(5, 6, "2")), true},
		{"a swap that found something else", history(put("1", 1, 2, ""), cas("7", "2", 3, 4, "1"), get(5, 6, "1")), true},
		{"two swaps of one value", history(put("1", 1, 2, ""), cas("1", "2", 3, 9, "1"), cas("1", "3", 3, 9, "1")), false},
		{"a swap that timed out and was seen", history(put("1", 1, 2, ""), unanswered(cas("1", "2", 3, 0, ""), Unknown), get(5, 6, "2")), true},
		{"though it cannot have swapped", history(put("1", 1, 2, ""), unanswered(cas("7", "2", 3, 0, ""), Unknown), get(5, 6, "2")), false},
		{"a read that timed out says nothing", history(put("1", 1, 2, ""), unanswered(get(3, 0, ""), Unknown)), true},
	} {
		err := Linearizable(c.ops)
		require.Equal(t, c.ok, err == nil, "%s: %v", c.name, err)
	}
}

// The error ends with the answer that no order explains.
func TestLinearizableShowsTheAnswer(t *testing.T) {
	ops := history(put("1", 1, 2, ""), put("2", 3, 4, "1"), get(5, 6, "1"), get(7, 8, "2"))
	require.EqualError(t, Linearizable(ops), "no order of the requests of key x explains their answers:\n"+
		"    events 1 to 2: S0 #1 put x 1 = ok\n    events 3 to 4: S0 #2 put x 2 = ok\n    events 5 to 6: S0 #3 get x = 1")
}

func TestCommandsAreText(t *testing.T) {
	for _, c := range []Command{{1, "put", "a", "", "5"}, {2, "cas", "a", "5", "6"}, {3, "cas", "a", "", "6"}, {4, "put", "a", "", ""}} {
		again, ok := ParseCommand(c.Encode())
		require.True(t, ok)
		require.Equal(t, c, again)
	}
	require.Equal(t, "#2 cas a - 6", string(Command{2, "cas", "a", "", "6"}.Encode()))
	for _, text := range []string{"", "#", "#1", "#x put a 5", "#1 put a", "#1 put a 5 6", "#1 cas a 5", "#1 del a 5", "#1 cas a 5 6 7", "put a 5 6"} {
		_, ok := ParseCommand([]byte(text))
		require.False(t, ok, "%q", text)
	}
}

func TestStoreIsTheSameBytesForTheSameState(t *testing.T) {
	var s Store
	for _, text := range []string{"#1 put b 5", "#2 put a 6", "#3 cas a 6 7", "#4 cas a 6 8", "hello"} {
		s.Apply([]byte(text))
	}
	require.Equal(t, "a=7\nb=5\n", string(s.Marshal()))
	again, err := UnmarshalStore(s.Marshal())
	require.NoError(t, err)
	require.Equal(t, s, again)
	_, err = UnmarshalStore([]byte("nonsense"))
	require.ErrorContains(t, err, `"nonsense" is not a pair`)
}
