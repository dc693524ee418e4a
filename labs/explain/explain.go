// Package explain makes a failing test of a lab teach: it says what was given, expected and
// got, and the rule that asks for it, with its place in the paper and the book. The labs
// program finds these words in the output and adds how to see the failure again.
package explain

import (
	"fmt"
	"strings"
	"testing"
)

// Case is one situation that a test looks at. Rule begins with its name and a colon, and
// ends with its source: "one vote a term: … (Raft Figure 2, RequestVote 2; book §2.1.1)".
type Case struct {
	Given, Expected, Got, Rule string
}

// names of the parts, in the order in which they are printed.
var names = []string{"given", "expected", "got", "rule"}

const indent = "          "

// String prints the parts below each other.
func (c Case) String() string {
	var b strings.Builder
	for i, text := range []string{c.Given, c.Expected, c.Got, c.Rule} {
		fmt.Fprintf(&b, "%-10s%s\n", names[i], strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+indent))
	}
	return b.String()
}

// That ends the test with the case if ok is false.
func That(t testing.TB, ok bool, c Case) {
	t.Helper()
	if !ok {
		t.Fatalf("\n%s", c)
	}
}

// Equal is That for two values that have to be equal; it fills in Expected and Got.
func Equal[V comparable](t testing.TB, expected, got V, c Case) {
	t.Helper()
	c.Expected += fmt.Sprint(expected)
	c.Got += fmt.Sprint(got)
	That(t, expected == got, c)
}

// Find returns the first case in a test's output, false if there is none.
func Find(output string) (string, bool) {
	var found []string
	for line := range strings.Lines(output) {
		line = strings.TrimRight(strings.TrimPrefix(line, "        "), "\r\n")
		switch {
		case len(found) == 0 && !strings.HasPrefix(line, names[0]+" "):
		case len(found) > 0 && !belongs(line):
			return strings.Join(found, "\n"), true
		default:
			found = append(found, line)
		}
	}
	return strings.Join(found, "\n"), len(found) > 0
}

func belongs(line string) bool {
	for _, name := range append(names, indent) {
		if strings.HasPrefix(line, name) {
			return true
		}
	}
	return false
}
