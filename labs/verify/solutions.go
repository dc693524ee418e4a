package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"insideetcd/labs/bugs"
	"insideetcd/labs/cutter"
	"insideetcd/labs/grade"
	"insideetcd/labs/overlay"
	"insideetcd/labs/runner"
)

// reference grades the clone itself, with the right answers filled in.
func (v Verifier) reference(ctx context.Context) (string, error) {
	dir, err := v.folder()
	if err != nil {
		return "", err
	}
	if err := v.copySolution(dir, overlay.New(v.Root)); err != nil {
		return "", err
	}
	if err := v.answer(ctx, dir); err != nil {
		return "", err
	}
	r, err := v.grader().Grade(ctx, v.submission(dir))
	if err != nil {
		return "", err
	}
	for _, i := range r.Items {
		if !i.Passed() {
			return "", fmt.Errorf("%s %s is %s\n%s", i.Number, i.Name, i.Status, i.Output)
		}
	}
	if r.Points() != 100 || r.Max() != 100 {
		return "", fmt.Errorf("%d of %d points; they have to sum to 100", r.Points(), r.Max())
	}
	return fmt.Sprintf("%d of %d points, %d items", r.Points(), r.Max(), len(r.Items)), nil
}

// copySolution writes the files of the lab, as o has them, to their places in dir.
func (v Verifier) copySolution(dir string, o *overlay.Overlay) error {
	files, err := v.Lab.Files(v.Root)
	if err != nil {
		return err
	}
	paths := []string{v.Lab.Folder + "/" + v.Lab.Mutants.File}
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	for _, p := range paths {
		content, err := o.Read(p)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if err := write(dir, p, content); err != nil {
			return err
		}
	}
	return nil
}

func write(dir, p string, content []byte) error {
	to := filepath.Join(dir, filepath.FromSlash(p))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if err := os.WriteFile(to, content, 0o644); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return nil
}

func (v Verifier) answer(ctx context.Context, dir string) error {
	_, right, err := grade.Ask(ctx, v.Root, v.Lab, student)
	if err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"student": student, "answers": right})
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return write(dir, v.Lab.Folder+"/"+v.Lab.Questions.File, text)
}

// starter looks at what a learner finds on the first day.
func (v Verifier) starter(ctx context.Context) (string, error) {
	dir, err := v.workspace()
	if err != nil {
		return "", err
	}
	if err := v.vet(ctx); err != nil {
		return "", err
	}
	r, err := v.grader().Grade(ctx, v.submission(dir))
	if err != nil {
		return "", err
	}
	for _, i := range r.Items {
		if i.Status != string(runner.Todo) || i.Points != 0 {
			return "", fmt.Errorf("%s %s: %s with %d points\n%s", i.Number, i.Name, i.Status, i.Points, i.Output)
		}
	}
	return fmt.Sprintf("%d items are todo", len(r.Items)), nil
}

// vet has go vet look at the starter, laid over the clone.
func (v Verifier) vet(ctx context.Context) error {
	o := overlay.New(v.Root)
	if err := errors.Join(v.Lab.Cut(o), v.Lab.CutMutant(o)); err != nil {
		return err
	}
	dir, err := v.folder()
	if err != nil {
		return err
	}
	arguments, err := o.Write(dir)
	if err != nil {
		return err
	}
	vet := exec.CommandContext(ctx, "go", slices.Concat([]string{"vet"}, arguments, v.packages())...)
	vet.Dir = v.Root
	if out, err := vet.CombinedOutput(); err != nil {
		return fmt.Errorf("go vet of the starter: %w\n%s", err, out)
	}
	return nil
}

