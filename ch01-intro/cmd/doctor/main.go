// Command doctor says whether this machine is ready for etcd, and what to do where it is not.
//
//	go run ./ch01-intro/cmd/doctor [-dir DIR] [-json]
//
// It works in two steps that never mix. Measuring (measure.go, system_*.go) asks the machine
// and returns Facts: numbers, names, the texts of errors. Judging (judge_*.go) is a pure
// function from Facts and a Plan (which timeouts, which round trip) to Findings: one line
// each, with what to do next unless all is well.
//
// What is asked, and why etcd cares:
//
//	go        the chapters and the labs are built by the go command
//	cores     raft, the gRPC server and the disk work at the same time
//	memory    the database is mapped into memory, and its index lies there
//	space     database, log segments of 64 MB, snapshots
//	disk      4 KiB and fdatasync, again and again: no put is answered before that
//	timeouts  a leader that waits for its disk sends no heartbeats
//	ports     2379 for clients, 2380 for peers
//	clock     ticks and leases count monotonic time; certificates read the wall clock
//	files     a client connection is an open file
//	env       a misspelt ETCD_ variable is a setting that does nothing
//
// The exit status is 0 when the machine is ready (there may be warnings), 1 when it is not,
// and 2 for a wrong command line. Nothing is left behind, and nothing leaves the machine. No
// value of an environment variable is printed: some of them are secrets.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Environ(), os.Stdout, os.Stderr))
}

// run returns the exit status.
func run(args []string, getenv func(string) string, environ []string, stdout, stderr io.Writer) int {
	var plan Plan
	var ask Question
	fs := flag.NewFlagSet("doctor", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&ask.Dir, "dir", ".", "the directory whose disk is measured: where the data will lie")
	fs.IntVar(&ask.Syncs, "syncs", 256, "how many times 4 KiB are written and synced, at most")
	fs.DurationVar(&ask.SyncLimit, "time", 3*time.Second, "how long that may take, at most")
	fs.DurationVar(&plan.Heartbeat, "heartbeat", fromEnv(getenv, "ETCD_HEARTBEAT_INTERVAL", 100*time.Millisecond), "the heartbeat interval the member will have")
	fs.DurationVar(&plan.Election, "election", fromEnv(getenv, "ETCD_ELECTION_TIMEOUT", time.Second), "the election timeout the member will have")
	fs.DurationVar(&plan.RoundTrip, "rtt", 0, "the longest round trip between two members (see ping), if there are several")
	asJSON := fs.Bool("json", false, "print facts and findings as JSON")
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if fs.NArg() > 0 || ask.Syncs < 1 || ask.SyncLimit <= 0 {
		fmt.Fprintln(stderr, "doctor: takes flags only; -syncs and -time must be positive (see -help)")
		return 2
	}
	ask.Ports, ask.Environ = []int{2379, 2380}, environ

	facts := measure(ask)
	report := newReport(facts, judge(facts, plan))
	write := report.Text
	if *asJSON {
		write = report.JSON
	}
	if err := write(stdout); err != nil {
		fmt.Fprintln(stderr, "doctor:", err)
		return 1
	}
	return report.ExitStatus()
}

// fromEnv reads a timeout as etcd does, in milliseconds; what etcd would refuse counts as
// not there.
func fromEnv(getenv func(string) string, name string, otherwise time.Duration) time.Duration {
	ms, err := strconv.ParseUint(getenv(name), 10, 32)
	if err != nil || ms == 0 {
		return otherwise
	}
	return time.Duration(ms) * time.Millisecond
}
