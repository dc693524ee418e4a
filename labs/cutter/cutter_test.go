package cutter

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const reference = `// Package vote counts.
package vote

import (
	"errors"
	"fmt"
	"math/rand/v2" // seeds come from outside
	"sort"
)

// ErrLate is returned late.
var ErrLate = errors.New("late")

// Server votes.
type Server[T any] struct{ votes []int }

// Count counts. The comment stays.
func (s *Server[T]) Count(limit int) (n int, err error) {
	// This one goes.
	sort := func() int { return len(s.votes) } // hides the package
	if sort() > limit {
		return 0, fmt.Errorf("%d: %w", limit, ErrLate)
	}
	return sort(), nil
}

// Count of another type.
func Count() int { return rand.IntN(3) }

func sorted(v []int) { sort.Ints(v) }
`

func TestTheBodyGoesAndEverythingElseStays(t *testing.T) {
	got, err := Empty([]byte(reference), []string{"Server.Count"}, "todo: task 1.2.3")
	require.NoError(t, err)
	require.Equal(t, `// Package vote counts.
package vote

import (
	"errors"

	"math/rand/v2" // seeds come from outside
	"sort"
)

// ErrLate is returned late.
var ErrLate = errors.New("late")

// Server votes.
type Server[T any] struct{ votes []int }

// Count counts. The comment stays.
func (s *Server[T]) Count(limit int) (n int, err error) {
	panic("todo: task 1.2.3")
}

// Count of another type.
func Count() int { return rand.IntN(3) }

func sorted(v []int) { sort.Ints(v) }
`, string(got), "fmt was used by the body alone; sort and rand are used elsewhere")
}

func TestImportsThatBecameUnusedGo(t *testing.T) {
	got, err := Empty([]byte(reference), []string{"Count", "sorted"}, "todo")
	require.NoError(t, err)
	paths, err := Imports(got)
	require.NoError(t, err)
	require.Equal(t, []string{"errors", "fmt"}, paths)

	got, err = Empty([]byte("package p\n\nimport \"fmt\"\n\nfunc f() { fmt.Println() }\n"), []string{"f"}, "todo")
	require.NoError(t, err)
	require.Equal(t, "package p\n\nfunc f() {\n\tpanic(\"todo\")\n}\n", string(got), "the last import takes its keyword along")
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	for _, name := range []string{"Server.Vote", "Vote", "Server", "ErrLate"} {
		_, err := Empty([]byte(reference), []string{name}, "todo")
		require.ErrorContains(t, err, "there is no function "+name)
	}
	_, err := Empty([]byte("package"), nil, "todo")
	require.Error(t, err)
}

func TestGraft(t *testing.T) {
	got, err := Graft([]byte(reference), []byte(`//go:build ignore

package vote

import "fmt"

// Count counts in another way.
func (s *Server[T]) Count(limit int) (n int, err error) {
	return atMost(len(s.votes), limit)
}

// atMost is a helper of this solution.
func atMost(n, limit int) (int, error) {
	if n > limit {
		return 0, fmt.Errorf("%d", limit)
	}
	return n, nil
}
`), []string{"Server.Count"})
	require.NoError(t, err)
	require.Contains(t, string(got), "// Count counts in another way.\nfunc (s *Server[T]) Count(limit int) (n int, err error) {\n\treturn atMost(")
	require.Contains(t, string(got), "// atMost is a helper of this solution.\nfunc atMost(")
	require.NotContains(t, string(got), "The comment stays")
	names, err := Functions(got)
	require.NoError(t, err)
	require.Equal(t, []string{"Server.Count", "Count", "sorted", "atMost"}, names)

	_, err = Graft([]byte(reference), []byte("package vote\n"), []string{"Count"})
	require.ErrorContains(t, err, "the other solution: cutter: there is no function Count")
}

func TestBodyLines(t *testing.T) {
	for name, want := range map[string]int{"Server.Count": 6, "Count": -1} {
		got, err := BodyLines([]byte(reference), name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
}
