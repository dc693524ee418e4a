package scenario

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"insideetcd/ch02-raft/paperengine"
)

// TestScripts plays every script. After a change, read the difference before you accept it
// with -rewrite: each line is something that Raft does.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		p := NewPlayer(paperengine.Engine{})
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			output, err := p.Play(d.FullCmd() + "\n" + d.Input)
			if err != nil {
				t.Errorf("%s: %v", d.Pos, err)
			}
			return output
		})
	})
}

// What a test plays, a reader of `go run ./ch02-raft -scenario NAME` gets, word for word.
func TestRunGivesTheRecordedScript(t *testing.T) {
	require.Contains(t, Names(), "election")
	for _, name := range Names() {
		text, err := Text(name)
		require.NoError(t, err)
		output, err := Run(paperengine.Engine{}, text)
		require.NoError(t, err, name)
		require.Equal(t, strings.TrimRight(text, "\n"), strings.TrimRight(output, "\n"), name)
	}
	_, err := Text("nothing")
	require.ErrorContains(t, err, `there is no script "nothing"; there are `)
}

// play plays lines and returns the output of the last one.
func play(t *testing.T, lines ...string) (string, error) {
	t.Helper()
	p := NewPlayer(paperengine.Engine{})
	for _, line := range lines[:len(lines)-1] {
		_, err := p.Play(line)
		require.NoError(t, err, line)
	}
	return p.Play(lines[len(lines)-1])
}

func TestWhatAScriptDoesNotSayDoesNotHappen(t *testing.T) {
	out, err := play(t, "campaign 2", "wire")
	require.NoError(t, err)
	require.Equal(t, "S2 → S1 RequestVote term 1 (last 0/t0)\nS2 → S3 RequestVote term 1 (last 0/t0)\n", out)

	out, err = play(t, "campaign 2", "deliver to=3", "status")
	require.NoError(t, err)
	require.Contains(t, out, "S1 follower      term 0")
	require.Contains(t, out, "S3 follower      term 1 vote S2")

	out, err = play(t, "campaign 2", "drop n=1", "wire")
	require.NoError(t, err)
	require.Equal(t, "S2 → S3 RequestVote term 1 (last 0/t0)\n", out)
}

func TestASlowDiskHoldsAnswersBack(t *testing.T) {
	steps := []string{"elect 1", "run 1", "slow 2", "slow 3", "propose 1 x=5", "deliver"}
	out, err := play(t, append(steps, "logs")...)
	require.NoError(t, err)
	require.Equal(t, "S1 1/t1 | 2/t1:x=5\nS2 1/t1 | (2/t1:x=5)\nS3 1/t1 | (2/t1:x=5)\n", out)

	_, err = play(t, append(steps, "sync 2", "deliver", "expect answer 1 ok")...)
	require.NoError(t, err, "one disk of two others makes a majority")

	out, err = play(t, append(steps, "crash 2", "crash 3 keep=1", "restart 2", "restart 3", "logs")...)
	require.NoError(t, err)
	require.Equal(t, "S1 1/t1 | 2/t1:x=5\nS2 1/t1 |\nS3 1/t1 | 2/t1:x=5\n", out,
		"a crash loses what was not synced, but for what happened to reach the disk")
}

func TestPartitionsAndHistories(t *testing.T) {
	steps := []string{"cluster nodes=5", "elect 1", "propose 1 x=5", "run 1",
		"partition 1 2 | 3 4 5", "elect 3", "propose 3 x=6", "run 1"}
	_, err := play(t, append(steps, "expect linearizable")...)
	require.NoError(t, err)
	_, err = play(t, append(steps, "read 1 x local", "expect not linearizable")...)
	require.NoError(t, err, "the deposed leader does not know better")
	_, err = play(t, append(steps, "read 1 x local", "expect linearizable")...)
	require.ErrorContains(t, err, "no order of the requests of key x")
	out, err := play(t, append(steps, "heal", "run 3", "state")...)
	require.NoError(t, err)
	require.Equal(t, 5, strings.Count(out, "x=6"))
}

func TestExpectationsCanFail(t *testing.T) {
	for line, problem := range map[string]string{
		"expect leader 2":         "expected leader: 2, got: 1",
		"expect no leader":        "expected leader: 0, got: 1",
		"expect role 1 follower":  "expected role of S1: follower, got: leader",
		"expect term 1 2":         "expected term of S1: 2, got: 1",
		"expect commit 1 7":       "expected commit of S1: 7, got: 2",
		"expect applied 1 7":      "expected applied of S1: 7, got: 2",
		"expect first 1 7":        "expected first of S1: 7, got: 1",
		"expect last 1 7":         "expected last of S1: 7, got: 2",
		"expect value 1 x=6":      "expected value of S1: x=6, got: x=5",
		"expect answer 1 no":      "expected answer to #1: no, got: ok",
		"expect wire 1":           "expected messages under way: 1, got: 0",
		"expect not linearizable": "the requests are linearizable",
		"expect weather 1 fine":   `there is no "weather" to be expected`,
		"expect role 9 leader":    `"9" is no server`,
		"dance":                   `there is no command "dance"`,
		"propose 1 x":             `"x" is not KEY=VALUE`,
		"propose":                 "propose needs 2 words",
		"deliver loudly":          "loudly chooses no messages",
		"cluster size=3":          "a cluster has no setting size=3",
		"timeout 9":               "there was no request 9",
	} {
		out, err := play(t, "elect 1", "propose 1 x=5", "run 1", line)
		require.ErrorContains(t, err, problem, line)
		require.Contains(t, out, problem, "the output tells it, too")
	}
}

func TestRunTellsDifferences(t *testing.T) {
	output, err := Run(paperengine.Engine{}, "# why\nexpect no leader\n----\nok\n\nexpect wire 0\n----\nmany\n")
	require.ErrorContains(t, err, "\"expect wire 0\" led to\nok\n\ninstead of\nmany")
	require.Equal(t, "# why\nexpect no leader\n----\nok\n\nexpect wire 0\n----\nok\n", output)
}
