package simcmd

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch02-raft/paperengine"
	"insideetcd/ch02-raft/sim"
	"insideetcd/ch02-raft/trace"
)

// forgetful is the paper's engine on a node that forgets to save its vote.
type forgetful struct{ paperengine.Engine }

func (e forgetful) Start(cfg sim.Config, disk sim.Stored) (sim.Node, error) {
	node, err := e.Engine.Start(cfg, disk)
	return forgetfulNode{node}, err
}

type forgetfulNode struct{ sim.Node }

func (n forgetfulNode) Ready() (sim.Ready, bool) {
	rd, ok := n.Node.Ready()
	if rd.Save.State != nil && rd.Save.State.Vote != 0 && rd.Save.State.Vote != n.Status().ID {
		state := *rd.Save.State
		state.Vote = 0
		rd.Save.State = &state
	}
	return rd, ok
}

// command runs the command and returns its status and what it wrote.
func command(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	c := Command{Path: "./ch02-raft/cmd/sim", Stdout: &out, Stderr: &problems,
		Engines: map[string]sim.Engine{"paper": paperengine.Engine{}, "forgetful": forgetful{}}}
	status = c.Main(context.Background(), args)
	return status, out.String(), problems.String()
}

// The paper's engine under about 2,000 seeds of five servers, and some of other sizes.
func TestPaperHoldsEveryInvariant(t *testing.T) {
	for _, args := range []string{"-seeds 2000 -nodes 5", "-seeds 200 -nodes 3", "-seeds 100 -nodes 4", "-seeds 50 -nodes 7", "-seeds 50 -nodes 2", "-seeds 20 -nodes 1"} {
		status, out, problems := command(t, strings.Fields("-engine paper -out "+t.TempDir()+" "+args)...)
		require.Zero(t, status, "%s\n%s", out, problems)
		require.Regexp(t, `^\d+ seeds × \d servers, .+ simulated, \d+ messages, \d+ crashes, \d+ partitions, .* 0 violations\n$`, out)
		t.Log(out)
	}
}

// How many run at a time, and in how many sittings, does not change what comes out.
func TestASweepIsDeterministicAndCanBeResumed(t *testing.T) {
	sweep := func(args string) string {
		status, out, problems := command(t, strings.Fields("-engine paper "+args)...)
		require.Zero(t, status, problems)
		return out
	}
	whole := sweep("-seeds 150 -parallel 2")
	require.Equal(t, whole, sweep("-seeds 150 -parallel 1"))
	file := filepath.Join(t.TempDir(), "state.json")
	require.NotEqual(t, whole, sweep("-seeds 70 -resume "+file))
	require.Equal(t, whole, sweep("-seeds 150 -resume "+file))
	require.Equal(t, whole, sweep("-seeds 150 -resume "+file), "there is nothing left to do")

	status, _, problems := command(t, "-engine", "paper", "-nodes", "3", "-resume", file)
	require.Equal(t, 2, status)
	require.Contains(t, problems, "is of engine paper, 5 servers, seeds from 1 on; choose another file")
	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	status, _, problems = command(t, "-engine", "paper", "-resume", file)
	require.Equal(t, 2, status)
	require.Contains(t, problems, "is not what a sweep writes")
}

// A failure tells the seed, the invariant, the numbers, the shrunk actions, its files and
// one command; the command and the files show it again.
func TestAFailureTeaches(t *testing.T) {
	dir := t.TempDir()
	status, out, _ := command(t, "-engine", "forgetful", "-seeds", "50", "-out", dir)
	require.Equal(t, 1, status)
	require.Regexp(t, `(?s)^seed (\d+): invariant 8, stable storage violated at [\d.]+ ms: S\d: it is in term \d+ and voted for S\d, its disk says`, out)
	require.Regexp(t, `shrunk in \d+ runs from \d+ actions on 5 servers to 0 on 2`, out)
	require.Regexp(t, `(\d) violations\n$`, out)

	replay := regexp.MustCompile(`replay: go run ./ch02-raft/cmd/sim (.*)`).FindStringSubmatch(out)
	require.NotNil(t, replay, out)
	status, told, _ := command(t, strings.Fields(replay[1])...)
	require.Equal(t, 1, status)
	require.Contains(t, told, "RequestVote term")
	require.Contains(t, told, "VIOLATION: invariant 8, stable storage")
	require.Contains(t, told, "rule: ")

	files, err := filepath.Glob(filepath.Join(dir, "*.trace.jsonl"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	f, err := os.Open(files[0])
	require.NoError(t, err)
	defer f.Close()
	events, err := trace.Read(f)
	require.NoError(t, err)
	require.Equal(t, trace.Violation, events[len(events)-1].Kind)

	status, again, _ := command(t, "-engine", "forgetful", "-replay", "-whole", "-case", strings.Replace(files[0], "trace.jsonl", "case.json", 1), "-format", "json")
	require.Equal(t, 1, status)
	data, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.Equal(t, string(data), again, "the case gives the trace")
}

func TestReplayOfAGoodSeed(t *testing.T) {
	status, out, _ := command(t, "-engine", "paper", "-seed", "3", "-replay")
	require.Zero(t, status)
	require.Contains(t, out, "every invariant held")
	status, table, _ := command(t, "-engine", "paper", "-seed", "3", "-replay", "-format", "table", "-nodes", "3")
	require.Zero(t, status)
	require.Regexp(t, `^ +S1 +S2 +S3\n`, table)
	status, lines, _ := command(t, "-engine", "paper", "-seed", "3", "-replay", "-format", "json")
	require.Zero(t, status)
	var e trace.Event
	require.NoError(t, json.Unmarshal([]byte(lines[:strings.IndexByte(lines, '\n')]), &e))
	require.Equal(t, trace.Run, e.Kind)
}

func TestMistakesAreExplained(t *testing.T) {
	for args, problem := range map[string]string{
		"-engine best":               `there is no engine "best"; there are forgetful, paper`,
		"-engine paper -nodes 0":     "1 to 63 servers",
		"-engine paper -replay":      "-replay needs -seed N or -case FILE",
		"-engine paper -parallel 0":  "at least 1",
		"-engine paper -format xml":  "text, table or json",
		"-engine paper now":          "words that belong to no flag",
		"-replay -case /nonexistent": "case: ",
	} {
		status, _, problems := command(t, strings.Fields(args)...)
		require.Equal(t, 2, status, args)
		require.Contains(t, problems, problem, args)
	}
}

// A sweep that is interrupted tells what is done, and is not a failure.
func TestASweepCanBeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	totals := &Totals{Engine: "paper", Nodes: 3, First: 1}
	err := Sweep(ctx, paperengine.Engine{}, totals, 1<<40, 1, false, func(*Totals) { cancel() })
	require.NoError(t, err)
	require.Equal(t, uint64(32), totals.Seeds)
}

// BenchmarkIdleTicks is three servers under the paper's engine without clients: at least
// 50,000 ticks of the cluster a second on one core.
func BenchmarkIdleTicks(b *testing.B) {
	c := sim.Case{Engine: "paper", Nodes: 3, Seed: 1, Rates: sim.Rates{Ticks: 1 << 40, ElectionTicks: 10, HeartbeatTicks: 1,
		DelayMin: 500, DelayMax: 1000, SyncMin: 100, SyncMax: 200, TimeoutTicks: 10}}
	s, err := sim.New(paperengine.Engine{}, c)
	require.NoError(b, err)
	b.ReportAllocs()
	for from := s.Stats().Ticks; s.Stats().Ticks < from+3*int64(b.N); {
		s.Step()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "clusterticks/s")
}
