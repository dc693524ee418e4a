// Package grade turns a submission into a report.
//
// A submission is a workspace, or any folder that holds the learner's files at their
// places. Of it only these files are taken: those with functions of the lab, the learner's
// own test, the answers. Everything else, the tests too, is the clone's. Learners' code
// runs in processes of its own (package runner) and may import only what its job needs.
//
// Since solutions are public, a part of the points depends on what is not in the
// repository: seeds that are drawn from the teacher's key and the student's ID.
package grade

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"insideetcd/labs/bugs"
	"insideetcd/labs/cutter"
	"insideetcd/labs/explain"
	"insideetcd/labs/lab"
	"insideetcd/labs/overlay"
	"insideetcd/labs/report"
	"insideetcd/labs/runner"
)

// Grader grades submissions of one lab against one clone.
type Grader struct {
	Root   string // of the clone, whose tests and reference count
	Lab    lab.Lab
	Limits runner.Limits // of one test

	// Trusting leaves out the check of imports: the tests of the runner's own defences
	// would not reach them otherwise.
	Trusting bool
}

// Submission is what is graded.
type Submission struct {
	Dir     string
	Student string
	Key     []byte // the teacher's; empty: what needs it is not graded
}

// statusRefused is that of code which may not be run.
const statusRefused = "refused"

// Grade grades a submission. The error is about the machine or the clone; what is wrong
// with the submission stands in the report.
func (g Grader) Grade(ctx context.Context, s Submission) (report.Report, error) {
	start := time.Now()
	r := report.Report{Lab: g.Lab.ID, Title: g.Lab.Title, Student: s.Student}
	learners, refusal := g.lay(s.Dir)
	steps := []func(context.Context, *overlay.Overlay, string, Submission, *report.Report) error{
		g.code, g.mutants, g.questions,
	}
	for _, step := range steps {
		if err := step(ctx, learners, refusal, s, &r); err != nil {
			return r, err
		}
	}
	r.Took = time.Since(start)
	return r, nil
}

// lay lays the learner's files over the clone. A refusal says why they are not run.
func (g Grader) lay(dir string) (o *overlay.Overlay, refusal string) {
	o = overlay.New(g.Root)
	if err := g.Lab.Lay(o, dir); err != nil {
		return o, err.Error()
	}
	files, err := g.Lab.Files(g.Root)
	if err != nil {
		return o, err.Error()
	}
	for _, f := range files {
		if refusal := g.forbidden(o, f.Path); refusal != "" {
			return o, refusal
		}
	}
	return o, ""
}

// harmless packages compute, and reach nothing outside.
var harmless = []string{"bytes", "cmp", "errors", "fmt", "iter", "maps", "math", "math/bits", "slices", "sort", "strconv", "strings"}

// forbidden says what a learner's file imports beyond the reference's imports and the
// harmless ones: an exercise about an algorithm needs neither the system nor unsafe.
func (g Grader) forbidden(o *overlay.Overlay, file string) string {
	if g.Trusting {
		return ""
	}
	pristine, err := overlay.New(g.Root).Read(file)
	if err != nil {
		return err.Error()
	}
	allowed, err := cutter.Imports(pristine)
	if err != nil {
		return err.Error()
	}
	src, err := o.Read(file)
	if err != nil {
		return err.Error()
	}
	paths, err := cutter.Imports(src)
	if err != nil {
		return fmt.Sprintf("%s does not parse: %v", file, err)
	}
	for _, p := range paths {
		if !slices.Contains(allowed, p) && !slices.Contains(harmless, p) {
			return fmt.Sprintf("%s imports %q: in a submission only the imports of the reference and %s are allowed", file, p, strings.Join(harmless, ", "))
		}
	}
	return ""
}

// code grades the learner's functions: the tests of the tasks, then the hidden seeds.
func (g Grader) code(ctx context.Context, learners *overlay.Overlay, refusal string, s Submission, r *report.Report) error {
	binary, refusal, err := g.build(ctx, learners, refusal)
	if err != nil {
		return err
	}
	if binary != nil {
		defer binary.Close()
	}
	run := func(item report.Item, max int, test string, flags ...string) error {
		item.Max = max
		if err := g.run(ctx, binary, refusal, &item, test, flags...); err != nil {
			return err
		}
		r.Items = append(r.Items, item)
		return nil
	}
	for _, t := range g.Lab.Tasks {
		for _, test := range t.Tests {
			if err := run(report.Item{Number: t.ID, Name: test.Name, Tags: []string{"public"}}, test.Points, test.Name); err != nil {
				return err
			}
		}
	}
	h := g.Lab.Hidden
	if len(s.Key) == 0 || s.Student == "" {
		r.Notes = append(r.Notes, fmt.Sprintf("not graded: %d points for hidden seeds, which need -student and the teacher's -key", h.Points))
		return nil
	}
	for i := range h.Seeds {
		item := report.Item{Number: fmt.Sprintf("%s.h%d", g.Lab.ID, i+1), Name: h.Test + " on a hidden seed", Hidden: true, Tags: []string{"hidden"}}
		if err := run(item, share(h.Points, h.Seeds, i), h.Test, fmt.Sprintf("-lab.seed=%d", HiddenSeed(s.Key, g.Lab.ID, s.Student, i))); err != nil {
			return err
		}
	}
	return nil
}

