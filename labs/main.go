// Command labs turns the reference code of the chapters into exercises and grades them, and
// plants bugs to prove that tests can fail. `go run ./labs` names its commands; README.md
// is for students, TEACHERS.md for teachers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"insideetcd/labs/house"
	"insideetcd/labs/lab"
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
		{"list", "", "all labs by section of the book, with your progress", runList},
		{"doctor", "", "are this machine and the reference ready?", runDoctor},
		{"start", "LAB DIR", "write a workspace", runStart},
		{"check", "[-watch] [-run TEST]", "the first test that does not pass yet, explained", runCheck},
		{"hint", "", "a question, then the invariant, then an outline", runHint},
		{"trace", "", "the failing run, step by step", runTrace},
		{"question", "-student ID", "the trace that the lab's questions are about", runQuestion},
		{"grade", "[-submission DIR] [-student ID -key FILE] [-format F]", "the table of points, and files for platforms", runGrade},
		{"reveal", "", "your code beside the reference, once a task is green", runReveal},
		{"next", "", "the next task and what to read for it", runNext},
		{"verify", "[-all] [LAB…]", "the labs prove themselves", runVerify},
		{"bugs", "[-list] [-sample N -by TEXT] [ID…]", "plant bugs: the test named for each has to catch it", runBugs},
	}
}

// errSilent ends the program with status 1: what there is to say has been said.
var errSilent = errors.New("not green")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, ".", os.Stdout, os.Args[1:]); err != nil {
		if !errors.Is(err, errSilent) {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
}

// run executes one command as if it was started in dir.
func run(ctx context.Context, dir string, out io.Writer, args []string) error {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name != args[0] {
				continue
			}
			root, err := house.Find(dir)
			if err != nil {
				return err
			}
			err = c.run(ctx, &program{root: root, out: out}, args[1:])
			if errors.Is(err, flag.ErrHelp) {
				return errSilent
			}
			return err
		}
	}
	fmt.Fprintln(out, "usage: go run ./labs COMMAND")
	for _, c := range commands() {
		fmt.Fprintf(out, "  %-9s %-54s %s\n", c.name, c.usage, c.what)
	}
	if len(args) > 0 {
		return fmt.Errorf("labs: there is no command %q", args[0])
	}
	return nil
}

// flags makes the set of flags of one command.
func (p *program) flags(name string) *flag.FlagSet {
	set := flag.NewFlagSet("labs "+name, flag.ContinueOnError)
	set.SetOutput(p.out)
	return set
}

// clone is the tree whose tests and reference count, also from within a workspace.
func (p *program) clone() (string, error) {
	state, err := lab.ReadState(p.root)
	if errors.Is(err, lab.ErrNoWorkspace) {
		return p.root, nil
	} else if err != nil {
		return "", err
	}
	if _, err := house.Find(state.Clone); err != nil {
		return "", fmt.Errorf("the clone that this workspace was made from is not at %s any more: put it back there, or write its new path into %s", state.Clone, lab.StateFile)
	}
	return state.Clone, nil
}

// workspace opens the workspace that the command was started in.
func (p *program) workspace() (lab.Lab, lab.State, error) {
	state, err := lab.ReadState(p.root)
	if err != nil {
		return lab.Lab{}, state, err
	}
	clone, err := p.clone()
	if err != nil {
		return lab.Lab{}, state, err
	}
	l, err := lab.Find(clone, state.Lab)
	return l, state, err
}
