// Command labs turns the reference code of the chapters into exercises, and proves that
// its tests can fail. `go run ./labs` names its commands; LABS are described in README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"insideetcd/labs/house"
)

// program is what every command is handed.
type program struct {
	root string // of the tree that it was started in: a clone, or a workspace
	out  io.Writer
}

// command is one word after `go run ./labs`.
type command struct {
	name, usage, what string
	run               func(ctx context.Context, p *program, args []string) error
}

func commands() []command {
	return []command{
		{"bugs", "[-list] [-sample N -by TEXT] [ID…]", "plant bugs into the reference: the test named for each has to catch it", runBugs},
	}
}

// errSilent ends the program with status 1: what there is to say has been said.
var errSilent = errors.New("")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		if !errors.Is(err, errSilent) {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name == args[0] {
				root, err := house.Find(".")
				if err != nil {
					return err
				}
				return c.run(ctx, &program{root: root, out: out}, args[1:])
			}
		}
	}
	fmt.Fprintln(out, "usage: go run ./labs COMMAND")
	for _, c := range commands() {
		fmt.Fprintf(out, "  %-8s %-60s %s\n", c.name, c.usage, c.what)
	}
	if len(args) > 0 {
		return fmt.Errorf("labs: there is no command %q", args[0])
	}
	return nil
}
