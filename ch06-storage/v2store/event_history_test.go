package v2store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRingExample is the worked example of eventQueue's comment.
func TestRingExample(t *testing.T) {
	h := newEventHistory(3)
	for i, key := range []string{"a", "b", "c", "d", "e"} {
		h.addEvent(newEvent(Set, key, uint64(i+1), uint64(i+1)))
		require.True(t, h.Queue.valid())
	}
	var keys []string
	for _, e := range h.Queue.Events {
		keys = append(keys, e.Node.Key)
	}
	require.Equal(t, []string{"d", "e", "c"}, keys)
	require.Equal(t, 3, h.Queue.Size)
	require.Equal(t, 2, h.Queue.Front)
	require.Equal(t, 2, h.Queue.Back)
	require.EqualValues(t, 3, h.StartIndex)
	require.EqualValues(t, 5, h.LastIndex)
}
