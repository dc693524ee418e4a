package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const top = "../../.."

// TestTheTableIsCurrent: every rule has its line in both, and the table says so.
func TestTheTableIsCurrent(t *testing.T) {
	want, err := render(top)
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(top, target))
	require.NoError(t, err)
	require.Equal(t, want, string(got), "lines have moved: go run ./ch03-etcdraft/cmd/rules -w")
}

// A rule that was moved or lost is told, never left out.
func TestALostRuleIsTold(t *testing.T) {
	s := &source{lines: map[string][]string{}, functions: map[string]span{}}
	require.NoError(t, s.add("a.go", []byte("package a\n\nfunc (r *raft) f() {\n\tonce()\n\ttwice()\n\ttwice()\n}\n")))
	at, err := s.find(place{function: "raft.f", code: "once()"})
	require.NoError(t, err)
	require.Equal(t, spot{"a.go", 4}, at)
	at, err = s.find(place{function: "raft.f"})
	require.NoError(t, err)
	require.Equal(t, spot{"a.go", 3}, at)
	for problem, p := range map[string]place{
		"does not say": {function: "raft.f", code: "never()"},
		"twice":        {function: "raft.f", code: "twice()"},
		"no function":  {function: "raft.g"},
	} {
		_, err := s.find(p)
		require.ErrorContains(t, err, problem)
	}
	_, err = load(t.TempDir())
	require.ErrorContains(t, err, "no Go in")
}
