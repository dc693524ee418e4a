package e2e

import (
	"context"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
)

// shell is a conversation with a small program.
func shell(t *testing.T, script string) *conversation {
	t.Helper()
	c, err := startProgram("sh", exec.Command("sh", "-c", script))
	require.NoError(t, err)
	t.Cleanup(c.kill)
	return c
}

func TestConversationWithAProgram(t *testing.T) {
	ctx := t.Context()
	c := shell(t, `while read line; do echo "<$line>"; done; echo last >&2; printf end; exit 3`)
	require.NoError(t, c.send("one"))
	require.NoError(t, c.send("two"))
	text, err := c.recv(ctx, 2)
	require.NoError(t, err)
	require.Equal(t, "<one>\n<two>\n", text)
	text, err = c.finish(ctx)
	require.NoError(t, err)
	require.Equal(t, "end⏎\nstderr: last\n[exit 3]\n", text)
}

func TestConversationThatEndsEarlyOrSaysNothing(t *testing.T) {
	text, err := shell(t, "echo 1; exit 0").recv(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, "1\n[exit 0]\n", text, "fewer lines than asked for, and how it ended")

	expired, cancel := context.WithCancel(t.Context())
	cancel()
	silent := shell(t, "cat; true") // a child, which outlives the shell
	_, err = silent.recv(expired, 1)
	require.ErrorContains(t, err, "sh says nothing more")
	silent.kill()
	silent.kill()
}

// TestCollectSortsOutWatchers: the same events in other answers look the same.
func TestCollectSortsOutWatchers(t *testing.T) {
	answer := func(id int64, keys ...string) saying {
		r := &pb.WatchResponse{WatchId: id}
		for _, key := range keys {
			r.Events = append(r.Events, &mvccpb.Event{Kv: &mvccpb.KeyValue{Key: []byte(key)}})
		}
		return saying{"whole answer\n", r}
	}
	collected := func(n int, answers ...saying) string {
		heard := make(chan saying, len(answers))
		for _, a := range answers {
			heard <- a
		}
		text, err := (&conversation{heard: heard}).collect(t.Context(), n)
		require.NoError(t, err)
		return text
	}
	want := "watcher 0: kv: {key: \"a\"}\nwatcher 0: kv: {key: \"b\"}\nwatcher 1: kv: {key: \"a\"}\nwatcher 1: kv: {key: \"b\"}\n"
	require.Equal(t, want, collected(4, answer(0, "a", "b"), answer(1, "a", "b")))
	require.Equal(t, want, collected(4, answer(1, "a"), answer(0, "a"), answer(1, "b"), answer(0, "b")))
	require.NotEqual(t, want, collected(4, answer(1, "b"), answer(0, "a"), answer(1, "a"), answer(0, "b")), "each watcher has an order")
	require.Equal(t, "watcher 2: whole answer\n", collected(1, answer(2)))
}
