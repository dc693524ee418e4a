package e2e

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestScenarios plays every script with both etcdctl programs on both servers.
func TestScenarios(t *testing.T) {
	all, err := LoadScenarios("testdata/scenarios")
	require.NoError(t, err)
	markdown, err := os.ReadFile("DIFFERS.md")
	require.NoError(t, err)
	reasons := ParseDiffers(string(markdown))
	programs := bothSides(t)
	for _, scenario := range all {
		t.Run(scenario.Name, func(t *testing.T) {
			t.Parallel()
			play(t, scenario, programs, reasons)
		})
	}
	report(t, all)
}

// report counts what was compared, for those who read test output.
func report(t *testing.T, all []Scenario) {
	t.Helper()
	combos, steps, marks := map[int]int{}, 0, map[string]int{}
	for _, s := range all {
		combos[len(s.Combos())]++
		steps += len(s.Steps)
		for _, step := range s.Steps {
			for _, mark := range []string{step.Differs, step.CtlDiffers} {
				if mark != "" {
					marks[mark]++
				}
			}
		}
	}
	t.Logf("%d scenarios, %d steps; %d in four combinations, %d in two; marks: %v",
		len(all), steps, combos[4], combos[2], marks)
}

func play(t *testing.T, s Scenario, programs Programs, reasons map[string]string) {
	results := PlayAll(s, programs, t.TempDir)
	transcripts := map[Combo]Transcript{}
	var complaints []string
	for _, combo := range inOrder(results) {
		r := results[combo]
		transcripts[combo] = r.Transcript
		if r.Err != nil {
			complaints = append(complaints, combo.String()+": "+r.Err.Error())
		}
	}
	if *showTranscripts {
		t.Logf("transcript of the reference:\n%s", transcripts[Reference])
	}
	if len(complaints) == 0 {
		complaints = Judge(s, transcripts, reasons)
	}
	if len(complaints) == 0 {
		return
	}
	t.Errorf("scenario %s: %s\nproves: %s", s.Name, s.Title, s.Proves)
	for _, complaint := range complaints {
		t.Error(complaint)
	}
	t.Errorf("\n%s", Diffs(transcripts))
	for _, combo := range inOrder(results) {
		t.Errorf("server log of %s:\n%s", combo, results[combo].Log)
	}
	t.Errorf("replay: go test ./final/e2e -run 'TestScenarios/^%s$'", s.Name)
}

// TestDiffersNamesOnlyWhatScenariosMark keeps the table from rotting.
func TestDiffersNamesOnlyWhatScenariosMark(t *testing.T) {
	all, err := LoadScenarios("testdata/scenarios")
	require.NoError(t, err)
	marked := map[string]bool{}
	for _, scenario := range all {
		for _, step := range scenario.Steps {
			marked[step.Differs], marked[step.CtlDiffers] = true, true
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
