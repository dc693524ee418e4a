// Chapter 2 in one run: how a leader is elected, and what a partition of the network does.
// The other sections of the chapter are scripts of the same kind:
//
//	go run ./ch02-raft -scenario figure8
//
// A script tells what happens to a cluster of Raft servers line by line, and what is
// expected of it. It is played anew each time; the exit status is 1 if the cluster does
// anything else than the script says.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"insideetcd/ch02-raft/paperengine"
	"insideetcd/ch02-raft/scenario"
)

// demo is what is told without arguments: the first steps of two scripts.
var demo = []struct {
	name  string
	steps int
}{{"election", 4}, {"partition", 5}}

func main() {
	name := flag.String("scenario", "", "the script to tell, with its commands: "+strings.Join(scenario.Names(), ", "))
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "ch02: %q belongs to no flag; -help lists the flags\n", flag.Arg(0))
		os.Exit(2)
	}
	tell := tellDemo
	if *name != "" {
		tell = func(w io.Writer) error { return tellScript(w, *name) }
	}
	if err := tell(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ch02:", err)
		os.Exit(1)
	}
}

func tellDemo(w io.Writer) error {
	fmt.Fprintln(w, "How to read it: index/term of an entry; | stands behind the last committed one.")
	for i, part := range demo {
		output, err := play(part.name)
		steps := strings.Split(strings.TrimSpace(output), "\n\n")
		fmt.Fprintf(w, "\n%d. %s\n", i+1, part.name)
		for _, step := range steps[:part.steps] {
			tellStep(w, step)
		}
		fmt.Fprintf(w, "\n   … %d more steps: go run ./ch02-raft -scenario %s\n", len(steps)-part.steps, part.name)
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "\nTry next\n"+
		"  go run ./ch02-raft -scenario figure8          the commitment rule; or one of\n"+
		"     %s\n"+
		"  go run ./ch02-raft/cmd/sim -seeds 1000        storms of faults, drawn from seeds, and the invariants\n"+
		"  go run ./labs start 2.1 ~/raft-lab            write the election yourself\n", strings.Join(scenario.Names(), ", "))
	return nil
}

func tellScript(w io.Writer, name string) error {
	output, err := play(name)
	fmt.Fprint(w, output)
	return err
}

// play plays a script and compares it with its record.
func play(name string) (string, error) {
	text, err := scenario.Text(name)
	if err != nil {
		return "", err
	}
	return scenario.Run(paperengine.Engine{}, text)
}

// tellStep tells a step of a script without its commands.
func tellStep(w io.Writer, step string) {
	said, led, _ := strings.Cut(step, "\n----\n")
	fmt.Fprintln(w)
	for line := range strings.Lines(said) {
		if comment, ok := strings.CutPrefix(line, "#"); ok {
			fmt.Fprint(w, "  ", comment)
		}
	}
	for line := range strings.Lines(strings.TrimSpace(led)) {
		fmt.Fprint(w, "       ", strings.TrimSuffix(line, "\n"), "\n")
	}
}
