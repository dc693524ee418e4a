package house_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestREADMEsShowWhatTheDemosPrint runs the demo of each chapter and compares what it prints
// with the sample output in the chapter's README: the first code block after the one that is
// just `go run ./chNN-name`. The lines of the sample stand in the output in their order;
// others may stand between only where the sample has a line "…", and a line that ends in …
// is the beginning of one.
func TestREADMEsShowWhatTheDemosPrint(t *testing.T) {
	demos, err := filepath.Glob("ch*/main.go")
	require.NoError(t, err)
	require.NotEmpty(t, demos)
	for _, demo := range demos {
		dir := filepath.Dir(demo)
		t.Run(dir, func(t *testing.T) {
			readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
			require.NoError(t, err)
			sample := sampleOutput(string(readme), "go run ./"+dir)
			require.NotEmpty(t, sample, "the README of %s shows what `go run ./%[1]s` prints", dir)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // it may have to be built
			defer cancel()
			output, err := exec.CommandContext(ctx, "go", "run", "./"+dir).Output()
			require.NoError(t, err)
			require.Empty(t, missing(sample, strings.Split(string(output), "\n")))
		})
	}
}

// sampleOutput returns the lines of the code block that follows the one with the command.
func sampleOutput(readme, command string) []string {
	_, rest, _ := strings.Cut(readme, "```\n"+command+"\n```\n")
	_, rest, _ = strings.Cut(rest, "```\n")
	block, _, _ := strings.Cut(rest, "```")
	return strings.Split(strings.TrimRight(block, "\n"), "\n")[:strings.Count(block, "\n")]
}

// missing says which line of the sample is not in the output where it should be; "" is none.
func missing(sample, output []string) string {
	next, anywhere := 0, true // of output; whether lines of it may be passed over
	for _, want := range sample {
		want = strings.TrimRight(want, " ")
		if strings.TrimSpace(want) == "…" {
			anywhere = true
			continue
		}
		for next < len(output) && anywhere && !shows(want, output[next]) {
			next++
		}
		if next == len(output) {
			return fmt.Sprintf("the demo does not print, or not here: %q", want)
		}
		if !shows(want, output[next]) {
			return fmt.Sprintf("the README says %q where the demo prints %q", want, output[next])
		}
		next, anywhere = next+1, false
	}
	return ""
}

func shows(want, line string) bool {
	line = strings.TrimRight(line, " ")
	if begin, cut := strings.CutSuffix(want, "…"); cut {
		return strings.HasPrefix(line, strings.TrimRight(begin, " "))
	}
	return want == line
}

func TestTheRuleOfSamplesCanFail(t *testing.T) {
	output := []string{"one", "", "two  ", "three: 3", "four", "five"}
	for _, c := range []struct {
		name, sample string
		broken       bool
	}{
		{"from the middle", "two\nthree: 3", false},
		{"an end cut off", "three…\nfour", false},
		{"lines left out", "one\n…\nthree: 3\n   …\nfive", false},
		{"lines left out in silence", "one\ntwo", true},
		{"another line", "one\n…\nthree: 4", true},
		{"another order", "two\n…\none", true},
		{"more than there is", "five\nsix", true},
	} {
		require.Equal(t, c.broken, missing(strings.Split(c.sample, "\n"), output) != "", c.name)
	}
	readme := "# A\n```\ngo run ./chA\n```\ntext\n```\nx\n\ny\n```\n"
	require.Equal(t, []string{"x", "", "y"}, sampleOutput(readme, "go run ./chA"))
	require.Empty(t, sampleOutput(readme, "go run ./chB"))
}
