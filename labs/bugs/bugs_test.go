package bugs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"insideetcd/labs/overlay"
	"insideetcd/labs/runner"

	"github.com/stretchr/testify/require"
)

// TestThePlacesAreThere: every bug of the files can be planted, and its test exists.
// `go run ./labs bugs` proves that it is caught.
func TestThePlacesAreThere(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	all, err := All()
	require.NoError(t, err)
	for _, b := range all {
		require.NoError(t, overlay.New(root).Replace(b.Package+"/"+b.File, b.Find, b.Replace), "%s: the code has changed, change the bug with it", b.ID)
		folder, test := b.Test()
		top, _, _ := strings.Cut(test, "/")
		require.True(t, declares(t, filepath.Join(root, folder), top), "%s: %s has no %s", b.ID, folder, top)
		require.GreaterOrEqual(t, len(b.Name()), 2, "%s: the rule has no name before its colon", b.ID)
	}
}

func declares(t *testing.T, folder, test string) bool {
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		if strings.Contains(string(src), "\nfunc "+test+"(") {
			return true
		}
	}
	return false
}

func TestASampleIsChosenByTheText(t *testing.T) {
	var all []Bug
	for i := range 100 {
		all = append(all, Bug{ID: fmt.Sprint("bug", i)})
	}
	first := Sample(all, 10, "commit 1")
	require.Len(t, first, 10)
	require.Equal(t, first, Sample(all, 10, "commit 1"))
	require.NotEqual(t, first, Sample(all, 10, "commit 2"))
	require.Len(t, Sample(all[:3], 10, "x"), 3)
	seen := map[string]bool{}
	for commit := range 100 {
		for _, b := range Sample(all, 10, fmt.Sprint(commit)) {
			seen[b.ID] = true
		}
	}
	require.Len(t, seen, 100, "every bug has its turn")
}

func TestSelect(t *testing.T) {
	all := []Bug{{ID: "ch05-a"}, {ID: "ch05-b"}, {ID: "ch06-a"}}
	selected, err := Select(all, []string{"ch05-*", "ch06-a"})
	require.NoError(t, err)
	require.Equal(t, all, selected)
	_, err = Select(all, []string{"ch07*"})
	require.ErrorContains(t, err, `"ch07*"`)
}

// small is a module with one rule, one test of it, and tests that prove nothing.
func small(t *testing.T) string {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module small\n\ngo 1.26\n",
		"vote.go": "package small\n\nfunc majority(n int) int { return n/2 + 1 }\n",
		"vote_test.go": `package small

import "testing"

func TestRegression_R1_Majority(t *testing.T) {
	if majority(4) != 3 {
		t.Errorf("half of four is no majority: %d", majority(4))
	}
}
func TestBlind(t *testing.T)     { majority(4) }
func TestNameless(t *testing.T)  { if majority(4) != 3 { t.Error("no") } }
func TestCrash(t *testing.T)     { _ = make([]int, majority(4))[2] }
func TestAssertion(t *testing.T) { if majority(4) != 3 { panic("invariant R1: two halves") } }
func TestRed(t *testing.T)       { t.Error("R1") }
`} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	return root
}

func TestWhatCountsAsCaught(t *testing.T) {
	hunter := NewHunter(small(t))
	half := Bug{ID: "half", Package: ".", File: "vote.go", Find: "n/2 + 1", Replace: "(n+1)/2", CaughtBy: "TestRegression_R1_Majority", Rule: "R1: more than half", Story: "-"}
	with := func(change func(*Bug)) Bug { b := half; change(&b); return b }
	for name, c := range map[string]struct {
		bug  Bug
		want Verdict
	}{
		"by the name of the test":         {half, Caught},
		"by the words of the assertion":   {with(func(b *Bug) { b.Rule = "half of four is no majority: or there are two" }), Caught},
		"by an assertion in the code":     {with(func(b *Bug) { b.CaughtBy = "TestAssertion" }), Caught},
		"a test that looks away":          {with(func(b *Bug) { b.CaughtBy = "TestBlind" }), Survived},
		"a rule that is not named":        {with(func(b *Bug) { b.CaughtBy = "TestNameless" }), Nameless},
		"a crash that names nothing":      {with(func(b *Bug) { b.CaughtBy = "TestCrash" }), Nameless},
		"R1 is not R11":                   {with(func(b *Bug) { b.Rule = "R11: another" }), Nameless},
		"a test that fails on everything": {with(func(b *Bug) { b.CaughtBy = "TestRed" }), Reference},
		"a bug that does not compile":     {with(func(b *Bug) { b.Replace = "n +" }), NoBuild},
		"a place that is gone":            {with(func(b *Bug) { b.Find = "n/3" }), Stale},
	} {
		got, err := hunter.Hunt(t.Context(), c.bug)
		require.NoError(t, err)
		require.Equal(t, c.want, got.Verdict, "%s\n%s", name, got.Output)
	}
}

// A time-out, a huge output, a vanished process are no proofs.
func TestOnlyAFailureIsJudged(t *testing.T) {
	b := Bug{Rule: "R1: x"}
	for status, want := range map[runner.Status]Verdict{
		runner.TimedOut: NoEnd, runner.TooMuch: NoEnd, runner.Vanished: Nameless, runner.Todo: Nameless, runner.Passed: Survived,
	} {
		require.Equal(t, want, judge(b, runner.Result{Status: status, Output: "    x_test.go:1: R1"}), status)
	}
	require.Equal(t, Caught, judge(b, runner.Result{Status: runner.Failed, Output: "    x_test.go:1: R1"}))
	require.Equal(t, NoEnd, judge(b, runner.Result{Status: runner.Failed, Output: "panic: test timed out after 1m\nR1 x_test.go:1"}))
}

func TestTwoRunsOfOneSeedAreAlike(t *testing.T) {
	run := "=== RUN   TestX\n    x_test.go:7: R1\nseeds tried: 12\n--- FAIL: TestX (0.12s)\n"
	require.Equal(t, 12, seedsOf(run))
	require.Equal(t, signature(run), signature(strings.Replace(run, "0.12s", "0.31s", 1)), "time does not count")
	require.NotEqual(t, signature(run), signature(strings.Replace(run, "12\n", "13\n", 1)))
	require.Equal(t, 1, seedsOf("nothing about them"))
}
