// Package lab knows the labs: what lab.json says of them, which files they are about, and
// how a workspace is made.
//
// A lab is a list of tasks, and a task is a list of functions of the reference. Nothing
// else is written down about a starter: it is the reference with these functions emptied.
package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"insideetcd/labs/cutter"
	"insideetcd/labs/overlay"
	"insideetcd/labs/runner"
)

// Lab is a folder labs/NN-name. Its own Go package holds the tests; it has no TestMain.
type Lab struct {
	ID        string    `json:"id"` // e.g. "2.1"
	Title     string    `json:"title"`
	TitleZH   string    `json:"title_zh"`
	Book      []string  `json:"book"` // sections, e.g. "2.1"
	Tasks     []Task    `json:"tasks"`
	Hidden    Hidden    `json:"hidden"`
	Mutants   Mutants   `json:"mutants"`
	Questions Questions `json:"questions"`

	Folder string `json:"-"` // from the module's root, with slashes
}

// Task is what is done in one sitting.
type Task struct {
	ID        string     `json:"id"` // e.g. "2.1.1"
	Title     string     `json:"title"`
	Reading   string     `json:"reading"` // what to read first
	Functions []Function `json:"functions"`
	Tests     []Test     `json:"tests"`
	Hints     []string   `json:"hints"` // a question, the invariant, an outline
	Bugs      []string   `json:"bugs"`  // planted bugs of this kind
}

// Function names a function of the reference; methods with their receiver.
type Function struct {
	Package string `json:"package"` // folder from the module's root
	Func    string `json:"func"`
}

// Test is one graded test.
type Test struct {
	Name   string `json:"name"`
	Points int    `json:"points"`
}

// Hidden is a test that is run with seeds of the student's own.
type Hidden struct {
	Test   string `json:"test"` // takes -lab.seed
	Seeds  int    `json:"seeds"`
	Points int    `json:"points"` // for all seeds together
}

// Mutants are planted bugs that a test of the learner's has to find.
type Mutants struct {
	File   string   `json:"file"` // in the lab's folder
	Test   string   `json:"test"`
	Bugs   []string `json:"bugs"`
	Points int      `json:"points"` // for all of them together
}

// Questions are about the trace of a run that is the student's own.
type Questions struct {
	Test   string   `json:"test"` // takes -lab.seed, prints the trace and, last, the answers
	File   string   `json:"file"` // in the lab's folder: the student's answers
	Asked  []string `json:"asked"`
	Points int      `json:"points"` // for all of them together
}

// Load reads all labs of the tree at root, in the order of the book.
func Load(root string) ([]Lab, error) {
	paths, err := filepath.Glob(filepath.Join(root, "labs", "*", "lab.json"))
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	var labs []Lab
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			return nil, fmt.Errorf("lab: %w", err)
		}
		l := Lab{Folder: path.Join("labs", filepath.Base(filepath.Dir(p)))}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&l); err != nil {
			return nil, fmt.Errorf("lab: %s: %w", p, err)
		}
		labs = append(labs, l)
	}
	slices.SortFunc(labs, func(a, b Lab) int { return strings.Compare(a.ID, b.ID) })
	return labs, nil
}

// Find returns one lab of the tree at root.
func Find(root, id string) (Lab, error) {
	labs, err := Load(root)
	if err != nil {
		return Lab{}, err
	}
	for _, l := range labs {
		if l.ID == id {
			return l, nil
		}
	}
	return Lab{}, fmt.Errorf("there is no lab %q; `go run ./labs list` names them", id)
}

// Task returns one task.
func (l Lab) Task(id string) (Task, error) {
	for _, t := range l.Tasks {
		if t.ID == id {
			return t, nil
		}
	}
	return Task{}, fmt.Errorf("lab %s has no task %q", l.ID, id)
}

// Points is what the lab gives at most.
func (l Lab) Points() int {
	sum := l.Hidden.Points + l.Mutants.Points + l.Questions.Points
	for _, t := range l.Tasks {
		sum += t.Points()
	}
	return sum
}

// Points is what the task's tests give together.
func (t Task) Points() (sum int) {
	for _, test := range t.Tests {
		sum += test.Points
	}
	return sum
}

// File is a file of the reference with functions that some tasks empty.
type File struct {
	Path      string // from the root, with slashes
	Functions map[string]string
}

// Files returns the files that a learner of the lab writes in, sorted, with the task that
// each of their functions belongs to.
func (l Lab) Files(root string) ([]File, error) {
	byPath := map[string]File{}
	for _, t := range l.Tasks {
		for _, f := range t.Functions {
			p, err := declaring(root, f)
			if err != nil {
				return nil, fmt.Errorf("task %s: %w", t.ID, err)
			}
			if byPath[p].Functions == nil {
				byPath[p] = File{Path: p, Functions: map[string]string{}}
			}
			byPath[p].Functions[f.Func] = t.ID
		}
	}
	var files []File
	for _, f := range byPath {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// declaring finds the file of a function.
func declaring(root string, f Function) (string, error) {
	paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(f.Package), "*.go"))
	if err != nil {
		return "", err
	}
	for _, p := range paths {
		src, err := os.ReadFile(p)
		if err != nil {
			return "", err
		}
		names, err := cutter.Functions(src)
		if err != nil {
			return "", fmt.Errorf("%s: %w", p, err)
		}
		if slices.Contains(names, f.Func) {
			return path.Join(f.Package, filepath.Base(p)), nil
		}
	}
	return "", fmt.Errorf("%s declares no %s", f.Package, f.Func)
}

// Cut lays over the tree of o its files with the functions of the named tasks emptied, of
// all tasks if none is named. What an emptied function panics with begins with
// runner.TodoMark and the task's ID.
func (l Lab) Cut(o *overlay.Overlay, tasks ...string) error {
	files, err := l.Files(o.Root)
	if err != nil {
		return err
	}
	for _, f := range files {
		for _, t := range l.Tasks {
			if len(tasks) > 0 && !slices.Contains(tasks, t.ID) {
				continue
			}
			if err := empty(o, f, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func empty(o *overlay.Overlay, f File, t Task) error {
	var names []string
	for name, id := range f.Functions {
		if id == t.ID {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	src, err := o.Read(f.Path)
	if err != nil {
		return err
	}
	src, err = cutter.Empty(src, names, runner.TodoMark+t.ID+", "+t.Title)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	o.Put(f.Path, src)
	return nil
}

// CutMutant empties the learner's own test.
func (l Lab) CutMutant(o *overlay.Overlay) error {
	if l.Mutants.File == "" {
		return nil
	}
	p := path.Join(l.Folder, l.Mutants.File)
	src, err := o.Read(p)
	if err != nil {
		return err
	}
	src, err = cutter.Empty(src, []string{l.Mutants.Test}, runner.TodoMark+l.ID+", kill the mutants")
	if err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	o.Put(p, src)
	return nil
}