// packages are those that the lab cuts in, and its own, for the go command.
func (v Verifier) packages() []string {
	list := []string{"./" + v.Lab.Folder}
	for _, t := range v.Lab.Tasks {
		for _, f := range t.Functions {
			if p := "./" + f.Package; !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list
}

// cuts empties one task after the other in the reference. The first one is short.
func (v Verifier) cuts(ctx context.Context) (string, error) {
	if lines, err := v.firstTaskLines(); err != nil {
		return "", err
	} else if lines > 10 {
		return "", fmt.Errorf("the first task has %d lines, so the first green takes too long: ten at most", lines)
	}
	tasks := v.Lab.Tasks
	if v.Effort == Slice {
		tasks = tasks[:1]
	}
	for _, cut := range tasks {
		o := overlay.New(v.Root)
		if err := v.Lab.Cut(o, cut.ID); err != nil {
			return "", err
		}
		passed, err := v.runTasks(ctx, o)
		if err != nil {
			return "", err
		}
		for _, t := range v.Lab.Tasks {
			for _, test := range t.Tests {
				if passed[test.Name] == (t.ID == cut.ID) {
					return "", fmt.Errorf("with task %s cut, %s of task %s: passed is %t", cut.ID, test.Name, t.ID, passed[test.Name])
				}
			}
		}
	}
	return fmt.Sprintf("%d of %d tasks cut", len(tasks), len(v.Lab.Tasks)), nil
}

func (v Verifier) firstTaskLines() (sum int, err error) {
	files, err := v.Lab.Files(v.Root)
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		src, err := overlay.New(v.Root).Read(f.Path)
		if err != nil {
			return 0, fmt.Errorf("verify: %w", err)
		}
		for name, task := range f.Functions {
			if task != v.Lab.Tasks[0].ID {
				continue
			}
			n, err := cutter.BodyLines(src, name)
			if err != nil {
				return 0, err
			}
			sum += n
		}
	}
	return sum, nil
}

// runTasks runs the tests of all tasks and says which passed.
func (v Verifier) runTasks(ctx context.Context, o *overlay.Overlay) (map[string]bool, error) {
	binary, err := runner.Build(ctx, o, v.Lab.Folder, runner.Options{Proof: true})
	if err != nil {
		return nil, refusal(err)
	}
	defer binary.Close()
	passed := map[string]bool{}
	for _, t := range v.Lab.Tasks {
		for _, test := range t.Tests {
			result, err := binary.Run(ctx, test.Name, runner.Limits{})
			if err != nil {
				return nil, err
			}
			passed[test.Name] = result.Status == runner.Passed
		}
	}
	return passed, nil
}

// bugs hunts the planted bugs that the lab names.
func (v Verifier) bugs(ctx context.Context) (string, error) {
	all, err := bugs.All()
	if err != nil {
		return "", err
	}
	var ids []string
	for _, t := range v.Lab.Tasks {
		ids = append(ids, t.Bugs...)
	}
	ids = append(ids, v.Lab.Mutants.Bugs...)
	slices.Sort(ids)
	selected, err := bugs.Select(all, slices.Compact(ids))
	if err != nil {
		return "", err
	}
	if v.Effort == Slice {
		selected = selected[:1]
	}
	detail, hunter := "", bugs.NewHunter(v.Root)
	for _, b := range selected {
		c, err := hunter.Hunt(ctx, b)
		if err != nil {
			return "", err
		}
		if c.Verdict != bugs.Caught {
			return "", fmt.Errorf("%s: %s\n%s", b.ID, c.Verdict, c.Output)
		}
		detail += fmt.Sprintf("%s → %s → %d; ", b.ID, b.CaughtBy, c.Seeds)
	}
	return fmt.Sprintf("%skill rate %d of %d", detail, len(selected), len(selected)), nil
}

// alternatives grafts each solution of the folder alt onto the reference.
func (v Verifier) alternatives(ctx context.Context) (string, error) {
	donors, err := filepath.Glob(filepath.Join(v.Root, filepath.FromSlash(v.Lab.Folder), "alt", "*.go"))
	if err != nil || len(donors) == 0 {
		return "", fmt.Errorf("%s/alt holds no other solution (%v)", v.Lab.Folder, err)
	}
	for _, donor := range donors {
		dir, err := v.folder()
		if err != nil {
			return "", err
		}
		o := overlay.New(v.Root)
		if err := v.graft(o, donor); err != nil {
			return "", err
		}
		if err := v.copySolution(dir, o); err != nil {
			return "", err
		}
		g := v.grader()
		g.Lab = v.codeOnly()
		r, err := g.Grade(ctx, v.submission(dir))
		if err != nil {
			return "", err
		}
		for _, i := range r.Items {
			if !i.Passed() {
				return "", fmt.Errorf("%s: %s %s is %s\n%s", filepath.Base(donor), i.Number, i.Name, i.Status, i.Output)
			}
		}
	}
	return fmt.Sprintf("%d grafted, all %d points for code", len(donors), v.codeOnly().Points()), nil
}

// graft puts the donor's functions of the lab's files into them.
func (v Verifier) graft(o *overlay.Overlay, donor string) error {
	files, err := v.Lab.Files(v.Root)
	if err != nil {
		return err
	}
	from, err := os.ReadFile(donor)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	has, err := cutter.Functions(from)
	if err != nil {
		return err
	}
	for _, f := range files {
		var names []string
		for name := range f.Functions {
			if slices.Contains(has, name) {
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			continue
		}
		src, err := o.Read(f.Path)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if src, err = cutter.Graft(src, from, names); err != nil {
			return err
		}
		o.Put(f.Path, src)
	}
	return nil
}
