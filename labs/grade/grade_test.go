package grade

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"insideetcd/labs/lab"
	"insideetcd/labs/overlay"
	"insideetcd/labs/runner"

	"github.com/stretchr/testify/require"
)

func TestHiddenSeedsAreTheStudentsOwn(t *testing.T) {
	key := []byte("a secret of sixteen characters")
	seen := map[uint64]string{}
	for _, student := range []string{"s1", "s2", "s1\x000"} {
		for _, l := range []string{"2.1", "2.2"} {
			for i := range 5 {
				seed := HiddenSeed(key, l, student, i)
				require.NotZero(t, seed, "0 means no seed")
				require.Equal(t, seed, HiddenSeed(key, l, student, i), "the same again")
				require.NotEqual(t, seed, HiddenSeed([]byte("another secret of this length"), l, student, i), "the key decides")
				require.Empty(t, seen[seed])
				seen[seed] = fmt.Sprint(l, student, i)
			}
		}
	}
	require.NotEqual(t, OpenSeed("2.1", "s1"), OpenSeed("2.1", "s2"))
}

func TestSharesSumUp(t *testing.T) {
	for _, points := range []int{0, 1, 7, 10, 25} {
		for n := 1; n < 8; n++ {
			sum := 0
			for i := range n {
				sum += share(points, n, i)
			}
			require.Equal(t, points, sum, "%d points for %d items", points, n)
		}
	}
}

// TestWhatASubmissionMayImport: what the reference imports, and what only computes.
func TestWhatASubmissionMayImport(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "x.go"), []byte("package x\n\nimport \"sync\"\n"), 0o644))
	g := Grader{Root: root, Lab: lab.Lab{}}
	for imports, want := range map[string]string{
		`"sync"; "slices"; "fmt"`:      "",
		``:                             "",
		`"os"`:                         `imports "os"`,
		`f "unsafe"`:                   `imports "unsafe"`,
		`_ "net/http"`:                 `imports "net/http"`,
		`"insideetcd/labs/runner"`:     `imports "insideetcd/labs/runner"`,
		`"testing"; . "runtime/debug"`: "imports",
	} {
		o := overlay.New(root)
		o.Put("x.go", []byte("package x\n\nimport (\n"+imports+"\n)\n"))
		got := g.forbidden(o, "x.go")
		if want == "" {
			require.Empty(t, got, imports)
		} else {
			require.Contains(t, got, want, imports)
		}
		trusting := g
		trusting.Trusting = true
		require.Empty(t, trusting.forbidden(o, "x.go"))
	}
	o := overlay.New(root)
	o.Put("x.go", []byte("no Go"))
	require.Contains(t, g.forbidden(o, "x.go"), "x.go does not parse")
}

func TestTheReasonIsWhatALearnerShouldRead(t *testing.T) {
	for _, c := range []struct {
		result runner.Result
		want   string
	}{
		{runner.Result{Status: runner.Todo, Task: "2.1.2"}, "still to be written: task 2.1.2"},
		{runner.Result{Status: runner.TimedOut}, "an endless loop"},
		{runner.Result{Status: runner.TooMuch}, "printed more"},
		{runner.Result{Status: runner.Vanished, Output: "--- PASS"}, "without the test having passed"},
		{runner.Result{Status: runner.Failed, Output: "    x_test.go:1: \n        given     a\n        expected  b\n        got       c\n        rule      d\n"}, "given     a\nexpected  b\ngot       c\nrule      d"},
		{runner.Result{Status: runner.Failed, Output: "=== RUN   TestX\n--- FAIL: TestX\npanic: runtime error: index out of range\n\ngoroutine 7\n"}, "panic: runtime error: index out of range"},
		{runner.Result{Status: runner.Failed, Output: "plain words"}, "plain words"},
	} {
		require.Contains(t, Reason(c.result), c.want)
	}
}
