// Package runner runs one test in one process and says what became of it.
//
// Code under test is not trusted: it may panic, stop the process, print what a passed
// test would print, never end, or fill the disk. So a package's tests are built once and
// each test runs alone, with limits of time and output, and has passed only if
//
//  1. the test binary's own JSON events, made by `go tool test2json`, say that this test
//     passed and nothing failed,
//  2. the process ended by itself with status 0, and
//  3. where a Proof is asked for, it was given: a number drawn for this build that the
//     binary gives away only after the tests have come back.
package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"insideetcd/labs/overlay"
)

// Status is what became of one test.
type Status string

// The statuses of a test. Only Failed is the word of the test itself.
const (
	Passed   Status = "passed"
	Failed   Status = "failed"   // an assertion did not hold, or the code panicked
	Todo     Status = "todo"     // it came to a function that is still to be written
	TimedOut Status = "timeout"  // it was ended after the time limit
	TooMuch  Status = "output"   // it was ended after the output limit
	Vanished Status = "vanished" // it ended without having said that it passed
)

// TodoMark begins what an emptied function panics with; the task's ID follows.
const TodoMark = "todo: task "

var todoLine = regexp.MustCompile(regexp.QuoteMeta(TodoMark) + `([\d.]+\d)`)

// Result is one run of one test.
type Result struct {
	Status  Status
	Task    string // of a Todo: the task that the emptied function belongs to
	Output  string // what the test said, without the events' frames
	Elapsed time.Duration
}

// Limits of one run. Zero means the default.
type Limits struct {
	Time   time.Duration // default 10 s
	Output int           // bytes, default 1 MiB
}

func (l Limits) orDefault() Limits {
	if l.Time == 0 {
		l.Time = 10 * time.Second
	}
	if l.Output == 0 {
		l.Output = 1 << 20
	}
	return l
}

// BuildError is what the compiler said.
type BuildError struct{ Output string }

func (e *BuildError) Error() string { return "does not compile:\n" + strings.TrimSpace(e.Output) }

// Binary is the built tests of one package.
type Binary struct {
	path    string
	folder  string // of the package, where tests find their testdata
	pkg     string // import path from the module's root, with slashes
	proof   string // "" when none is asked for
	scratch string
}

// Options of a build.
type Options struct {
	Race  bool
	Proof bool // asks each run for a proof; the package must have no TestMain of its own
}

// Build compiles the tests of pkg, a folder seen from the root of the overlay's tree.
// Close removes the binary. The error is a *BuildError if the compiler refused.
func Build(ctx context.Context, o *overlay.Overlay, pkg string, opts Options) (*Binary, error) {
	scratch, err := os.MkdirTemp("", "labs-")
	if err != nil {
		return nil, fmt.Errorf("runner: %w", err)
	}
	b := &Binary{
		path:    filepath.Join(scratch, "tests.exe"), // Windows runs no other ending
		folder:  filepath.Join(o.Root, filepath.FromSlash(pkg)),
		pkg:     pkg,
		scratch: scratch,
	}
	if err := b.build(ctx, o, opts); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Binary) build(ctx context.Context, o *overlay.Overlay, opts Options) error {
	if opts.Proof {
		o = o.Clone()
		var err error
		if b.proof, err = addProof(o, b.pkg); err != nil {
			return err
		}
	}
	arguments, err := o.Write(b.scratch)
	if err != nil {
		return err
	}
	arguments = append([]string{"test", "-c", "-o", b.path}, arguments...)
	if opts.Race {
		arguments = append(arguments, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(arguments, "./"+b.pkg)...)
	cmd.Dir = o.Root
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && ctx.Err() == nil {
		return &BuildError{Output: string(out)}
	} else if err != nil {
		return fmt.Errorf("runner: go test -c ./%s: %w", b.pkg, err)
	}
	if _, err := os.Stat(b.path); err != nil {
		return &BuildError{Output: fmt.Sprintf("./%s has no tests", b.pkg)}
	}
	return nil
}

// Close removes what Build made.
func (b *Binary) Close() { os.RemoveAll(b.scratch) }

// generated is what tests with generated histories (package rapid) are told: the same seed
// for each run, no file about a failure in the tree, and little time to make one smaller.
var generated = []string{"RAPID_SEED=1", "RAPID_NOFAILFILE=true", "RAPID_SHRINKTIME=2s"}

// Run runs the test of that name, with further flags for the binary.
func (b *Binary) Run(ctx context.Context, test string, limits Limits, flags ...string) (Result, error) {
	limits = limits.orDefault()
	inner, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	output := &limitedBuffer{limit: limits.Output, full: cancel}
	cmd := exec.CommandContext(inner, b.path, append([]string{
		"-test.run=" + pattern(test), "-test.v=test2json", "-test.paniconexit0", "-test.count=1",
	}, flags...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.folder, output, output
	cmd.WaitDelay = time.Second // a grandchild may still hold the pipe
	proofFile := filepath.Join(b.scratch, "proof")
	os.Remove(proofFile)
	cmd.Env = append(append(os.Environ(), generated...), proofVariable+"="+proofFile)

	start := time.Now()
	runErr := cmd.Run()
	result := Result{Elapsed: time.Since(start)}
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	if exit := (*exec.ExitError)(nil); runErr != nil && !errors.As(runErr, &exit) && !errors.Is(runErr, exec.ErrWaitDelay) && inner.Err() == nil {
		return result, fmt.Errorf("runner: %w", runErr)
	}
	events, err := readEvents(ctx, output.kept.Bytes())
	if err != nil {
		return result, err
	}
	result.Output = events.output
	result.Status = b.judge(test, events, output.overflow, inner.Err() != nil, runErr == nil, proofFile)
	if m := todoLine.FindStringSubmatch(events.output); m != nil && result.Status != Passed {
		result.Status, result.Task = Todo, m[1]
	}
	return result, nil
}

// judge applies the rules of the package comment, the hardest first.
func (b *Binary) judge(test string, events events, overflow, late, clean bool, proofFile string) Status {
	switch {
	case overflow:
		return TooMuch
	case late:
		return TimedOut
	case !clean:
		return Failed
	case events.failed || !events.passed[test]:
		return Vanished
	}
	if b.proof != "" {
		if given, err := os.ReadFile(proofFile); err != nil || string(given) != b.proof {
			return Vanished
		}
	}
	return Passed
}

// pattern is the -test.run expression of exactly one test or subtest.
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

// limitedBuffer keeps the first limit bytes and calls full once when there are more. It
// has Write alone: a ReadFrom, as bytes.Buffer has it, would be used to get past the limit.
type limitedBuffer struct {
	kept     bytes.Buffer
	limit    int
	full     func()
	overflow bool
}

func (l *limitedBuffer) Write(p []byte) (int, error) {
	if room := l.limit - l.kept.Len(); len(p) > room {
		l.kept.Write(p[:max(room, 0)])
		if !l.overflow {
			l.overflow = true
			l.full()
		}
		return len(p), nil
	}
	return l.kept.Write(p)
}
