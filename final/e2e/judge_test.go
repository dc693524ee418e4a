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

// servers are the transcripts of a script that does not call etcdctl.
func servers(debian, ours Transcript) map[Combo]Transcript {
	return map[Combo]Transcript{Reference: debian, {Debian, Ours}: ours}
}

func TestJudgeWantsEqualTranscripts(t *testing.T) {
	s := script(t, "etcdctl get a\n")
	require.Empty(t, Judge(s, servers(said(s, "a\n1\n"), said(s, "a\n1\n")), nil))
	complaints := Judge(s, servers(said(s, "a\n1\n"), said(s, "a\n2\n")), nil)
	require.Equal(t, []string{"J1: line 3: etcdctl get a: the servers differ: Debian's etcdctl on Debian's etcd, Debian's etcdctl on our etcd"}, complaints)
	require.Contains(t, Diff(said(s, "a\n1\n"), said(s, "a\n2\n"), "x"), "-1\n+2\n")
}

func TestJudgeWantsAMarkedDifference(t *testing.T) {
	s := script(t, "etcdctl get a\ndiffers: S9\netcdctl get b\n")
	same, other := said(s, "1\n", "2\n"), said(s, "1\n", "3\n")
	reasons := map[string]string{"S9": "because"}
	require.Empty(t, Judge(s, servers(same, other), reasons))
	require.Contains(t, Judge(s, servers(same, same), reasons)[0], "J2: line 5: etcdctl get b: marked S9, but the servers answer the same")
	require.Contains(t, Judge(s, servers(same, other), nil)[0], "no row in DIFFERS.md")
}

func TestJudgeWantsTheTextsOfTheScript(t *testing.T) {
	s := script(t, "etcdctl get a\n= yes\ndiffers: S9\netcdctl get b\n=debian old\n=ours new\n")
	reasons := map[string]string{"S9": "because"}
	require.Empty(t, Judge(s, servers(said(s, "yes\n", "old\n"), said(s, "yes\n", "new\n")), reasons))
	require.Len(t, Judge(s, servers(said(s, "no\n", "old\n"), said(s, "no\n", "newer\n")), reasons), 2)
	require.Len(t, Judge(s, servers(said(s, "yes\n", "x\n"), said(s, "yes\n", "y\n")), reasons), 2)
}

func TestJudgeRefusesAnEmptyOrMaskedTranscript(t *testing.T) {
	s := script(t, "etcdctl get a\n")
	for _, nothing := range []string{"", "\n", "[exit 0]\n", "[OK]\n", "$EP, <member>, <version>\n[exit 0]\n"} {
		complaints := Judge(s, servers(said(s, nothing), said(s, nothing)), nil)
		require.Lenf(t, complaints, 1, "output %q", nothing)
		require.Contains(t, complaints[0], "J4")
	}
}

func TestJudgeWantsEveryStep(t *testing.T) {
	s := script(t, "etcdctl get a\netcdctl get b\n")
	require.Contains(t, Judge(s, servers(said(s, "1\n"), said(s, "1\n")), nil)[0], "J1")
}

func TestDiffersTableIsRead(t *testing.T) {
	got := ParseDiffers("# Title\n\n| ID | Why |\n|---|---|\n| S9 | a reason |\n| NOT-YET | another |\n| EMPTY |  |\n")
	require.Equal(t, map[string]string{"S9": "a reason", "NOT-YET": "another"}, got)
}

// TestJudgeKnowsTheAxes: a mark covers its own axis, in either of its pairs.
func TestJudgeKnowsTheAxes(t *testing.T) {
	reasons := map[string]string{"S": "server", "C": "client"}
	rows := []struct {
		name, marks           string
		dd, server, ctl, both string // outputs: the reference, our server, our etcdctl, both ours
		want                  []string
	}{
		{"all equal", "", "1", "1", "1", "1", nil},
		{"etcdctl differs", "", "1", "1", "2", "2", []string{"the etcdctl programs differ: Debian's etcdctl on Debian's", "the etcdctl programs differ: Debian's etcdctl on our"}},
		{"only both together differ", "", "1", "1", "1", "2", []string{"the servers differ: our etcdctl", "the etcdctl programs differ: Debian's etcdctl on our"}},
		{"server marked", "differs: S\n", "1", "2", "1", "2", nil},
		{"server marked, seen by one etcdctl only", "differs: S\netcdctl-differs: C\n", "1", "2", "3", "3", nil},
		{"server marked, etcdctl differs", "differs: S\n", "1", "1", "2", "2", []string{"marked S, but the servers", "etcdctl programs differ", "etcdctl programs differ"}},
		{"etcdctl marked", "etcdctl-differs: C\n", "1", "1", "2", "2", nil},
		{"etcdctl marked in vain", "etcdctl-differs: C\n", "1", "1", "1", "1", []string{"marked C, but the etcdctl programs answer the same"}},
		{"unknown", "etcdctl-differs: X\n", "1", "1", "2", "2", []string{`mark "X" has no row`}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := script(t, row.marks+"etcdctl get a\n")
			complaints := Judge(s, map[Combo]Transcript{Reference: said(s, row.dd), {Debian, Ours}: said(s, row.server),
				{Ours, Debian}: said(s, row.ctl), {Ours, Ours}: said(s, row.both)}, reasons)
			require.Len(t, complaints, len(row.want), "%q", complaints)
			for i, text := range row.want {
				require.Contains(t, complaints[i], text)
			}
		})
	}
}

func TestScenariosPlayInTheCombinationsTheyUse(t *testing.T) {
	require.Equal(t, []Combo{Reference, {Debian, Ours}, {Ours, Debian}, {Ours, Ours}}, script(t, "etcdctl get a\n").Combos())
	require.Equal(t, []Combo{Reference, {Debian, Ours}}, script(t, "grpc KV/Range\n").Combos())
	require.Equal(t, []Combo{Reference, {Ours, Debian}}, script(t, "server: none\netcdctl put\n").Combos())
}
