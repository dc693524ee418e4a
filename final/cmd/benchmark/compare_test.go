package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheTableShowsMedians(t *testing.T) {
	round := func(seconds, cpuSeconds, wait int) result {
		return result{operations: 1000, elapsed: time.Duration(seconds) * time.Second, cpu: time.Duration(cpuSeconds) * time.Millisecond,
			p50: time.Duration(wait) * time.Millisecond, p90: time.Duration(2*wait) * time.Millisecond, p99: time.Duration(3*wait) * time.Millisecond}
	}
	var out bytes.Buffer
	printTable(&out, []comparison{
		{ // the ratios of the rounds are 2, 1/2 and 1: their median is not the medians' ratio
			scenario:  "put",
			ours:      []result{round(1, 20, 3), round(2, 30, 1), round(4, 80, 2)},
			reference: []result{round(1, 10, 1), round(1, 60, 1), round(1, 80, 1)},
		},
		{scenario: "get", ours: []result{round(1, 0, 1)}, reference: []result{round(1, 0, 1)}},
	})
	var lines []string
	for line := range strings.Lines(out.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	require.Equal(t, []string{
		"scenario server ops/s p50 ms p90 ms p99 ms CPU µs/op CPU ratio",
		"put ours 500 2.00 4.00 6.00 30.0 1.00",
		"put reference 1000 1.00 2.00 3.00 60.0",
		"get ours 1000 1.00 2.00 3.00 n/a n/a",
		"get reference 1000 1.00 2.00 3.00 n/a",
	}, lines)
}

func TestMedian(t *testing.T) {
	require.Equal(t, 2.0, median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, median([]float64{4, 1, 3, 2}))
	require.Equal(t, 7.0, median([]float64{7}))
}

// Debian's etcd against itself: whether the whole way works, not how fast it is.
func TestCompareTwoRealServers(t *testing.T) {
	etcd, err := exec.LookPath("etcd")
	if err != nil {
		if os.Getenv("INSIDEETCD_REQUIRE_REFERENCE") != "" {
			t.Fatal(err)
		}
		t.Skipf("NOT COMPARED: %v. To compare: apt-get install etcd-server", err)
	}
	dir := t.TempDir()
	var out, log bytes.Buffer
	cmd := command()
	cmd.SetArgs([]string{"compare", "put", "delete", "--ours", etcd, "--reference", etcd, "--dir", dir,
		"--rounds", "2", "--total", "200", "--warmup", "20", "--clients", "8", "--conns", "2"})
	cmd.SetOut(&out)
	cmd.SetErr(&log)
	require.NoError(t, cmd.ExecuteContext(t.Context()), log.String())
	require.Equal(t, 8, strings.Count(log.String(), " round "), log.String())
	require.Equal(t, 2, strings.Count(out.String(), "  ours"), out.String())
	require.Contains(t, out.String(), "2 rounds, 2 connections")
	require.Contains(t, out.String(), "delete: 200 operations, 8 clients, values of 256 bytes, 220 keys\n")

	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "the data directories are gone")
}

func TestCompareSaysWhyAServerDidNotStart(t *testing.T) {
	falseProgram, err := exec.LookPath("false")
	if err != nil {
		return // Windows has none
	}
	dir := t.TempDir()
	cmd := command()
	cmd.SetArgs([]string{"compare", "put", "--ours", falseProgram, "--reference", falseProgram, "--dir", dir})
	cmd.SetOut(new(bytes.Buffer))
	cmd.SetErr(new(bytes.Buffer))
	require.ErrorContains(t, cmd.ExecuteContext(t.Context()), "ended before it was ready")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
