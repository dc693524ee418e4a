package e2e

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestScenarios plays every script against both servers.
func TestScenarios(t *testing.T) {
	all, err := LoadScenarios("testdata/scenarios")
	require.NoError(t, err)
	markdown, err := os.ReadFile("DIFFERS.md")
	require.NoError(t, err)
	reasons := ParseDiffers(string(markdown))
	debian, own := reference(t), ours(t)
	for _, scenario := range all {
		t.Run(scenario.Name, func(t *testing.T) {
			t.Parallel()
			play(t, scenario, debian, own, reasons)
		})
	}
}

type played struct {
	transcript Transcript
	log        string
	err        error
}

func play(t *testing.T, s Scenario, debian, own string, reasons map[string]string) {
	results := make(chan played, 1)
	tmp := t.TempDir()
	go func() {
		var p played
		p.transcript, p.log, p.err = Run(s, debian, tmp)
		results <- p
	}()
	var mine played
	mine.transcript, mine.log, mine.err = Run(s, own, t.TempDir())
	theirs := <-results
	if *showTranscripts {
		t.Logf("transcript of the reference:\n%s", theirs.transcript)
	}
	var complaints []string
	if theirs.err != nil {
		complaints = append(complaints, "reference: "+theirs.err.Error())
	}
	if mine.err != nil {
		complaints = append(complaints, "our server: "+mine.err.Error())
	}
	if len(complaints) == 0 {
		complaints = Judge(s, theirs.transcript, mine.transcript, reasons)
	}
	if len(complaints) == 0 {
		return
	}
	t.Errorf("scenario %s: %s\nproves: %s", s.Name, s.Title, s.Proves)
	for _, complaint := range complaints {
		t.Error(complaint)
	}
	t.Errorf("\n%s\nlog of the reference:\n%s\nlog of our server:\n%s\nreplay: go test ./final/e2e -run 'TestScenarios/^%s$'",
		Diff(theirs.transcript, mine.transcript), theirs.log, mine.log, s.Name)
}

// TestDiffersNamesOnlyWhatScenariosMark keeps the table from rotting.
func TestDiffersNamesOnlyWhatScenariosMark(t *testing.T) {
	all, err := LoadScenarios("testdata/scenarios")
	require.NoError(t, err)
	marked := map[string]bool{}
	for _, scenario := range all {
		for _, step := range scenario.Steps {
			marked[step.Differs] = true
		}
	}
	markdown, err := os.ReadFile("DIFFERS.md")
	require.NoError(t, err)
	reasons := ParseDiffers(string(markdown))
	require.NotEmpty(t, reasons)
	for id := range reasons {
		require.Truef(t, marked[id], "DIFFERS.md has a row %s that no scenario marks: take it out", id)
	}
}
