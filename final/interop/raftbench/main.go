package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
)

func main() {
	root := flag.String("root", "../../..", "the top of the project")
	benchtime := flag.String("benchtime", "1s", "how long each benchmark runs, or how often, as 100x")
	rounds := flag.Int("rounds", 5, "how many turns each program has")
	bench := flag.String("bench", ".", "which benchmarks, a regular expression")
	flag.Parse()
	if flag.NArg() > 0 || *rounds < 1 {
		fmt.Fprintln(os.Stderr, "raftbench: takes flags only, and at least one round; -help lists them")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	printed, err := measure(ctx, *root, *bench, *benchtime, *rounds)
	if err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "raftbench:", err)
		os.Exit(1)
	}
	fmt.Print(printed)
}

// measure builds both programs, runs them in turns and returns the table.
func measure(ctx context.Context, root, bench, benchtime string, rounds int) (string, error) {
	dir, err := os.MkdirTemp("", "raftbench-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	p, err := build(ctx, root, dir)
	if err != nil {
		return "", err
	}
	ours, reference := results{costs: map[string]cost{}}, results{costs: map[string]cost{}}
	args := []string{"-test.run", "^$", "-test.bench", bench, "-test.benchmem", "-test.benchtime", benchtime}
	for range rounds {
		for _, turn := range []struct {
			program string
			into    *results
		}{{p.ours, &ours}, {p.reference, &reference}} {
			printed, err := output(ctx, dir, turn.program, args...)
			if err != nil {
				return "", err
			}
			if err := turn.into.add(printed); err != nil {
				return "", err
			}
		}
	}
	if len(ours.names) == 0 || !slices.Equal(ours.names, reference.names) {
		return "", fmt.Errorf("the programs ran different benchmarks: %q and %q", ours.names, reference.names)
	}
	return table(ours, reference), nil
}
