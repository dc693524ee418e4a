package main

import (
	"regexp"
	"strings"
	"testing"
)

// TestBothProgramsRun: the benchmarks compile against either library, and each does the
// same in both. Nothing is measured: that takes a quiet machine and time.
func TestBothProgramsRun(t *testing.T) {
	printed, err := measure(t.Context(), "../../..", ".", "2x", 1)
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(printed), "\n")[2:]
	if len(rows) < 5 {
		t.Fatalf("expected all benchmarks, got:\n%s", printed)
	}
	row := regexp.MustCompile(`^\| [A-Z]\S+ \| [0-9.]+ (ns|µs|ms) \| [0-9.]+ (ns|µs|ms) \| \*\*[0-9.]+\*\* \|`)
	for _, r := range rows {
		if !row.MatchString(r) {
			t.Errorf("a row of something else: %s", r)
		}
	}
	t.Log("\n" + printed)
}

func TestTheFastestRunCounts(t *testing.T) {
	r := results{costs: map[string]cost{}}
	err := r.add(`goos: linux
BenchmarkCommit/nodes=3-2   	   73602	      6118 ns/op	    1052 B/op	       6 allocs/op
BenchmarkCommit/nodes=3-2   	   80000	      5000 ns/op	    1000 B/op	       5 allocs/op
BenchmarkCommit/nodes=3-2   	   70000	      7000 ns/op	    1100 B/op	       7 allocs/op
BenchmarkBytes   	     195	   1842937 ns/op	 555.63 MB/s	 1023044 B/op	      26 allocs/op
PASS`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.costs["Commit/nodes=3"], (cost{5000, 1000, 5}); got != want {
		t.Errorf("expected %v, got %v", want, got)
	}
	if got, want := r.costs["Bytes"], (cost{1842937, 1023044, 26}); got != want {
		t.Errorf("expected %v, got %v", want, got)
	}
	if err := r.add("BenchmarkX-2  10  5 ns/op"); err == nil {
		t.Error("a line without memory passed")
	}
}
