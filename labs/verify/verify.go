// Package verify has a lab prove itself: that its reference is right, its starter empty,
// its tests sharp, its grader hard to fool, and its words true.
package verify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"insideetcd/labs/grade"
	"insideetcd/labs/lab"
	"insideetcd/labs/runner"
)

// Proof is one of the eight, with its outcome.
type Proof struct {
	Number int
	Claim  string
	Err    error  // why the claim does not hold
	Detail string // what was looked at
	Took   time.Duration
}

// Verifier proves one lab.
type Verifier struct {
	Root   string // of the clone
	Lab    lab.Lab
	Effort Effort

	scratch string
}

// Effort says how much is looked at.
type Effort int

// The efforts: some of each proof, for every run of the tests; all of it but the long
// repetitions; and everything.
const (
	Slice Effort = iota
	Usual
	Everything
)

// key and student are those of the proofs: any will do.
var key, student = []byte("a key for proofs"), "verify"

// Run gives the proofs one after the other. The error is about the machine.
func (v Verifier) Run(ctx context.Context, seen func(Proof)) (err error) {
	if v.scratch, err = os.MkdirTemp("", "labs-verify-"); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer os.RemoveAll(v.scratch)
	for i, p := range []struct {
		claim string
		prove func(context.Context) (detail string, err error)
	}{
		{"the reference has all points", v.reference},
		{"the starter compiles, passes go vet, and has none, by todo", v.starter},
		{"cutting one task fails its tests and no others", v.cuts},
		{"each planted bug is caught by the test named for it, which names the rule", v.bugs},
		{"another correct solution passes", v.alternatives},
		{"nothing is flaky: repeated, shuffled, on 1 and 8 threads, under the race detector", v.repetitions},
		{"tampering gives nothing", v.tampering},
		{"every hint, command, file and symbol that is named exists", v.names},
	} {
		start := time.Now()
		detail, err := p.prove(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		seen(Proof{Number: i + 1, Claim: p.claim, Err: err, Detail: detail, Took: time.Since(start)})
	}
	return nil
}

func (v Verifier) grader() grade.Grader { return grade.Grader{Root: v.Root, Lab: v.Lab} }

func (v Verifier) submission(dir string) grade.Submission {
	return grade.Submission{Dir: dir, Student: student, Key: key}
}

// folder makes an empty folder.
func (v Verifier) folder() (string, error) { return os.MkdirTemp(v.scratch, "") }

// codeOnly is the lab without what does not depend on the learner's functions.
func (v Verifier) codeOnly() lab.Lab {
	l := v.Lab
	l.Mutants, l.Questions = lab.Mutants{}, lab.Questions{}
	return l
}

// workspace is the starter as a learner gets it.
func (v Verifier) workspace() (string, error) {
	dir, err := v.folder()
	if err != nil {
		return "", fmt.Errorf("verify: %w", err)
	}
	return dir, v.Lab.Start(v.Root, dir)
}

// refusal turns a build error into what it says.
func refusal(err error) error {
	if refused := (*runner.BuildError)(nil); errors.As(err, &refused) {
		return refused
	}
	return fmt.Errorf("verify: %w", err)
}
