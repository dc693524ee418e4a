package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"insideetcd/labs/lab"
	"insideetcd/labs/overlay"
	"insideetcd/labs/runner"
)

func runList(_ context.Context, p *program, _ []string) error {
	clone, err := p.clone()
	if err != nil {
		return err
	}
	labs, err := lab.Load(clone)
	if err != nil {
		return err
	}
	state, err := lab.ReadState(p.root)
	inWorkspace := err == nil
	for _, l := range labs {
		fmt.Fprintf(p.out, "%-5s %s (%s) – book §%s – %d points\n", l.ID, l.Title, l.TitleZH, strings.Join(l.Book, ", §"), l.Points())
		for _, t := range l.Tasks {
			mark := " "
			if inWorkspace && state.Lab == l.ID && slices.Contains(state.Done, t.ID) {
				mark = "✓"
			}
			fmt.Fprintf(p.out, "    %s %s  %s (%d points)\n", mark, t.ID, t.Title, t.Points())
		}
	}
	if !inWorkspace && len(labs) > 0 {
		fmt.Fprintf(p.out, "\nbegin with: go run ./labs start %s DIR\n", labs[0].ID)
	}
	return nil
}

// runDoctor proves that whatever fails later is not the machine's fault.
func runDoctor(ctx context.Context, p *program, _ []string) error {
	healthy := true
	say := func(ok bool, format string, args ...any) {
		mark := "ok  "
		if !ok {
			mark, healthy = "BAD ", false
		}
		fmt.Fprintf(p.out, mark+format+"\n", args...)
	}
	version, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	say(err == nil, "the go command: %s, %d cores", strings.TrimSpace(string(version)), runtime.NumCPU())
	scratch, err := os.MkdirTemp("", "labs-doctor-")
	say(err == nil, "a temporary folder can be written: %s", os.TempDir())
	os.RemoveAll(scratch)
	clone, err := p.clone()
	if err != nil {
		return err
	}
	say(true, "the clone: %s", clone)
	labs, err := lab.Load(clone)
	if err != nil {
		return err
	}
	for _, l := range labs {
		failed, err := firstFailure(ctx, l, overlay.New(clone))
		if err != nil {
			return err
		}
		say(failed == "", "lab %s: the reference passes its tests%s", l.ID, failed)
	}
	if !healthy {
		return errSilent
	}
	return nil
}

// firstFailure runs all tests of a lab's tasks on the tree of o; "" if all pass.
func firstFailure(ctx context.Context, l lab.Lab, o *overlay.Overlay) (string, error) {
	binary, err := runner.Build(ctx, o, l.Folder, runner.Options{Proof: true})
	if refused := (*runner.BuildError)(nil); errors.As(err, &refused) {
		return "\n" + refused.Error(), nil
	} else if err != nil {
		return "", err
	}
	defer binary.Close()
	for _, t := range l.Tasks {
		for _, test := range t.Tests {
			result, err := binary.Run(ctx, test.Name, runner.Limits{})
			if err != nil {
				return "", err
			}
			if result.Status != runner.Passed {
				return fmt.Sprintf(": %s is %s\n%s", test.Name, result.Status, result.Output), nil
			}
		}
	}
	return "", nil
}

func runStart(_ context.Context, p *program, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: go run ./labs start LAB DIR, e.g. start 2.1 ../raft-lab")
	}
	clone, err := p.clone()
	if err != nil {
		return err
	}
	l, err := lab.Find(clone, args[0])
	if err != nil {
		return err
	}
	if err := l.Start(clone, args[1]); err != nil {
		return err
	}
	files, err := l.Files(clone)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "Lab %s, %s, is in %s.\n\n  cd %s\n  go run ./labs check\n\nRead %s/README.md. You write in:\n", l.ID, l.Title, args[1], args[1], l.Folder)
	for _, f := range files {
		fmt.Fprintf(p.out, "  %s\n", f.Path)
	}
	return nil
}

func runNext(_ context.Context, p *program, _ []string) error {
	l, state, err := p.workspace()
	if err != nil {
		return err
	}
	t, open := firstOpen(l, state)
	if !open {
		fmt.Fprintf(p.out, "All tasks of lab %s are green. `go run ./labs grade` shows what else gives points: your own test in %s/%s, the questions in %s.\n",
			l.ID, l.Folder, l.Mutants.File, l.Questions.File)
		return nil
	}
	fmt.Fprintf(p.out, "%s  %s (%d points)\n\nread   %s\nwrite ", t.ID, t.Title, t.Points(), t.Reading)
	for _, f := range t.Functions {
		fmt.Fprintf(p.out, " %s in %s;", f.Func, f.Package)
	}
	fmt.Fprintf(p.out, "\nthen   go run ./labs check\n")
	return nil
}

// firstOpen is the first task that was not green at the last check.
func firstOpen(l lab.Lab, state lab.State) (lab.Task, bool) {
	for _, t := range l.Tasks {
		if !slices.Contains(state.Done, t.ID) {
			return t, true
		}
	}
	return lab.Task{}, false
}

func runHint(_ context.Context, p *program, _ []string) error {
	l, state, err := p.workspace()
	if err != nil {
		return err
	}
	t, open := firstOpen(l, state)
	if !open {
		fmt.Fprintln(p.out, "All tasks are green.")
		return nil
	}
	if state.Hints == nil {
		state.Hints = map[string]int{}
	}
	pressed := min(state.Hints[t.ID]+1, len(t.Hints))
	state.Hints[t.ID] = pressed
	fmt.Fprintf(p.out, "%s  %s, hint %d of %d\n\n%s\n", t.ID, t.Title, pressed, len(t.Hints), t.Hints[pressed-1])
	return state.Write(p.root)
}
