package explain

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// probe is a test that may fail.
type probe struct {
	testing.TB
	said string
}

func (p *probe) Helper() {}
func (p *probe) Fatalf(format string, args ...any) {
	p.said = "    election_test.go:12: \n        " + args[0].(Case).String() + "--- FAIL: TestX (0.00s)\n"
}

func TestAFailureIsFoundAgain(t *testing.T) {
	p := &probe{}
	Equal(p, 3, 3, Case{})
	require.Empty(t, p.said)
	Equal(p, "granted", "refused", Case{Given: "a follower\nin term 3", Expected: "vote ", Got: "vote ", Rule: "one vote a term: (Raft Figure 2)"})
	// A test's log indents every line by eight.
	p.said = "=== RUN   TestX\n    x_test.go:1: \n        given     a follower\n                  in term 3\n        expected  vote granted\n        got       vote refused\n        rule      one vote a term: (Raft Figure 2)\n--- FAIL: TestX (0.00s)\n"
	found, ok := Find(p.said)
	require.True(t, ok)
	require.Equal(t, "given     a follower\n          in term 3\nexpected  vote granted\ngot       vote refused\nrule      one vote a term: (Raft Figure 2)", found)
	_, ok = Find("panic: no\n")
	require.False(t, ok)
}
