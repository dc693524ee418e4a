package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"insideetcd/labs/grade"
	"insideetcd/labs/lab"
	"insideetcd/labs/overlay"
	"insideetcd/labs/runner"
)

func runCheck(ctx context.Context, p *program, args []string) error {
	set := p.flags("check")
	watch := set.Bool("watch", false, "check again on every save")
	only := set.String("run", "", "this test only")
	if err := set.Parse(args); err != nil {
		return err
	}
	l, _, err := p.workspace()
	if err != nil {
		return err
	}
	if !*watch {
		return p.check(ctx, l, *only)
	}
	for {
		seen, err := p.changed(l)
		if err != nil {
			return err
		}
		if err := p.check(ctx, l, *only); err != nil && !errors.Is(err, errSilent) {
			return err
		}
		fmt.Fprintln(p.out, "\nwaiting for a save; Ctrl-C ends")
		for now := seen; now == seen; {
			select {
			case <-time.After(300 * time.Millisecond):
			case <-ctx.Done():
				return nil
			}
			if now, err = p.changed(l); err != nil {
				return err
			}
		}
	}
}

// changed is a text that changes when one of the learner's files does.
func (p *program) changed(l lab.Lab) (string, error) {
	clone, err := p.clone()
	if err != nil {
		return "", err
	}
	files, err := l.Files(clone)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, f := range files {
		info, err := os.Stat(filepath.Join(p.root, filepath.FromSlash(f.Path)))
		if err != nil {
			fmt.Fprintln(&b, f.Path, "is gone") // an editor may be replacing it
			continue
		}
		fmt.Fprintln(&b, f.Path, info.ModTime(), info.Size())
	}
	return b.String(), nil
}

// build compiles the lab's tests with the learner's files laid over the clone.
func (p *program) build(ctx context.Context, l lab.Lab) (*runner.Binary, error) {
	clone, err := p.clone()
	if err != nil {
		return nil, err
	}
	o := overlay.New(clone)
	if err := l.Lay(o, p.root); err != nil {
		return nil, err
	}
	binary, err := runner.Build(ctx, o, l.Folder, runner.Options{Proof: true})
	if refused := (*runner.BuildError)(nil); errors.As(err, &refused) {
		fmt.Fprintf(p.out, "Your code %s\n", refused.Error())
		return nil, errSilent
	}
	return binary, err
}

// check runs the tests in the order of the tasks and stops at the first that does not pass.
func (p *program) check(ctx context.Context, l lab.Lab, only string) error {
	binary, err := p.build(ctx, l)
	if err != nil {
		return err
	}
	defer binary.Close()
	state, err := lab.ReadState(p.root)
	if err != nil {
		return err
	}
	if only != "" {
		result, err := binary.Run(ctx, only, runner.Limits{})
		if err != nil {
			return err
		}
		return p.tell(l, only, result)
	}
	state.Done, state.Failed = nil, ""
	for _, t := range l.Tasks {
		for _, test := range t.Tests {
			result, err := binary.Run(ctx, test.Name, runner.Limits{})
			if err != nil {
				return err
			}
			if result.Status == runner.Passed {
				continue
			}
			state.Failed = failing(test.Name, result.Output)
			if err := state.Write(p.root); err != nil {
				return err
			}
			p.progress(l, state, t.ID)
			return p.tell(l, state.Failed, result)
		}
		state.Done = append(state.Done, t.ID)
	}
	p.progress(l, state, "")
	fmt.Fprintln(p.out, "\nAll tasks are green. Next: `go run ./labs grade`, and `go run ./labs reveal` to compare.")
	return state.Write(p.root)
}

// progress prints a line for each task.
func (p *program) progress(l lab.Lab, state lab.State, now string) {
	for _, t := range l.Tasks {
		mark := "·"
		if slices.Contains(state.Done, t.ID) {
			mark = "✓"
		} else if t.ID == now {
			mark = "▶"
		}
		fmt.Fprintf(p.out, "%s %s  %s\n", mark, t.ID, t.Title)
	}
}

// failing is the first subtest that failed, if the output tells: the one whose case
// grade.Reason shows.
func failing(test, output string) string {
	deepest := test
	for line := range strings.Lines(output) {
		name, found := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: ")
		name, _, _ = strings.Cut(name, " ")
		if found && strings.HasPrefix(name, deepest+"/") {
			deepest = name
		}
	}
	return deepest
}

// tell explains one run.
func (p *program) tell(l lab.Lab, test string, result runner.Result) error {
	switch result.Status {
	case runner.Passed:
		fmt.Fprintf(p.out, "\npassed    %s\n", test)
		return nil
	case runner.Todo:
		t, err := l.Task(result.Task)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.out, "\ntodo      %s, %s\n", t.ID, t.Title)
		for _, f := range t.Functions {
			fmt.Fprintf(p.out, "write     %s in %s\n", f.Func, f.Package)
		}
		fmt.Fprintf(p.out, "read      %s\nasked by  %s\n", t.Reading, test)
		return errSilent
	}
	fmt.Fprintf(p.out, "\n%-9s %s\n\n%s\nreplay    go run ./labs check -run %s\n          `go run ./labs trace` shows the run step by step, `go run ./labs hint` helps\n",
		result.Status, test, grade.Reason(result), test)
	return errSilent
}

// runTrace shows the whole of the last failing run: what the test told of its steps.
func runTrace(ctx context.Context, p *program, _ []string) error {
	l, state, err := p.workspace()
	if err != nil {
		return err
	}
	if state.Failed == "" {
		fmt.Fprintln(p.out, "The last check failed nowhere; `go run ./labs check` looks again.")
		return nil
	}
	binary, err := p.build(ctx, l)
	if err != nil {
		return err
	}
	defer binary.Close()
	result, err := binary.Run(ctx, state.Failed, runner.Limits{})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s: %s\n\n", state.Failed, result.Status)
	for line := range strings.Lines(result.Output) {
		if !strings.HasPrefix(line, "=== ") {
			fmt.Fprint(p.out, line)
		}
	}
	return nil
}
