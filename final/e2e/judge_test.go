package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func script(t *testing.T, text string) Scenario {
	t.Helper()
	s, err := ParseScenario("sample", "title: t\nproves: p\n"+text)
	require.NoError(t, err)
	return s
}

func said(s Scenario, outputs ...string) Transcript {
	var t Transcript
	for i, output := range outputs {
		t = append(t, Entry{s.Steps[i], output})
	}
	return t
}

func TestJudgeWantsEqualTranscripts(t *testing.T) {
	s := script(t, "etcdctl get a\n")
	require.Empty(t, Judge(s, said(s, "a\n1\n"), said(s, "a\n1\n"), nil))
	complaints := Judge(s, said(s, "a\n1\n"), said(s, "a\n2\n"), nil)
	require.Equal(t, []string{"J1: line 3: etcdctl get a: the servers differ"}, complaints)
	require.Contains(t, Diff(said(s, "a\n1\n"), said(s, "a\n2\n")), "-1\n+2\n")
}

func TestJudgeWantsAMarkedDifference(t *testing.T) {
	s := script(t, "etcdctl get a\ndiffers: S9\netcdctl get b\n")
	same, other := said(s, "1\n", "2\n"), said(s, "1\n", "3\n")
	reasons := map[string]string{"S9": "because"}
	require.Empty(t, Judge(s, same, other, reasons))
	require.Contains(t, Judge(s, same, same, reasons)[0], "J2: line 5: etcdctl get b: marked S9, but both servers answer the same")
	require.Contains(t, Judge(s, same, other, nil)[0], "no row in DIFFERS.md")
}

func TestJudgeWantsTheTextsOfTheScript(t *testing.T) {
	s := script(t, "etcdctl get a\n= yes\ndiffers: S9\netcdctl get b\n=debian old\n=ours new\n")
	reasons := map[string]string{"S9": "because"}
	require.Empty(t, Judge(s, said(s, "yes\n", "old\n"), said(s, "yes\n", "new\n"), reasons))
	require.Len(t, Judge(s, said(s, "no\n", "old\n"), said(s, "no\n", "newer\n"), reasons), 2)
	require.Len(t, Judge(s, said(s, "yes\n", "x\n"), said(s, "yes\n", "y\n"), reasons), 2)
}

func TestJudgeRefusesAnEmptyOrMaskedTranscript(t *testing.T) {
	s := script(t, "etcdctl get a\n")
	for _, nothing := range []string{"", "\n", "[exit 0]\n", "[OK]\n", "$EP, <member>, <version>\n[exit 0]\n"} {
		complaints := Judge(s, said(s, nothing), said(s, nothing), nil)
		require.Lenf(t, complaints, 1, "output %q", nothing)
		require.Contains(t, complaints[0], "J4")
	}
}

func TestJudgeWantsEveryStep(t *testing.T) {
	s := script(t, "etcdctl get a\netcdctl get b\n")
	require.Contains(t, Judge(s, said(s, "1\n"), said(s, "1\n"), nil)[0], "J1")
}

func TestDiffersTableIsRead(t *testing.T) {
	got := ParseDiffers("# Title\n\n| ID | Why |\n|---|---|\n| S9 | a reason |\n| NOT-YET | another |\n| EMPTY |  |\n")
	require.Equal(t, map[string]string{"S9": "a reason", "NOT-YET": "another"}, got)
}
