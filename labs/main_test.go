package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"insideetcd/labs/cutter"
	"insideetcd/labs/house"
	"insideetcd/labs/lab"
	"insideetcd/labs/verify"

	"github.com/stretchr/testify/require"
)

// learner is somebody with a clone and a workspace.
type learner struct {
	t         *testing.T
	clone     string
	workspace string
}

// types runs a command in the workspace and returns what it printed.
func (l *learner) types(command string) string {
	var out bytes.Buffer
	err := run(l.t.Context(), l.workspace, &out, strings.Fields(command))
	if err != nil {
		out.WriteString(err.Error())
	}
	return out.String()
}

// solves puts the reference's functions of one task into the workspace.
func (l *learner) solves(task string) {
	l.t.Helper()
	found, err := lab.Find(l.clone, "2.1")
	require.NoError(l.t, err)
	files, err := found.Files(l.clone)
	require.NoError(l.t, err)
	for _, f := range files {
		var names []string
		for name, of := range f.Functions {
			if of == task {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		mine, err := os.ReadFile(filepath.Join(l.workspace, f.Path))
		require.NoError(l.t, err)
		reference, err := os.ReadFile(filepath.Join(l.clone, f.Path))
		require.NoError(l.t, err)
		donor := onlyFunctions(l.t, reference, names)
		mine, err = cutter.Graft(mine, donor, names)
		require.NoError(l.t, err)
		require.NoError(l.t, os.WriteFile(filepath.Join(l.workspace, f.Path), mine, 0o644))
	}
}

// onlyFunctions leaves out all other declarations, which a graft would bring along.
func onlyFunctions(t *testing.T, src []byte, names []string) []byte {
	all, err := cutter.Functions(src)
	require.NoError(t, err)
	donor := "package paper\n"
	for _, name := range all {
		if slices.Contains(names, name) {
			text, err := cutter.Text(src, name)
			require.NoError(t, err)
			donor += "\n" + text + "\n"
		}
	}
	return []byte(donor)
}

// TestTheLearnersLoop goes the way of the README with one task.
func TestTheLearnersLoop(t *testing.T) {
	clone, err := house.Find(".")
	require.NoError(t, err)
	l := &learner{t: t, clone: clone, workspace: clone}
	require.Contains(t, l.types("list"), "2.1   Leader election")
	require.Contains(t, l.types("check"), "this is not a workspace")
	dir := filepath.Join(t.TempDir(), "raft-lab")
	require.Contains(t, l.types("start 2.1 "+dir), "ch02-raft/paper/election.go")
	require.Contains(t, l.types("start 2.1 "+dir), "is not empty")
	require.Contains(t, l.types("start 2.1 "+filepath.Join(clone, "inside")), "copied into itself")
	require.Contains(t, l.types("start 9.9 x"), "there is no lab")
	l.workspace = dir
	require.NoDirExists(t, filepath.Join(dir, "labs", "21-election", "alt"), "no other solution lies about")

	require.Contains(t, l.types("next"), "write  Server.electionTimeout in ch02-raft/paper")
	require.Contains(t, l.types("check"), "todo      2.1.1, when to campaign")
	for _, want := range []string{"hint 1 of 3", "hint 2 of 3", "hint 3 of 3", "hint 3 of 3"} {
		require.Contains(t, l.types("hint"), want)
	}
	require.Contains(t, l.types("reveal"), "not yet, task 2.1.1 is not green")

	l.solves("2.1.1")
	said := l.types("check")
	require.Contains(t, said, "✓ 2.1.1")
	require.Contains(t, said, "todo      2.1.2, who gets my vote")
	require.Contains(t, l.types("hint"), "2.1.2  who gets my vote, hint 1 of 3", "hints are for the first open task")
	require.Contains(t, l.types("list"), "✓ 2.1.1")

	l.spoils("s.startElection(false)", "s.becomeFollower(s.currentTerm)")
	said = l.types("check")
	for _, want := range []string{"failed ", "given     server 1 of 3", "expected  role: candidate", "got       role: follower", "rule      ", "Raft Figure 2, Followers 2",
		"replay    go run ./labs check -run TestAFollowerCampaignsWhenItHearsNobody"} {
		require.Contains(t, said, want)
	}
	require.Contains(t, l.types("trace"), "after 13 ticks: as follower")
	l.spoils("s.becomeFollower(s.currentTerm)\n}", "return 1\n}")
	require.Contains(t, l.types("check"), "Your code does not compile")
}

// spoils replaces the first place of a text in the learner's file.
func (l *learner) spoils(old, new string) {
	l.t.Helper()
	p := filepath.Join(l.workspace, "ch02-raft", "paper", "election.go")
	src, err := os.ReadFile(p)
	require.NoError(l.t, err)
	require.Contains(l.t, string(src), old)
	require.NoError(l.t, os.WriteFile(p, []byte(strings.Replace(string(src), old, new, 1)), 0o644))
}

func TestTheFirstFailingSubtestIsTold(t *testing.T) {
	out := "=== RUN   TestX\n--- PASS: TestX/a (0.00s)\n--- FAIL: TestX/b (0.00s)\n--- FAIL: TestX/a_longer_name (0.00s)\n--- FAIL: TestX (0.00s)\n"
	require.Equal(t, "TestX/b", failing("TestX", out))
	require.Equal(t, "TestY", failing("TestY", out))
}

// TestTheLabsProveThemselves is a slice of `go run ./labs verify`.
func TestTheLabsProveThemselves(t *testing.T) {
	clone, err := house.Find(".")
	require.NoError(t, err)
	labs, err := lab.Load(clone)
	require.NoError(t, err)
	for _, c := range commands() {
		verify.Commands = append(verify.Commands, c.name)
	}
	for _, l := range labs {
		v := verify.Verifier{Root: clone, Lab: l, Effort: verify.Slice}
		require.NoError(t, v.Run(t.Context(), func(p verify.Proof) {
			require.NoError(t, p.Err, "lab %s, %d: %s", l.ID, p.Number, p.Claim)
			t.Logf("%d  %s (%s): %s", p.Number, p.Claim, p.Took, p.Detail)
		}))
	}
}