// build compiles the lab's tests; what the compiler refuses is a refusal.
func (g Grader) build(ctx context.Context, o *overlay.Overlay, refusal string) (*runner.Binary, string, error) {
	if refusal != "" {
		return nil, refusal, nil
	}
	binary, err := runner.Build(ctx, o, g.Lab.Folder, runner.Options{Proof: true})
	if refused := (*runner.BuildError)(nil); errors.As(err, &refused) {
		return nil, refused.Error(), nil
	}
	return binary, "", err
}

// run grades one test.
func (g Grader) run(ctx context.Context, binary *runner.Binary, refusal string, item *report.Item, test string, flags ...string) error {
	if binary == nil {
		item.Status, item.Output = statusRefused, refusal
		return nil
	}
	result, err := binary.Run(ctx, test, g.Limits, flags...)
	if err != nil {
		return err
	}
	item.Status = string(result.Status)
	if result.Status == runner.Passed {
		item.Points = item.Max
		return nil
	}
	item.Output = Reason(result)
	return nil
}

// Reason is the part of a failed run that a learner should read: the case of the
// assertion, the panic, or else the end of the output.
func Reason(result runner.Result) string {
	switch result.Status {
	case runner.Todo:
		return "still to be written: task " + result.Task
	case runner.TimedOut:
		return fmt.Sprintf("did not end within %s: an endless loop, or a wait for something that never comes", result.Elapsed.Round(time.Second))
	case runner.TooMuch:
		return "printed more than a test may"
	case runner.Vanished:
		return "the process ended without the test having passed"
	}
	if found, ok := explain.Find(result.Output); ok {
		return found
	}
	lines := strings.Split(strings.TrimSpace(result.Output), "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return strings.Join(lines[i:min(len(lines), i+12)], "\n")
		}
	}
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

// HiddenSeed is the i-th seed of a student: HMAC-SHA256 under the teacher's key of lab,
// student and i. It is never 0, which means no seed.
func HiddenSeed(key []byte, labID, student string, i int) uint64 {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "insideetcd lab %s\x00%s\x00%d", labID, student, i)
	return binary.BigEndian.Uint64(mac.Sum(nil))>>1 | 1
}

// OpenSeed is the seed of a student's question. Everybody can compute it.
func OpenSeed(labID, student string) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "insideetcd lab %s question\x00%s", labID, student))
	return binary.BigEndian.Uint64(sum[:])>>1 | 1
}

// share divides points among n so that the sum is right.
func share(points, n, i int) int { return points*(i+1)/n - points*i/n }

// mutants grades the learner's own test: it passes on the reference, and fails on each
// mutant by an assertion, not by a crash or a time-out.
func (g Grader) mutants(ctx context.Context, _ *overlay.Overlay, _ string, s Submission, r *report.Report) error {
	m := g.Lab.Mutants
	if m.File == "" {
		return nil
	}
	o, refusal := overlay.New(g.Root), ""
	file := path.Join(g.Lab.Folder, m.File)
	if content, err := overlay.New(s.Dir).Read(file); err != nil {
		refusal = err.Error()
	} else {
		o.Put(file, content)
		refusal = g.forbidden(o, file)
	}
	onReference, err := g.own(ctx, o, refusal)
	if err != nil {
		return err
	}
	all, err := bugs.All()
	if err != nil {
		return err
	}
	for i, id := range m.Bugs {
		item := report.Item{Number: fmt.Sprintf("%s.m%d", g.Lab.ID, i+1), Name: "kill mutant " + id, Max: share(m.Points, len(m.Bugs), i), Tags: []string{"mutant"}}
		if onReference.Status != runner.Passed {
			item.Status, item.Output = string(onReference.Status), "your test has to pass on the reference first:\n"+onReference.Output
		} else if err := g.kill(ctx, o, all, id, &item); err != nil {
			return err
		}
		r.Items = append(r.Items, item)
	}
	return nil
}

// own builds and runs the learner's test on the tree of o.
func (g Grader) own(ctx context.Context, o *overlay.Overlay, refusal string) (runner.Result, error) {
	binary, refusal, err := g.build(ctx, o, refusal)
	if err != nil {
		return runner.Result{}, err
	}
	if binary == nil {
		return runner.Result{Status: statusRefused, Output: refusal}, nil
	}
	defer binary.Close()
	result, err := binary.Run(ctx, g.Lab.Mutants.Test, g.Limits)
	if result.Status != runner.Passed {
		result.Output = Reason(result)
	}
	return result, err
}

func (g Grader) kill(ctx context.Context, o *overlay.Overlay, all []bugs.Bug, id string, item *report.Item) error {
	selected, err := bugs.Select(all, []string{id})
	if err != nil {
		return err
	}
	bug, planted := selected[0], o.Clone()
	if err := planted.Replace(bug.Package+"/"+bug.File, bug.Find, bug.Replace); err != nil {
		return err
	}
	result, err := g.own(ctx, planted, "")
	if err != nil {
		return err
	}
	switch {
	case result.Status == runner.Passed:
		item.Status, item.Output = "survived", "your test passes with this fault in: "+bug.Rule
	case result.Status == runner.Failed && !strings.Contains(result.Output, "panic: "):
		item.Status, item.Points = string(runner.Passed), item.Max
	default:
		item.Status, item.Output = string(result.Status), "your test has to fail by an assertion:\n"+result.Output
	}
	return nil
}
